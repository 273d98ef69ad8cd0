"""The papers' own GoogLeNet and BN-Inception against the graphs that the ONNX package carries, with our tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from topfive.models import create_model
from topfive.nn.classifier import Classifier


def settled(name: str, images: torch.Tensor) -> Classifier:
    """Our network with random offsets and the statistics of `images`."""
    torch.manual_seed(0)
    ours = create_model(name)
    with torch.no_grad():
        for key, parameter in ours.named_parameters():
            if parameter.ndim == 1:
                parameter.uniform_(0.5, 1.5) if key.endswith("weight") else parameter.normal_(std=0.05)
        for norm in ours.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.momentum = None
        ours.dropout.p = 0.0
        ours.train()
        ours(images)
        logits = ours.eval()(images)
        spread = (logits - logits.mean(0)).abs().max()
        ours.head.weight.mul_(3 / spread)  # so that the probabilities neither agree nor saturate
        ours.head.bias.zero_()
    return ours


def answers_of_the_graph(file: str, ours: nn.Module, images: np.ndarray, folder: Path) -> np.ndarray:
    """The graph's weights are placeholders: ours go in by order; the scales that follow its normalisations are idle."""
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    graph = onnx.load(Path(onnx.__file__).parent / "backend/test/data/light" / file)
    mine = iter([tensor for key, tensor in ours.state_dict().items() if not key.endswith("num_batches_tracked")])
    sizes = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    shapes = {n.output[0]: tuple(sizes[n.input[0]]) for n in graph.graph.node if n.op_type == "ConstantOfShape"}
    shapes |= {name: array.shape for name, array in sizes.items() if array.dtype == np.float32}  # the small ones
    kept = [node for node in graph.graph.node if node.op_type != "ConstantOfShape"]
    tensors: dict[str, np.ndarray] = {}
    for node in kept:
        for name in node.input[node.op_type not in ("Unsqueeze", "Reshape") :]:
            if name not in shapes:
                continue
            if "/sc_" in name:
                tensors[name] = np.full(shapes[name], "/sc_w" in name, np.float32)
            else:
                tensors[name] = next(mine).numpy().reshape(shapes[name])
    assert next(mine, None) is None
    del graph.graph.node[:]
    graph.graph.node.extend(kept)
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(onnx.numpy_helper.from_array(v, k) for k, v in sizes.items() if k not in tensors)
    graph.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in tensors.items())
    onnx.save(graph, folder / file)
    session = onnxruntime.InferenceSession(folder / file)
    return np.concatenate([session.run(None, {session.get_inputs()[0].name: image[None]})[0] for image in images])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "file"),
    [("googlenet_paper", "light_inception_v1.onnx"), ("bninception_paper", "light_inception_v2.onnx")],
)
def test_probabilities_equal_the_graphs(name: str, file: str, tmp_path: Path) -> None:
    images = torch.randn(2, 3, 224, 224)
    ours = settled(name, images)
    for pool in ours.modules():
        if isinstance(pool, nn.MaxPool2d) and name == "googlenet_paper":
            pool.ceil_mode = False  # the first graph's poolings round down
        if isinstance(pool, nn.AvgPool2d):
            pool.count_include_pad = False  # the zeros around the map do not count in the second's
    expected = answers_of_the_graph(file, ours, images.numpy(), tmp_path).reshape(2, 1000)
    with torch.no_grad():
        given = ours(images).softmax(1).numpy()
    assert np.abs(expected[0] - expected[1]).max() > 1e-2 * expected.max()
    np.testing.assert_allclose(given, expected, rtol=1e-3, atol=1e-6)
