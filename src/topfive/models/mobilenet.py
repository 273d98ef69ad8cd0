"""MobileNet: every 3x3 split into a depthwise and a pointwise convolution.  Howard et al. 2017, arXiv:1704.04861.

Activations are [N, C, H, W].  Table 1: a 3x3 stem with stride 2, thirteen separable layers; H and W end at 1/32.

Two numbers scale it (sec. 3.3, 3.4): alpha multiplies every width, rho the side of the image.  A separable layer with
M channels in and N out on a map of D x D then costs (eq. 7, kernel K = 3)

    K K (alpha M) (rho D)^2 + (alpha M) (alpha N) (rho D)^2

multiply-accumulates, near enough alpha^2 rho^2 of the whole; `cost` adds it up over the table.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, cast

from torch import Tensor, nn

from topfive.nn.classifier import Classifier
from topfive.nn.conv import ConvNorm, same, tf_norm
from topfive.nn.initial import he_normal
from topfive.nn.measure import count_facts
from topfive.nn.rounding import deepened
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
    authors="Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto, Adam",
    year=2017,
    month=4,
    arxiv="1704.04861",
)

torch_layer = ConvNorm(partial(nn.ReLU6, inplace=True))
tf_layer = ConvNorm(partial(nn.ReLU6, inplace=True), tf_norm, same)


class DepthwiseSeparable(nn.Sequential):
    """A 3x3 on each channel alone, then a 1x1 across them, each with normalisation and activation, fig. 3 right."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, layer: ConvNorm):
        super().__init__(
            OrderedDict(
                depthwise=layer(in_channels, in_channels, 3, stride, groups=in_channels),
                pointwise=layer(in_channels, out_channels),
            )
        )


@dataclass(frozen=True)
class Stage:
    """Rows of table 1 with one width: `depth` separable layers, only the first with `stride`."""

    channels: int
    depth: int
    stride: int


STEM_CHANNELS = 32
TABLE_1 = (Stage(64, 1, 1), Stage(128, 2, 2), Stage(256, 2, 2), Stage(512, 6, 2), Stage(1024, 2, 2))


def scaled(channels: int, alpha: float) -> int:
    """The width multiplier on one width: rounded down, at least 8, as in the authors' program."""
    return max(8, int(alpha * channels))


def cost(alpha: float = 1.0, rho: float = 1.0, *, num_classes: int = 1000, in_channels: int = 3) -> int:
    """Multiply-accumulates for one image, by the formula above; exact, for widths and maps are whole numbers."""
    width, side = scaled(STEM_CHANNELS, alpha), -(-resolution(rho) // 2)
    total = 9 * in_channels * width * side**2
    for row in TABLE_1:
        for position in range(row.depth):
            side = -(-side // row.stride) if position == 0 else side
            out = scaled(row.channels, alpha)
            total += 9 * width * side**2 + width * out * side**2
            width = out
    return total + width * num_classes


def resolution(rho: float) -> int:
    """The side of the image; the paper uses 224, 192, 160 and 128 pixels."""
    return round(224 * rho)


class MobileNet(Classifier):
    """The stem and the stages of a table, their widths multiplied by `alpha`; `layer` decides padding and epsilon."""

    def __init__(
        self,
        alpha: float = 1.0,
        stages: Sequence[Stage] = TABLE_1,
        *,
        num_classes: int,
        in_channels: int,
        layer: ConvNorm = torch_layer,
    ):
        super().__init__(num_classes, in_channels)
        channels = scaled(STEM_CHANNELS, alpha)
        self.stem = layer(in_channels, channels, 3, 2)
        self.stages = nn.Sequential()
        for row in stages:
            stage = nn.Sequential()
            for position in range(row.depth):
                out_channels = scaled(row.channels, alpha)
                stride = row.stride if position == 0 else 1
                stage.append(DepthwiseSeparable(channels, out_channels, stride, layer))
                channels = out_channels
            self.stages.append(stage)
        self.head = nn.Linear(channels, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.stages(self.stem(images)))

    def initialise(self, module: nn.Module) -> None:
        he_normal(module)
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)


_DEPARTS = "ReLU6 where the text says ReLU, as in the authors' program"
_SYMMETRIC = f"{_DEPARTS}; padding is symmetric and epsilon 1e-5, as timm's; the authors' is the tf_ form"


def mobilenet_v1(alpha: float = 1.0, rho: float = 1.0, *, layer: ConvNorm = torch_layer) -> ModelSpec:
    """The network at any width multiplier and any resolution multiplier, both above 0; counted on the spot."""
    build = partial(MobileNet, alpha, layer=layer)
    form = "tf_" if layer is tf_layer else ""
    return _spec(f"{form}mobilenet_v1_alpha{alpha:g}_rho{rho:g}", build, layer, count_facts(build, resolution(rho)))


def _spec(name: str, build: partial[MobileNet], layer: ConvNorm, facts: Facts, fact: str = "") -> ModelSpec:
    return ModelSpec(
        name=name,
        family="MobileNet",
        paper=PAPER,
        build=build,
        preprocess=Preprocess(size=facts.input_size, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        facts=facts,
        fact=fact,
        departs=_DEPARTS if layer is tf_layer else _SYMMETRIC,
    )


def rescaled(alpha: float, layer: ConvNorm, *, depth: float, width: float) -> partial[MobileNet]:
    """The network at a multiple of its alpha, and with more layers a stage, of which the paper does not speak."""
    depths = deepened([row.depth for row in TABLE_1], depth)
    stages = tuple(replace(row, depth=layers) for row, layers in zip(TABLE_1, depths, strict=True))
    return partial(MobileNet, width * alpha, stages, layer=layer)


class Width(NamedTuple):
    """One of table 6: its multiplier, its counts and its error."""

    name: str
    alpha: float
    params: int
    macs: int
    top1_error: float


# fmt: off
TABLE_6 = (
    #     name                alpha params     macs         top-1
    Width("mobilenet_v1",     1.0,  4_231_976, 568_740_352, 0.294),
    Width("mobilenet_v1_075", 0.75, 2_585_560, 325_400_448, 0.316),
    Width("mobilenet_v1_050", 0.5,  1_331_592, 149_497_088, 0.363),
    Width("mobilenet_v1_025", 0.25, 470_072,   41_030_272,  0.494),
)
# fmt: on


def _variant(name: str, layer: ConvNorm, row: Width) -> ModelSpec:
    reported = (Reported("top1_error", row.top1_error, "table 6, recalled", "ImageNet val, 1 crop"),)
    facts = Facts(row.params, row.macs, reported=reported)
    variant = _spec(name, partial(MobileNet, row.alpha, layer=layer), layer, facts, f"mobilenet_v1_{row.alpha}")
    return replace(variant, scale=partial(rescaled, row.alpha, layer))


VARIANTS = (
    *(_variant(row.name, torch_layer, row) for row in TABLE_6),
    *(_variant(f"tf_{row.name}", tf_layer, row) for row in TABLE_6),
)
