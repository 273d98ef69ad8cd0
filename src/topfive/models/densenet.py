"""DenseNet: every layer sees all the layers before it.  Huang, Liu, van der Maaten, Weinberger 2016, arXiv:1608.06993.

Activations are [N, C, H, W].  Each layer adds `growth` maps to what it was given, by concatenation; between two dense
blocks a 1x1 keeps the share `compression` of the maps and pooling halves H and W.  Table 1 (ImageNet): four blocks.
Sec. 3 (CIFAR): three.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from topfive.models.preresnet import bare_stem
from topfive.models.resnet import CIFAR_PREPROCESS, Stem, imagenet_stem
from topfive.nn.classifier import Classifier
from topfive.nn.initial import he_normal
from topfive.nn.preactivation import activated, preactivated
from topfive.preprocess import Preprocess
from topfive.spec import Build, Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Densely Connected Convolutional Networks",
    authors="Huang, Liu, van der Maaten, Weinberger",
    year=2016,
    month=8,
    arxiv="1608.06993",
)


class Composite(Protocol):
    """H of eq. 2: makes the function that turns all maps so far into `growth` new ones."""

    def __call__(self, in_channels: int, growth: int) -> nn.Module: ...


def plain(in_channels: int, growth: int) -> nn.Module:
    """Normalisation, ReLU, 3x3."""
    return nn.Sequential(preactivated(in_channels, growth, 3))


def bottleneck(in_channels: int, growth: int) -> nn.Module:
    """With a 1x1 to four times the growth before it: DenseNet-B."""
    return nn.Sequential(preactivated(in_channels, 4 * growth), preactivated(4 * growth, growth, 3))


class DenseLayer(nn.Module):
    """x -> [x, H(x)]; dropout falls on what is new."""

    def __init__(self, composite: nn.Module, dropout: float = 0.0):
        super().__init__()
        self.composite = composite
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.dropout(self.composite(x))], 1)


class DenseNet(Classifier):
    """`depths` layers a block; each transition stands at the end of its stage."""

    def __init__(
        self,
        composite: Composite,
        depths: Sequence[int],
        *,
        num_classes: int,
        in_channels: int,
        growth: int,
        compression: float,
        stem: Stem,
        stem_channels: int,
        dropout: float = 0.0,
    ):
        super().__init__(num_classes, in_channels)
        self.stem = stem(in_channels, stem_channels)
        self.stages = nn.Sequential()
        channels = stem_channels
        for index, depth in enumerate(depths):
            stage = nn.Sequential()
            for position in range(depth):
                stage.add_module(str(position), DenseLayer(composite(channels, growth), dropout))
                channels += growth
            if index < len(depths) - 1:
                fewer = int(compression * channels)
                stage.add_module("transition", preactivated(channels, fewer))
                stage.add_module("pool", nn.AvgPool2d(2))
                channels = fewer
            self.stages.append(stage)
        self.last = activated(channels)
        self.head = nn.Linear(channels, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.last(self.stages(self.stem(images))))

    def initialise(self, module: nn.Module) -> None:
        he_normal(module)


def densenet_imagenet(depths: Sequence[int], growth: int = 32, compression: float = 0.5) -> Build:
    """Table 1: DenseNet-BC whose stem gives twice the growth."""
    return partial(
        DenseNet,
        bottleneck,
        depths,
        growth=growth,
        compression=compression,
        stem=imagenet_stem,
        stem_channels=2 * growth,
    )


def densenet_cifar(depth: int, growth: int = 12, compression: float = 1.0, dropout: float = 0.0) -> Build:
    """The plain DenseNet of sec. 3: `depth` is 3 n + 4, the stem gives 16 maps; dropout is 0.2 without augmentation."""
    return _cifar_build(plain, depth, 1, growth, compression, 16, dropout)


def densenet_bc_cifar(depth: int, growth: int = 12, compression: float = 0.5, dropout: float = 0.0) -> Build:
    """DenseNet-BC of sec. 3: `depth` is 6 n + 4, the stem gives twice the growth."""
    return _cifar_build(bottleneck, depth, 2, growth, compression, 2 * growth, dropout)


def _cifar_build(
    composite: Composite, depth: int, deep: int, growth: int, compression: float, stem_channels: int, dropout: float
) -> Build:
    """Three blocks of equal depth, `deep` convolutions a layer; four more are the stem, two transitions, the head."""
    if depth <= 4 or (depth - 4) % (3 * deep):
        raise ValueError(f"the depth of such a DenseNet is {3 * deep} n + 4, n at least 1; it is {depth}")
    return partial(
        DenseNet,
        composite,
        ((depth - 4) // (3 * deep),) * 3,
        growth=growth,
        compression=compression,
        stem=bare_stem,
        stem_channels=stem_channels,
        dropout=dropout,
    )


def _imagenet(
    name: str, build: Build, params: int, macs: int, top1_error: float, top5_error: float, departs: str = ""
) -> ModelSpec:
    where = "the authors' models, not the paper" if departs else "table 3, recalled"
    reported = tuple(
        Reported(metric, error, where, "ImageNet val, 1 crop")
        for metric, error in (("top1_error", top1_error), ("top5_error", top5_error))
    )
    return ModelSpec(
        name=name,
        family="DenseNet",
        paper=PAPER,
        build=build,
        preprocess=Preprocess(),
        facts=Facts(params, macs, reported=reported),
        fact=name,
        departs=departs,
    )


def _cifar(name: str, build: Build, params: int, macs: int, error: float) -> ModelSpec:
    reported = (Reported("top1_error", error, "table 2, recalled", "CIFAR-10 test, with augmentation"),)
    return ModelSpec(
        name=name,
        family="DenseNet",
        paper=PAPER,
        build=build,
        preprocess=CIFAR_PREPROCESS,
        facts=Facts(params, macs, num_classes=10, input_size=32, reported=reported),
        fact=name,
    )


_WIDE = "growth 48, which the first version of the paper has and the last has not"

# fmt: off
VARIANTS = (
    _imagenet("densenet121", densenet_imagenet((6, 12, 24, 16)), 7_978_856, 2_834_161_664, 0.2502, 0.0771),
    _imagenet("densenet169", densenet_imagenet((6, 12, 32, 32)), 14_149_480, 3_359_843_328, 0.2380, 0.0685),
    _imagenet("densenet201", densenet_imagenet((6, 12, 48, 32)), 20_013_928, 4_291_365_888, 0.2258, 0.0634),
    _imagenet("densenet161", densenet_imagenet((6, 12, 36, 24), growth=48), 28_681_000, 7_727_907_072, 0.2236, 0.0621,
              departs=_WIDE),
    _cifar("densenet_bc_100_12_cifar", densenet_bc_cifar(100), 769_162, 287_929_692, 0.0451),
    _cifar("densenet_40_12_cifar", densenet_cifar(40), 1_019_722, 264_812_928, 0.0524),
)
# fmt: on
