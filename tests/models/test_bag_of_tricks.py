from __future__ import annotations

import pytest
import torch
from torch import nn

from topfive.models import create_model
from topfive.models.bag_of_tricks import pooled_projection


def test_b_is_the_public_resnet50() -> None:
    with torch.device("meta"):
        ours, public = create_model("resnet50b"), create_model("resnet50")
    assert str(ours) == str(public)


def test_c_and_d_hold_the_same_weights_but_for_their_names() -> None:
    with torch.device("meta"):
        c, d = create_model("resnet50c"), create_model("resnet50d")
    assert [tensor.shape for tensor in c.parameters()] == [tensor.shape for tensor in d.parameters()]
    assert not any(isinstance(module, nn.AvgPool2d) for module in c.modules())
    assert sum(isinstance(module, nn.AvgPool2d) for module in d.modules()) == 3


@pytest.mark.parametrize("size", [6, 7])
def test_the_pooled_shortcut_sees_every_pixel(size: int) -> None:
    torch.manual_seed(0)
    shortcut = pooled_projection(2, 4, 2).eval()
    image = torch.randn(1, 2, size, size, requires_grad=True)
    shortcut(image).square().sum().backward()
    assert image.grad is not None
    assert (image.grad != 0).all()


def test_three_3x3_for_the_7x7() -> None:
    with torch.device("meta"):
        stem = create_model("resnet101d").stem
        convolutions = [module for module in stem.modules() if isinstance(module, nn.Conv2d)]
        assert stem(torch.zeros(1, 3, 224, 224)).shape == (1, 64, 56, 56)
    found = [(conv.out_channels, conv.kernel_size, conv.stride) for conv in convolutions]
    assert found == [(32, (3, 3), (2, 2)), (32, (3, 3), (1, 1)), (64, (3, 3), (1, 1))]
