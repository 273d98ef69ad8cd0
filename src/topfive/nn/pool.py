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
