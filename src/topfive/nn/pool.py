"""Poolings that several papers share."""

from __future__ import annotations

from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

covering = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)  # Caffe's: rounds up, so that no pixel is left out


class SameMaxPool2d(nn.MaxPool2d):
    """Max pooling under TensorFlow's SAME: ceil(input / stride), an odd row goes to the right and to the bottom."""

    def __init__(self, kernel: int, stride: int):
        super().__init__(kernel, stride)
        self.kernel, self.step = kernel, stride

    def forward(self, input: Tensor) -> Tensor:
        height, width = (
            max((-(-size // self.step) - 1) * self.step + self.kernel - size, 0) for size in input.shape[-2:]
        )
        edges = [width // 2, width - width // 2, height // 2, height - height // 2]
        return cast(Tensor, super().forward(F.pad(input, edges, value=-torch.inf)))


class SameAvgPool2d(nn.AvgPool2d):
    """Average pooling under TensorFlow's SAME; what is padded does not count."""

    def __init__(self, kernel: int, stride: int):
        super().__init__(kernel, stride)
        self.kernel, self.step = kernel, stride

    def forward(self, input: Tensor) -> Tensor:
        top, left = (
            max((-(-size // self.step) - 1) * self.step + self.kernel - size, 0) // 2 for size in input.shape[-2:]
        )  # rounding the size up adds the last row and column
        return F.avg_pool2d(input, self.kernel, self.step, (top, left), ceil_mode=True, count_include_pad=False)


def same_max(kernel: int, stride: int) -> nn.Module:
    """Where nothing strides, SAME is symmetric whatever the size."""
    return nn.MaxPool2d(kernel, 1, kernel // 2) if stride == 1 and kernel % 2 else SameMaxPool2d(kernel, stride)


def same_average(kernel: int, stride: int) -> nn.Module:
    if stride == 1 and kernel % 2:
        return nn.AvgPool2d(kernel, 1, kernel // 2, count_include_pad=False)
    return SameAvgPool2d(kernel, stride)
