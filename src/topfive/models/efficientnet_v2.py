"""EfficientNetV2: searched for speed in training; first stages of plain convolutions.  Tan, Le 2021, arXiv:2104.00298.

Activations are [N, C, H, W].  Table 4 is S; M and L are in the authors' program.  The first stages fuse the depthwise
convolution with the 1x1 before it; H and W end at 1/32.  Plain names pad as torchvision does; `tf_` names as the
authors' TensorFlow does, SAME.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from torch import Tensor, nn

from topfive.models.efficientnet import EfficientNet, MBConv, tf_layer, wide_epsilon_layer
from topfive.models.mobilenet_v2 import Stage
from topfive.nn.conv import ConvNorm
from topfive.nn.residual import last_norm
from topfive.nn.stochastic_depth import StochasticDepth
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="EfficientNetV2: Smaller Models and Faster Training",
    authors="Tan, Le",
    year=2021,
    month=4,
    arxiv="2104.00298",
)


class FusedMBConv(nn.Module):
    """A convolution to the wide channels, 1x1 down, fig. 2; with an expansion of 1 the convolution is all."""

    def __init__(
        self, in_channels: int, out_channels: int, *, expansion: float, kernel: int, stride: int, layer: ConvNorm
    ):
        super().__init__()
        self.residual = stride == 1 and in_channels == out_channels
        wide = round(in_channels * expansion)
        self.fused = layer(in_channels, wide if expansion > 1 else out_channels, kernel, stride)
        self.project = layer.linear(wide, out_channels) if expansion > 1 else nn.Identity()
        self.drop = StochasticDepth()

    def forward(self, x: Tensor) -> Tensor:
        branch = cast(Tensor, self.project(self.fused(x)))
        return x + self.drop(branch) if self.residual else branch

    def last_norms(self) -> list[nn.BatchNorm2d]:
        return [last_norm(self.fused, self.project)] if self.residual else []


# fmt: off
S = (
    #     operator     t  c    n   s
    Stage(FusedMBConv, 1, 24,  2,  1),
    Stage(FusedMBConv, 4, 48,  4,  2),
    Stage(FusedMBConv, 4, 64,  4,  2),
    Stage(MBConv,      4, 128, 6,  2),
    Stage(MBConv,      6, 160, 9,  1),
    Stage(MBConv,      6, 256, 15, 2),
)
M = (
    Stage(FusedMBConv, 1, 24,  3,  1),
    Stage(FusedMBConv, 4, 48,  5,  2),
    Stage(FusedMBConv, 4, 80,  5,  2),
    Stage(MBConv,      4, 160, 7,  2),
    Stage(MBConv,      6, 176, 14, 1),
    Stage(MBConv,      6, 304, 18, 2),
    Stage(MBConv,      6, 512, 5,  1),
)
L = (
    Stage(FusedMBConv, 1, 32,  4,  1),
    Stage(FusedMBConv, 4, 64,  7,  2),
    Stage(FusedMBConv, 4, 96,  7,  2),
    Stage(MBConv,      4, 192, 10, 2),
    Stage(MBConv,      6, 224, 19, 1),
    Stage(MBConv,      6, 384, 25, 2),
    Stage(MBConv,      6, 640, 7,  1),
)
# fmt: on


def _variant(
    size: str,
    stages: Sequence[Stage],
    side: int,
    dropout: float,
    params: int,
    macs: int,
    error: float,
    *,
    form: str = "",
    layer: ConvNorm = wide_epsilon_layer,
    departs: str = "padding is symmetric, as torchvision's; the authors' is the tf_ form",
) -> ModelSpec:
    return ModelSpec(
        name=f"{form}efficientnet_v2_{size}",
        family="EfficientNetV2",
        paper=PAPER,
        build=partial(
            EfficientNet,
            stages,
            stem_channels=stages[0].channels,
            last_channels=1280,
            layer=layer,
            dropout=dropout,
        ),
        preprocess=Preprocess(size=side, crop=1.0, interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        facts=Facts(
            params,
            macs,
            input_size=side,
            reported=(Reported("top1_error", error, "table 7, recalled", "ImageNet val, 1 crop"),),
        ),
        fact=f"efficientnetv2_{size}",
        departs=departs,
    )


_tf_variant = partial(_variant, form="tf_", layer=tf_layer, departs="")

# fmt: off
VARIANTS = tuple(
    variant(*row)
    for variant in (_variant, _tf_variant)
    for row in (
        #        side dropout params       macs            top-1
        ("s", S, 384, 0.2,    21_458_488,  8_365_617_152,  0.161),
        ("m", M, 480, 0.3,    54_139_356,  24_582_460_384, 0.149),
        ("l", L, 480, 0.4,    118_515_272, 56_079_699_008, 0.143),
    )
)
# fmt: on
