"""EfficientNet: scale depth, width and resolution together.  Tan, Le 2019, arXiv:1905.11946.

Activations are [N, C, H, W].  Table 1 is B0; sec. 3.3 scales it to B7.  Plain names pad and normalise as torchvision
does; `tf_` names as the authors' TensorFlow does: SAME padding, and epsilon 1e-3 in every normalisation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from torch import nn

from topfive.errors import UsageError
from topfive.models.mnasnet import Squeezed
from topfive.models.mobilenet_v2 import MobileNetV2, Stage, rescaled
from topfive.nn.conv import ConvNorm, same, tf_norm
from topfive.nn.measure import count_facts
from topfive.nn.stochastic_depth import StochasticDepth, set_drop_path
from topfive.preprocess import LARGEST_SIDE, Preprocess
from topfive.spec import Build, Facts, ModelSpec, Paper, Reported, Scale

PAPER = Paper(
    title="EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
    authors="Tan, Le",
    year=2019,
    month=5,
    arxiv="1905.11946",
)

swish = partial(nn.SiLU, inplace=True)
torch_layer = ConvNorm(swish)
wide_epsilon_layer = ConvNorm(swish, tf_norm)  # torchvision's B5 to B7
tf_layer = ConvNorm(swish, tf_norm, same)


class MBConv(Squeezed):
    """MnasNet's block, and so with squeeze and excitation."""


# fmt: off
TABLE_1 = (
    #     operator t  c    n  s  k
    Stage(MBConv,  1, 16,  1, 1, 3),
    Stage(MBConv,  6, 24,  2, 2, 3),
    Stage(MBConv,  6, 40,  2, 2, 5),
    Stage(MBConv,  6, 80,  3, 2, 3),
    Stage(MBConv,  6, 112, 3, 1, 5),
    Stage(MBConv,  6, 192, 4, 2, 5),
    Stage(MBConv,  6, 320, 1, 1, 3),
)
# fmt: on


class EfficientNet(MobileNetV2):
    """Survival falls linearly with depth: block i of n is dropped at `drop_rate` * i / n (sec. 5.2)."""

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        num_classes: int,
        in_channels: int,
        stem_channels: int,
        last_channels: int,
        layer: ConvNorm,
        dropout: float,
        drop_rate: float = 0.2,
    ):
        super().__init__(
            stages,
            num_classes=num_classes,
            in_channels=in_channels,
            stem_channels=stem_channels,
            last_channels=last_channels,
            layer=layer,
            dropout=dropout,
        )
        drops = [module for module in self.modules() if isinstance(module, StochasticDepth)]
        for index, drop in enumerate(drops):
            drop.share = index / len(drops)
        set_drop_path(self, drop_rate)

    def initialise(self, module: nn.Module) -> None:
        super().initialise(module)
        if isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.out_features)
            nn.init.uniform_(module.weight, -bound, bound)


def preprocess(size: int) -> Preprocess:
    """The authors': bicubic, and 16 pixels cut from each side of the resized image."""
    return Preprocess(size=size, crop=size / (size + 32), interpolation="bicubic")


class Scaling(NamedTuple):
    """One of B0 to B7: its multipliers, its input, its counts and its errors in table 2."""

    name: str
    layer: ConvNorm
    width: float
    depth: float
    size: int
    dropout: float
    params: int
    macs: int
    top1_error: float
    top5_error: float


# fmt: off
TABLE_2 = (
    #       name               layer               width depth size dropout params    macs            top-1  top-5
    Scaling("efficientnet_b0", torch_layer,        1.0, 1.0, 224, 0.2, 5_288_548,  385_814_752,    0.229, 0.067),
    Scaling("efficientnet_b1", torch_layer,        1.0, 1.1, 240, 0.2, 7_794_184,  686_802_832,    0.209, 0.056),
    Scaling("efficientnet_b2", torch_layer,        1.1, 1.2, 260, 0.3, 9_109_994,  993_561_872,    0.199, 0.051),
    Scaling("efficientnet_b3", torch_layer,        1.2, 1.4, 300, 0.3, 12_233_232, 1_827_141_392,  0.184, 0.043),
    Scaling("efficientnet_b4", torch_layer,        1.4, 1.8, 380, 0.4, 19_341_616, 4_393_771_024,  0.171, 0.036),
    Scaling("efficientnet_b5", wide_epsilon_layer, 1.6, 2.2, 456, 0.4, 30_389_784, 10_266_384_752, 0.164, 0.033),
    Scaling("efficientnet_b6", wide_epsilon_layer, 1.8, 2.6, 528, 0.5, 43_040_704, 19_067_593_536, 0.160, 0.032),
    Scaling("efficientnet_b7", wide_epsilon_layer, 2.0, 3.1, 600, 0.5, 66_347_960, 37_745_884_192, 0.157, 0.030),
)
# fmt: on


