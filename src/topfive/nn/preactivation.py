"""Normalisation and activation before the convolution: the layer of the networks whose sums and joins stay bare."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from topfive.nn.conv import centred, relu


def activated(channels: int) -> nn.Sequential:
    """Normalisation and ReLU."""
    return nn.Sequential(OrderedDict(norm=nn.BatchNorm2d(channels), activation=relu()))


def preactivated(in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    """Normalisation, ReLU, convolution."""
    layer = activated(in_channels)
    layer.add_module("conv", centred(in_channels, out_channels, kernel, stride, 1))
    return layer
