"""Squeeze and excitation: scale every channel by what the whole picture says.  Hu et al. 2017, arXiv:1709.01507."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from topfive.nn.conv import relu


class SqueezeExcite(nn.Module):
    """x [N, C, H, W] -> x * gate [N, C, 1, 1], eq. 2-4; `squeezed` channels in the middle."""

    def __init__(
        self,
        channels: int,
        squeezed: int,
        activation: Callable[[], nn.Module] = relu,
        gate: Callable[[], nn.Module] = nn.Sigmoid,
    ):
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.activation = activation()
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.gate = gate()

    def forward(self, x: Tensor) -> Tensor:
        mean = F.adaptive_avg_pool2d(x, 1)
        gate: Tensor = self.gate(self.expand(self.activation(self.reduce(mean))))
        return x * gate