def compound(phi: float, *, layer: ConvNorm = torch_layer) -> ModelSpec:
    """B0 scaled by the compound coefficient (eq. 3 with sec. 3.3): depth 1.2^phi, width 1.1^phi, size 224 * 1.15^phi.

    Every step of phi about doubles the multiply-accumulates; phi = 0 is B0; below 0 it shrinks, less, because
    depths are rounded up.  Counted on the spot.

    B1 to B7 (`TABLE_2`) are rounded by hand, and lie on no one curve.  The phi at which each of their three numbers
    would stand, in the order width, depth, size:

        B1 0.0 0.5 0.5   B2 1.0 1.0 1.1   B3 1.9 1.8 2.1   B4 3.5 3.2 3.8
        B5 4.9 4.3 5.1   B6 6.2 5.2 6.1   B7 7.3 6.2 7.0
    """
    width, depth, size = 1.1**phi, 1.2**phi, round(224 * 1.15**phi)
    build = _build(width, depth, min(0.5, max(0.2, 0.2 + 0.3 * phi / 7)), layer)
    return ModelSpec(
        name=f"efficientnet_phi{phi:g}",
        family="EfficientNet",
        paper=PAPER,
        build=build,
        preprocess=preprocess(size),
        facts=count_facts(build, size),
        fact="",
        departs=_departs(layer),
    )


def _build(width: float, depth: float, dropout: float, layer: ConvNorm) -> partial[MobileNetV2]:
    network = partial(EfficientNet, layer=layer, dropout=dropout)
    return rescaled(network, TABLE_1, 32, 1280, depth=depth, width=width)


def _again(row: Scaling, layer: ConvNorm, *, depth: float, width: float) -> partial[MobileNetV2]:
    """A row of table 2, its multipliers multiplied."""
    return _build(width * row.width, depth * row.depth, row.dropout, layer)


def _departs(layer: ConvNorm) -> str:
    return "" if layer is tf_layer else "padding is symmetric, as torchvision's; the authors' is the tf_ form"


def _variant(name: str, layer: ConvNorm, row: Scaling) -> ModelSpec:
    reported = tuple(
        Reported(metric, error, "table 2, recalled", "ImageNet val, 1 crop")
        for metric, error in (("top1_error", row.top1_error), ("top5_error", row.top5_error))
    )
    return ModelSpec(
        name=name,
        family="EfficientNet",
        paper=PAPER,
        build=_build(row.width, row.depth, row.dropout, layer),
        preprocess=preprocess(row.size),
        facts=Facts(row.params, row.macs, input_size=row.size, reported=reported),
        fact=row.name,
        departs=_departs(layer),
        scale=partial(_again, row, layer),
    )


class Multiplied(NamedTuple):
    """Another network with so many times its depth and width, for images of `side` pixels.

    Its name is `scaled:d1.2-w1.1-s260:` and the name of the other.
    """

    depth: float
    width: float
    side: int
    base: str

    @property
    def name(self) -> str:
        return f"scaled:d{self.depth:g}-w{self.width:g}-s{self.side}:{self.base}"


LARGEST = 32  # factor of a depth or a width
LONGEST = 2000  # characters of a name, for the other network may be a scaled one too
_MULTIPLIED = re.compile(r"scaled:d([0-9.]{1,6})-w([0-9.]{1,6})-s([1-9][0-9]{0,3}):(.+)", re.ASCII | re.DOTALL)


def read(name: str) -> Multiplied:
    """What a name of that kind says.  UsageError where it is none."""
    found = _MULTIPLIED.fullmatch(name) if len(name) <= LONGEST else None
    try:
        multiplied = Multiplied(float(found[1]), float(found[2]), int(found[3]), found[4]) if found else None
    except ValueError:
        multiplied = None
    if (
        multiplied is None
        or multiplied.name != name
        or not 0 < min(multiplied[:2]) <= max(multiplied[:2]) <= LARGEST
        or multiplied.side > LARGEST_SIDE
    ):
        why = f"it is not scaled:DEPTH-WIDTH-SIDE:NETWORK with factors above 0 and up to {LARGEST}"
        raise UsageError("unknown model", name, why, "Use e.g. scaled:d1.2-w1.1-s260:efficientnet_b0")
    return multiplied


def described(name: str, base: ModelSpec) -> ModelSpec:
    """The row of `base` scaled as `name` says, counted on the spot.  UsageError where it has nothing to be scaled."""
    depth, width, side, _ = read(name)
    if base.scale is None:
        why = "its paper knows no factors of depth and width"
        raise UsageError("cannot scale", base.name, why, "Use e.g. efficientnet_b0, mobilenet_v2 or resnet20_cifar")
    build = base.scale(depth=depth, width=width)
    return replace(
        base,
        name=name,
        build=build,
        preprocess=replace(base.preprocess, size=side, pad=0),
        facts=count_facts(build, side, base.facts.num_classes, base.facts.in_channels),
        fact="",
        departs="scaled: no paper's network",
        sides=None,
        scale=partial(_scaled_again, base.scale, depth, width),
    )


def _scaled_again(scale: Scale, first_depth: float, first_width: float, *, depth: float, width: float) -> Build:
    return scale(depth=first_depth * depth, width=first_width * width)


VARIANTS = (
    *(_variant(row.name, row.layer, row) for row in TABLE_2),
    *(_variant(f"tf_{row.name}", tf_layer, row) for row in TABLE_2),
)
