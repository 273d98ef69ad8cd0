"""ShuffleNetV2: half of the channels pass by each unit, the other half is worked on.  Ma et al. 2018, arXiv:1807.11164.

Activations are [N, C, H, W].  Table 5: a 3x3 stem and a max pooling, three stages of units of which the first halves H
and W, a 1x1 to the last width; H and W end at 1/32.
"""

from __future__ import annotations

from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from topfive.models.shufflenet import DEPTHS, STEM_CHANNELS, layer, shuffle
from topfive.nn.classifier import Classifier
from topfive.nn.initial import he_normal
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design",
    authors="Ma, Zhang, Zheng, Sun",
    year=2018,
    month=7,
    arxiv="1807.11164",
)


def branch(in_channels: int, width: int, stride: int) -> nn.Sequential:
    """1x1, depthwise 3x3 without activation, 1x1; no layer is grouped and none is a bottleneck."""
    return nn.Sequential(
        layer(in_channels, width), layer.linear(width, width, 3, stride, groups=width), layer(width, width)
    )


class Unit(nn.Module):
    """Split, work on the second half, join and shuffle, fig. 3c."""

    def __init__(self, channels: int):
        super().__init__()
        self.branch = branch(channels // 2, channels // 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        idle, busy = x.chunk(2, 1)
        return shuffle(torch.cat([idle, self.branch(busy)], 1), 2)


class Downsampling(nn.Module):
    """The first unit of a stage, fig. 3d: nothing is split, and both paths halve H and W."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.shortcut = nn.Sequential(
            layer.linear(in_channels, in_channels, 3, 2, groups=in_channels), layer(in_channels, out_channels // 2)
        )
        self.branch = branch(in_channels, out_channels // 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return shuffle(torch.cat([self.shortcut(x), self.branch(x)], 1), 2)


class ShuffleNetV2(Classifier):
    """Stages whose widths double from `width` (even) on, and a last 1x1 to `last_channels`."""

    def __init__(self, width: int, *, num_classes: int, in_channels: int, last_channels: int = 1024):
        super().__init__(num_classes, in_channels)
        self.stem = layer(in_channels, STEM_CHANNELS, 3, 2)
        self.stem.add_module("pool", nn.MaxPool2d(3, 2, padding=1))
        self.stages = nn.Sequential()
        channels = STEM_CHANNELS
        for index, depth in enumerate(DEPTHS):
            out_channels = width * 2**index
            units = (Unit(out_channels) for _ in range(depth - 1))
            self.stages.append(nn.Sequential(Downsampling(channels, out_channels), *units))
            channels = out_channels
        self.last = layer(channels, last_channels)
        self.head = nn.Linear(last_channels, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.last(self.stages(self.stem(images))))

    def initialise(self, module: nn.Module) -> None:
        he_normal(module)


def _variant(scale: str, width: int, params: int, macs: int, error: float, last_channels: int = 1024) -> ModelSpec:
    name = f"shufflenet_v2_x{scale}"
    reported = Reported("top1_error", error, "table 8, recalled", "ImageNet val, 1 crop")
    return ModelSpec(
        name=name,
        family="ShuffleNet",
        paper=PAPER,
        build=partial(ShuffleNetV2, width, last_channels=last_channels),
        preprocess=Preprocess(),
        facts=Facts(params, macs, reported=(reported,)),
        fact=name,
    )


VARIANTS = (
    _variant("0_5", 48, 1_366_792, 40_476_448, 0.397),
    _variant("1_0", 116, 2_278_604, 144_907_992, 0.306),
    _variant("1_5", 176, 3_503_624, 295_759_392, 0.274),
    _variant("2_0", 244, 7_393_996, 583_253_464, 0.251, last_channels=2048),
)
