"""ConvNeXt: a ResNet made modern step by step, till it equals a transformer.  Liu et al. 2022, arXiv:2201.03545.

Activations are [N, C, H, W].  Fig. 4 and table 9: a 4x4 stem with stride 4, four stages of depths 3:3:9:3 with a 2x2
that strides between them; layer normalisation over the channels of each pixel; no activation but one GELU a block.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from topfive.nn.classifier import Classifier
from topfive.nn.stochastic_depth import StochasticDepth, set_drop_path
from topfive.preprocess import Preprocess
from topfive.spec import Build, Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="A ConvNet for the 2020s",
    authors="Liu, Mao, Wu, Feichtenhofer, Darrell, Xie",
    year=2022,
    month=1,
    arxiv="2201.03545",
)

layer_norm = partial(nn.LayerNorm, eps=1e-6)


class PixelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each pixel of [N, C, H, W]."""

    def __init__(self, channels: int):
        super().__init__(channels, eps=1e-6)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Depthwise 7x7, normalisation, 1x1 up to four times the width, GELU, 1x1 down, fig. 4 right.

    The 1x1 are linear layers over the last axis; `scale` weighs each channel of the branch, from `start` on.  `share`
    is that of stochastic depth.
    """

    def __init__(self, channels: int, share: float, start: float = 1e-6):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = layer_norm(channels)
        self.expand = nn.Linear(channels, 4 * channels)
        self.activation = nn.GELU()
        self.project = nn.Linear(4 * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), start))
        self.drop = StochasticDepth(share=share)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))  # [N, H, W, C]
        y = self.scale * self.project(self.activation(self.expand(y)))
        return x + cast(Tensor, self.drop(y.permute(0, 3, 1, 2)))


class ConvNeXt(Classifier):
    """Block i of n is dropped at `drop_rate` * i / (n - 1)."""

    def __init__(
        self,
        depths: Sequence[int],
        widths: Sequence[int],
        drop_rate: float,
        *,
        num_classes: int,
        in_channels: int,
    ):
        super().__init__(num_classes, in_channels)
        conv = nn.Conv2d(in_channels, widths[0], 4, 4)
        self.stem = nn.Sequential(OrderedDict(conv=conv, norm=PixelNorm(widths[0])))
        shares = iter([index / max(1, sum(depths) - 1) for index in range(sum(depths))])
        self.stages = nn.Sequential()
        channels = widths[0]
        for depth, width in zip(depths, widths, strict=True):
            stage = nn.Sequential()
            if len(self.stages):
                down = OrderedDict(norm=PixelNorm(channels), conv=nn.Conv2d(channels, width, 2, 2))
                stage.add_module("down", nn.Sequential(down))
            stage.add_module("blocks", nn.Sequential(*(Block(width, next(shares)) for _ in range(depth))))
            self.stages.append(stage)
            channels = width
        self.last = layer_norm(channels)
        self.head = nn.Linear(channels, num_classes)
        set_drop_path(self, drop_rate)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.stages(self.stem(images)))

    def embed(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.last(super().embed(images)))

    def initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def convnext(depths: Sequence[int], width: int, drop_rate: float) -> Build:
    """The width doubles from stage to stage."""
    return partial(ConvNeXt, depths, tuple(width * 2**stage for stage in range(len(depths))), drop_rate)


def _variant(name: str, build: Build, params: int, macs: int, top1_error: float) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="ConvNeXt",
        paper=PAPER,
        build=build,
        preprocess=Preprocess(interpolation="bicubic"),
        facts=Facts(
            params,
            macs,
            reported=(Reported("top1_error", top1_error, "table 1, recalled", "ImageNet val, 1 crop"),),
        ),
        fact=name,
    )


# fmt: off
VARIANTS = (
    _variant("convnext_tiny", convnext((3, 3, 9, 3), 96, 0.1), 28_589_128, 4_455_531_264, 0.179),
    _variant("convnext_small", convnext((3, 3, 27, 3), 96, 0.4), 50_223_688, 8_683_712_256, 0.169),
    _variant("convnext_base", convnext((3, 3, 27, 3), 128, 0.5), 88_591_464, 15_354_729_472, 0.162),
)
# fmt: on
