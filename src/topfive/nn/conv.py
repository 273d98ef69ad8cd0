"""Convolution, normalisation, activation: the layer this lineage is built from, as a part that is handed down."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from torch import Tensor, nn
from torch.nn import functional as F

Kernel = int | tuple[int, int]  # square, or height and width


class Convolution(Protocol):
    """Makes a convolution without bias; how it pads is its own affair."""

    def __call__(self, in_channels: int, out_channels: int, kernel: Kernel, stride: int, groups: int) -> nn.Conv2d: ...


def centred(in_channels: int, out_channels: int, kernel: Kernel, stride: int, groups: int) -> nn.Conv2d:
    """Zeros on all four sides alike: `kernel // 2`."""
    height, width = _pair(kernel)
    padding = (height // 2, width // 2)
    return nn.Conv2d(in_channels, out_channels, (height, width), stride, padding, groups=groups, bias=False)


def bare(in_channels: int, out_channels: int, kernel: Kernel, stride: int, groups: int) -> nn.Conv2d:
    """TensorFlow's VALID: no zeros, so the map shrinks."""
    return nn.Conv2d(in_channels, out_channels, kernel, stride, groups=groups, bias=False)


def same(in_channels: int, out_channels: int, kernel: Kernel, stride: int, groups: int) -> nn.Conv2d:
    """TensorFlow's SAME: the output is ceil(input / stride), an odd zero goes to the right and to the bottom."""
    if stride == 1 and all(side % 2 == 1 for side in _pair(kernel)):  # then SAME is symmetric whatever the size
        return centred(in_channels, out_channels, kernel, stride, groups)
    return SameConv2d(in_channels, out_channels, kernel, stride, groups=groups, bias=False)


class SameConv2d(nn.Conv2d):
    """A convolution whose padding follows from the size of what it is given."""

    def forward(self, input: Tensor) -> Tensor:
        height, width = (
            max((-(-size // stride) - 1) * stride + kernel - size, 0)
            for size, stride, kernel in zip(input.shape[-2:], self.stride, self.kernel_size, strict=True)
        )
        padded = F.pad(input, [width // 2, width - width // 2, height // 2, height - height // 2])
        return super().forward(padded)


def _pair(kernel: Kernel) -> tuple[int, int]:
    return (kernel, kernel) if isinstance(kernel, int) else kernel


relu = partial(nn.ReLU, inplace=True)
tf_norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)  # TensorFlow's usual epsilon and a decay of 0.99


@dataclass(frozen=True)
class ConvNorm:
    """A maker of layers: called, it gives convolution, normalisation and activation; `linear` leaves out the last.

    A network hands one of these down to its blocks, so that padding, epsilon and activation are chosen once.
    """

    activation: Callable[[], nn.Module] = relu
    norm: Callable[[int], nn.Module] = nn.BatchNorm2d
    convolution: Convolution = centred

    def __call__(
        self, in_channels: int, out_channels: int, kernel: Kernel = 1, stride: int = 1, *, groups: int = 1
    ) -> nn.Sequential:
        layer = self.linear(in_channels, out_channels, kernel, stride, groups=groups)
        layer.add_module("activation", self.activation())
        return layer

    def linear(
        self, in_channels: int, out_channels: int, kernel: Kernel = 1, stride: int = 1, *, groups: int = 1
    ) -> nn.Sequential:
        conv = self.convolution(in_channels, out_channels, kernel, stride, groups)
        return nn.Sequential(OrderedDict(conv=conv, norm=self.norm(out_channels)))
