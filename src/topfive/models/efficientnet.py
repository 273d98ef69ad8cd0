"""EfficientNet: scale depth, width and resolution together.  Tan, Le 2019, arXiv:1905.11946.

Activations are [N, C, H, W].  Table 1 is B0; sec. 3.3 scales it to B7.  Plain names pad and normalise as torchvision
does; `tf_` names as the authors' TensorFlow does: SAME padding, and epsilon 1e-3 in every normalisation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from torch import nn

from topfive.models.mnasnet import Squeezed
from topfive.models.mobilenet_v2 import MobileNetV2, Stage
from topfive.nn.conv import ConvNorm, same, tf_norm
from topfive.nn.measure import count_facts
from topfive.nn.rounding import divisible
from topfive.nn.stochastic_depth import StochasticDepth, set_drop_path
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

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


def scaled(stages: Sequence[Stage], width: float, depth: float) -> tuple[Stage, ...]:
    """Compound scaling of a table, eq. 3: channels to a multiple of eight, depths rounded up."""
    return tuple(
        replace(row, channels=divisible(width * row.channels), depth=math.ceil(depth * row.depth)) for row in stages
    )


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


def _build(width: float, depth: float, dropout: float, layer: ConvNorm) -> partial[EfficientNet]:
    return partial(
        EfficientNet,
        scaled(TABLE_1, width, depth),
        stem_channels=divisible(32 * width),
        last_channels=divisible(1280 * width),
        layer=layer,
        dropout=dropout,
    )


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
    )


VARIANTS = (
    *(_variant(row.name, row.layer, row) for row in TABLE_2),
    *(_variant(f"tf_{row.name}", tf_layer, row) for row in TABLE_2),
)
