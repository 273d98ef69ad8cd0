"""Poolings that several papers share."""

from __future__ import annotations

from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

covering = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)  # Caffe's: rounds up, so that no pixel is left out


def same_edges(maps: Tensor, kernel: int, stride: int) -> list[int]:
    """What TensorFlow's SAME lays around `maps` [N, C, H, W]: left, right, top, bottom."""
    height, width = (max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in maps.shape[-2:])
    return [width // 2, width - width // 2, height // 2, height - height // 2]


class SameMaxPool2d(nn.MaxPool2d):
    """Max pooling under TensorFlow's SAME: ceil(input / stride), an odd row goes to the right and to the bottom."""

    def __init__(self, kernel: int, stride: int):
        super().__init__(kernel, stride)
        self.kernel, self.step = kernel, stride

    def forward(self, input: Tensor) -> Tensor:
        edges = same_edges(input, self.kernel, self.step)
        return cast(Tensor, super().forward(F.pad(input, edges, value=-torch.inf)))


class SameAvgPool2d(nn.AvgPool2d):
    """Average pooling under TensorFlow's SAME; what is padded does not count."""

    def __init__(self, kernel: int, stride: int):
        super().__init__(kernel, stride)
        self.kernel, self.step = kernel, stride

    def forward(self, input: Tensor) -> Tensor:
        left, _, top, _ = same_edges(input, self.kernel, self.step)  # rounding the size up adds the last row and column
        return F.avg_pool2d(input, self.kernel, self.step, (top, left), ceil_mode=True, count_include_pad=False)


class SameZeros2d(nn.Module):
    """Zeros as TensorFlow's SAME would lay them, for a pooling that takes them for pixels."""

    def __init__(self, kernel: int, stride: int):
        super().__init__()
        self.kernel, self.step = kernel, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, same_edges(input, self.kernel, self.step))


def same_max(kernel: int, stride: int) -> nn.Module:
    """Where nothing strides, SAME is symmetric whatever the size."""
    return nn.MaxPool2d(kernel, 1, kernel // 2) if stride == 1 and kernel % 2 else SameMaxPool2d(kernel, stride)


def same_average(kernel: int, stride: int) -> nn.Module:
    if stride == 1 and kernel % 2:
        return nn.AvgPool2d(kernel, 1, kernel // 2, count_include_pad=False)
    return SameAvgPool2d(kernel, stride)


def max_over_zeros(kernel: int, stride: int) -> nn.Module:
    """Where it strides, the border is never below zero."""
    if stride == 1:
        return same_max(kernel, stride)
    return nn.Sequential(SameZeros2d(kernel, stride), nn.MaxPool2d(kernel, stride))


def average_over_zeros(kernel: int, stride: int) -> nn.Module:
    """Where it strides, the mean at the border is of zeros, too."""
    if stride == 1:
        return same_average(kernel, stride)
    return nn.Sequential(SameZeros2d(kernel, stride), nn.AvgPool2d(kernel, stride))
