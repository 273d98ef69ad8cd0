from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from topfive.nn.conv import ConvNorm, SameConv2d, centred, same


@settings(deadline=None)
@given(size=st.integers(1, 24), kernel=st.integers(1, 7), stride=st.integers(1, 4))
def test_same_gives_every_stride_one_output_and_pads_right_and_bottom(size: int, kernel: int, stride: int) -> None:
    conv = same(1, 1, kernel, stride, 1).double()
    image = torch.randn(1, 1, size, size, dtype=torch.float64)
    outputs = -(-size // stride)
    assert conv(image).shape[-2:] == (outputs, outputs)
    # An image in a field of zeros: TensorFlow starts so far before it as half of what is missing, rounded down.
    missing = max((outputs - 1) * stride + kernel - size, 0)
    field = F.pad(image, [8, 8, 8, 8])
    start = 8 - missing // 2
    extent = (outputs - 1) * stride + kernel
    window = field[:, :, start : start + extent, start : start + extent]
    torch.testing.assert_close(conv(image), F.conv2d(window, conv.weight, stride=stride))


def test_same_and_centred_differ_at_even_sizes_alone() -> None:
    ours, theirs = same(1, 1, 3, 2, 1), centred(1, 1, 3, 2, 1)
    theirs.load_state_dict(ours.state_dict())
    for size, agree in ((8, False), (9, True)):
        image = torch.randn(1, 1, size, size)
        assert torch.allclose(ours(image), theirs(image), atol=1e-6) == agree


def test_the_two_sides_are_padded_by_themselves() -> None:
    assert same(1, 1, 5, 2, 1)(torch.zeros(1, 1, 7, 10)).shape[-2:] == (4, 5)


def test_a_layer_is_convolution_norm_activation() -> None:
    layer = ConvNorm(nn.ReLU6)
    assert [name for name, _ in layer(3, 8, 3, 2).named_children()] == ["conv", "norm", "activation"]
    assert [name for name, _ in layer.linear(3, 8).named_children()] == ["conv", "norm"]
    assert layer(8, 8, 3, groups=8).conv.weight.shape == (8, 1, 3, 3)
    assert layer(3, 8).conv.bias is None


def test_same_works_on_the_meta_device() -> None:
    with torch.device("meta"):
        assert SameConv2d(3, 4, 3, 2, bias=False)(torch.zeros(2, 3, 10, 11)).shape == (2, 4, 5, 6)


def test_same_is_exported_to_onnx_for_any_batch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layer = ConvNorm(nn.ReLU6, convolution=same)
    model = nn.Sequential(layer(3, 8, 3, 2), layer(8, 8, 5, 2, groups=8), layer.linear(8, 4)).eval()
    file = tmp_path / "same.onnx"
    example = (torch.randn(2, 3, 30, 32),)
    with torch.no_grad():
        torch.onnx.export(
            model, example, file, dynamo=True, dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False
        )
    session = onnxruntime.InferenceSession(file)
    for batch in (1, 5):
        images = torch.randn(batch, 3, 30, 32)
        (given_,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(given_, model(images).numpy(), atol=1e-5)
