from __future__ import annotations

from collections import OrderedDict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from topfive.models import create_model
from topfive.models.alexnet import AlexNet, five_convolutions, paper_response_norm


def test_response_normalisation_is_section_3_3() -> None:
    """b = a / (2 + 1e-4 * sum of a^2 over five neighbouring maps)^0.75."""
    torch.manual_seed(0)
    a = 50 * torch.randn(1, 9, 2, 2)
    expected = torch.empty_like(a)
    for i in range(9):
        neighbours = a[:, max(0, i - 2) : min(8, i + 2) + 1]
        expected[:, i] = a[:, i] / (2 + 1e-4 * neighbours.square().sum(1)) ** 0.75
    torch.testing.assert_close(paper_response_norm()(a), expected)


def test_sizes_are_those_of_figure_2() -> None:
    with torch.device("meta"):
        model = create_model("alexnet_paper")
        x = torch.zeros(1, 3, 227, 227)
        shapes = {}
        for name, layer in model.trunk.named_children():
            x = layer(x)
            shapes[name] = tuple(x.shape[1:])
    assert shapes["conv1"] == (96, 55, 55)
    assert shapes["conv2"] == (256, 27, 27)
    assert shapes["conv3"] == shapes["conv4"] == (384, 13, 13)
    assert shapes["conv5"] == (256, 13, 13)
    assert shapes["pool5"] == (256, 6, 6)
    assert [n for n, layer in model.trunk.named_children() if isinstance(layer, nn.LocalResponseNorm)] == [
        "norm1",
        "norm2",
    ]


@pytest.mark.parametrize(("name", "meets"), [("conv2", False), ("conv3", True), ("conv4", False), ("conv5", False)])
def test_the_towers_meet_in_conv3_alone(name: str, meets: bool) -> None:
    with torch.device("meta"):
        layer = create_model("alexnet_paper").trunk.get_submodule(name)
    layer.to_empty(device="cpu")
    nn.init.normal_(layer.weight)
    nn.init.zeros_(layer.bias)
    first_tower = torch.zeros(1, layer.in_channels, 5, 5)
    first_tower[:, : layer.in_channels // 2] = torch.randn(layer.in_channels // 2, 5, 5)
    seen = layer(first_tower)
    assert seen[:, : layer.out_channels // 2].any()
    assert seen[:, layer.out_channels // 2 :].any() == meets


def test_biases_start_at_one_where_section_5_says() -> None:
    model = create_model("alexnet", num_classes=2)
    ones = {name for name, parameter in model.named_parameters() if name.endswith("bias") and parameter.eq(1).all()}
    assert ones == {
        f"{name}.bias" for name in ("trunk.conv2", "trunk.conv4", "trunk.conv5", "hidden.fc6", "hidden.fc7")
    }
    assert model.trunk.conv3.weight.std().item() == pytest.approx(0.01, rel=0.05)


class CaffePool(nn.Module):
    """The third pool of the ONNX file: one row and column more at the right and the bottom."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(F.pad(x, [0, 1, 0, 1], value=-torch.inf), 3, 2)


@pytest.mark.slow
def test_the_two_towers_equal_the_onnx_alexnet(tmp_path: Path) -> None:
    """ONNX's own AlexNet has the towers but k = 1, a mean in the response norm, and another third pool at 224."""
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    file = Path(onnx.__file__).parent / "backend/test/data/light/light_bvlc_alexnet.onnx"
    graph = onnx.load(file)
    rng = np.random.default_rng(0)
    tensors: OrderedDict[str, np.ndarray] = OrderedDict()
    shapes = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    kept = []
    for node in graph.graph.node:
        if node.op_type != "ConstantOfShape":
            kept.append(node)
            continue
        shape = tuple(shapes[node.input[0]])
        fan_in = np.prod(shape[1:]) if len(shape) > 1 else 25
        tensors[node.output[0]] = rng.normal(0, (2 / fan_in) ** 0.5, shape).astype(np.float32)
    del graph.graph.node[:]
    graph.graph.node.extend(kept)
    graph.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in tensors.items())
    onnx.save(graph, tmp_path / "alexnet.onnx")

    caffe_norm = partial(nn.LocalResponseNorm, 5, alpha=1e-4, beta=0.75, k=1.0)
    ours = AlexNet(partial(five_convolutions, towers=2, normalise=caffe_norm), num_classes=1000, in_channels=3).eval()
    ours.trunk.pool5 = CaffePool()
    named = [tensors[name] for node in kept if node.op_type in ("Conv", "Gemm") for name in node.input[1:]]
    ours.load_state_dict(dict(zip(ours.state_dict(), map(torch.from_numpy, named), strict=True)))
    images = rng.normal(0, 50, (1, 3, 224, 224)).astype(np.float32)
    session = onnxruntime.InferenceSession(tmp_path / "alexnet.onnx")
    (expected,) = session.run(None, {session.get_inputs()[0].name: images})
    with torch.no_grad():
        given = ours(torch.from_numpy(images)).softmax(1).numpy()
    assert np.abs(expected).max() > 1.5 / 1000  # not the same for all classes
    np.testing.assert_allclose(given, expected.reshape(1, 1000), rtol=1e-3, atol=1e-6)
