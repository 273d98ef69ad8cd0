from __future__ import annotations

import torch
from torch import nn

from topfive.models import create_model
from topfive.models.network_in_network import ClassMaps


def test_a_logit_is_the_mean_of_a_rectified_map() -> None:
    torch.manual_seed(0)
    head = ClassMaps(5, 3).double()
    x = torch.randn(2, 5, 4, 6, dtype=torch.float64)
    weights = head.weight[:, :, 0, 0]
    expected = torch.zeros(2, 3, dtype=torch.float64)
    for row in range(4):
        for column in range(6):
            expected += (x[:, :, row, column] @ weights.T + head.bias).clamp(min=0) / 24
    torch.testing.assert_close(head(x), expected)


def test_rectifying_before_the_mean_is_not_after() -> None:
    head = ClassMaps(1, 1)
    nn.init.ones_(head.weight)
    nn.init.zeros_(head.bias)
    x = torch.tensor([[[[-3.0, 1.0]]]])
    assert head(x).item() == 0.5
    assert head(x.mean((2, 3))).item() == 0


def test_sizes_on_imagenet() -> None:
    with torch.device("meta"):
        model = create_model("nin_imagenet")
        x = torch.zeros(1, 3, 224, 224)
        shapes = []
        for stage in model.stages:
            x = stage(x)
            shapes.append(tuple(x.shape[1:]))
    assert shapes == [(96, 26, 26), (256, 12, 12), (384, 5, 5), (1024, 5, 5)]


def test_sizes_on_cifar() -> None:
    with torch.device("meta"):
        model = create_model("nin_cifar10")
        x = torch.zeros(1, 3, 32, 32)
        shapes = []
        for stage in model.stages:
            x = stage(x)
            shapes.append(tuple(x.shape[1:]))
    assert shapes == [(96, 16, 16), (192, 8, 8), (192, 8, 8)]


def test_each_convolution_is_followed_by_two_of_1x1() -> None:
    """The last of them is the head."""
    with torch.device("meta"):
        model = create_model("nin_imagenet")
    kernels = [m.kernel_size[0] for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert kernels == [11, 1, 1, 5, 1, 1, 3, 1, 1, 3, 1, 1]
