"""MobileNetV2: inverted residuals with linear bottlenecks.  Sandler et al. 2018, arXiv:1801.04381.

Activations are [N, C, H, W].  Table 2: a 3x3 stem with stride 2, seven stages of bottlenecks, a 1x1 convolution to
1280 channels; H and W end at 1/32.  Inside a block the channels are wide, between blocks they are few.  Plain names pad
and normalise as torchvision does; `tf_` names as the authors' TensorFlow does, SAME.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Protocol, cast

from torch import Tensor, nn

from topfive.nn.classifier import Classifier
from topfive.nn.conv import ConvNorm, same, tf_norm
from topfive.nn.initial import he_normal
from topfive.nn.residual import last_norm
from topfive.nn.rounding import divisible
from topfive.nn.stochastic_depth import StochasticDepth
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="MobileNetV2: Inverted Residuals and Linear Bottlenecks",
    authors="Sandler, Howard, Zhu, Zhmoginov, Chen",
    year=2018,
    month=1,
    arxiv="1801.04381",
)

relu6 = partial(nn.ReLU6, inplace=True)
relu6_layer = ConvNorm(relu6)
tf_layer = ConvNorm(relu6, tf_norm, same)


class InvertedResidual(nn.Module):
    """1x1 up, depthwise, 1x1 down without activation, table 1; the input is added where the shape stays, fig. 4.

    The branch can be left out at random where it is added.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, expansion: float, kernel: int, stride: int, layer: ConvNorm
    ):
        super().__init__()
        self.width = wide = round(in_channels * expansion)
        self.residual = stride == 1 and in_channels == out_channels
        self.expand = layer(in_channels, wide) if expansion > 1 else nn.Identity()
        self.depthwise = layer(wide, wide, kernel, stride, groups=wide)
        self.project = layer.linear(wide, out_channels)
        self.drop = StochasticDepth()

    def branch(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.project(self.depthwise(self.expand(x))))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop(self.branch(x)) if self.residual else self.branch(x)

    def last_norms(self) -> list[nn.BatchNorm2d]:
        return [last_norm(self.project)] if self.residual else []


class Operator(Protocol):
    """Makes one block: what a row of the table names in its first column."""

    def __call__(
        self, in_channels: int, out_channels: int, *, expansion: float, kernel: int, stride: int, layer: ConvNorm
    ) -> nn.Module: ...


@dataclass(frozen=True)
class Stage:
    """A row of table 2: `depth` times `operator`, only the first with `stride`."""

    operator: Operator
    expansion: float
    channels: int
    depth: int
    stride: int
    kernel: int = 3


# fmt: off
TABLE_2 = (
    #     operator          t  c    n  s
    Stage(InvertedResidual, 1, 16,  1, 1),
    Stage(InvertedResidual, 6, 24,  2, 2),
    Stage(InvertedResidual, 6, 32,  3, 2),
    Stage(InvertedResidual, 6, 64,  4, 2),
    Stage(InvertedResidual, 6, 96,  3, 1),
    Stage(InvertedResidual, 6, 160, 3, 2),
    Stage(InvertedResidual, 6, 320, 1, 1),
)
# fmt: on


class MobileNetV2(Classifier):
    """A stem, stages by the rows of a table, a last 1x1; `layer` decides padding, epsilon and activation."""

    def __init__(
        self,
        stages: Sequence[Stage] = TABLE_2,
        *,
        num_classes: int,
        in_channels: int,
        stem_channels: int = 32,
        stem_stride: int = 2,
        last_channels: int = 1280,
        layer: ConvNorm = relu6_layer,
        dropout: float = 0.2,
    ):
        super().__init__(num_classes, in_channels, dropout=dropout)
        self.stem = layer(in_channels, stem_channels, 3, stem_stride)
        self.stages = nn.Sequential()
        channels = stem_channels
        for row in stages:
            stage = nn.Sequential()
            for position in range(row.depth):
                stride = row.stride if position == 0 else 1
                block = row.operator(
                    channels, row.channels, expansion=row.expansion, kernel=row.kernel, stride=stride, layer=layer
                )
                stage.append(block)
                channels = row.channels
            self.stages.append(stage)
        self.last = layer(channels, last_channels)
        self.head = nn.Linear(last_channels, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.last(self.stages(self.stem(images))))

    def initialise(self, module: nn.Module) -> None:
        he_normal(module)
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)


def scaled(stages: Sequence[Stage], width: float, depth: float) -> tuple[Stage, ...]:
    """A table with channels multiplied, to a multiple of eight, and depths multiplied, rounded up."""
    return tuple(
        replace(row, channels=divisible(width * row.channels), depth=math.ceil(depth * row.depth)) for row in stages
    )


def rescaled(
    network: Callable[..., MobileNetV2],
    stages: Sequence[Stage],
    stem_channels: int,
    last_channels: int,
    *,
    depth: float,
    width: float,
) -> partial[MobileNetV2]:
    """`network` of this table and these ends, all of it scaled."""
    return partial(
        network,
        scaled(stages, width, depth),
        stem_channels=divisible(width * stem_channels),
        last_channels=divisible(width * last_channels),
    )


class Width(NamedTuple):
    """A row of table 4: its multiplier, its counts, its error, and what is odd about it."""

    name: str
    fact: str
    width: float
    params: int
    macs: int
    top1_error: float
    departs: str = ""


_FEWER = "the paper says 6.9 million parameters; the authors' network, and ours, has 6.1"
TABLE_4 = (
    Width("mobilenet_v2", "mobilenet_v2_1.0", 1.0, 3_504_872, 300_774_272, 0.280),
    Width("mobilenet_v2_140", "mobilenet_v2_1.4", 1.4, 6_108_776, 582_195_824, 0.253, _FEWER),
)
_SYMMETRIC = "padding is symmetric and epsilon 1e-5, as torchvision's; the authors' is the tf_ form"


def _variant(name: str, layer: ConvNorm, preprocess: Preprocess, row: Width, *departs: str) -> ModelSpec:
    """Every width is multiplied; the last 1x1 only ever grows (sec. 6.1)."""
    network = partial(MobileNetV2, layer=layer)
    stages = scaled(TABLE_2, row.width, 1.0)
    stem_channels, last_channels = divisible(32 * row.width), divisible(1280 * max(1.0, row.width))
    reported = (Reported("top1_error", row.top1_error, "table 4, recalled", "ImageNet val"),)
    return ModelSpec(
        name=name,
        family="MobileNet",
        paper=PAPER,
        build=partial(network, stages, stem_channels=stem_channels, last_channels=last_channels),
        preprocess=preprocess,
        facts=Facts(row.params, row.macs, reported=reported),
        fact=row.fact,
        departs="; ".join(filter(None, (row.departs, *departs))),
        scale=partial(rescaled, network, stages, stem_channels, last_channels),
    )


VARIANTS = (
    *(_variant(row.name, relu6_layer, Preprocess(), row, _SYMMETRIC) for row in TABLE_4),
    *(_variant(f"tf_{row.name}", tf_layer, Preprocess(mean=(0.5,) * 3, std=(0.5,) * 3), row) for row in TABLE_4),
)
