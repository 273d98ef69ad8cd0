"""MnasNet: a search for what is fast on a phone, block by block.  Tan et al. 2018, arXiv:1807.11626.

Activations are [N, C, H, W].  Fig. 7 is A1; B1 was found without squeeze and excitation; "small" is for the slowest
phones.  All are inverted residuals; H and W end at 1/32.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from torch import Tensor

from topfive.models.mobilenet_v2 import InvertedResidual, MobileNetV2, Stage
from topfive.nn.conv import ConvNorm
from topfive.nn.squeeze_excite import SqueezeExcite
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="MnasNet: Platform-Aware Neural Architecture Search for Mobile",
    authors="Tan, Chen, Pang, Vasudevan, Sandler, Howard, Le",
    year=2018,
    month=7,
    arxiv="1807.11626",
)

relu_layer = ConvNorm()


class Squeezed(InvertedResidual):
    """With squeeze and excitation after the depthwise convolution, down to a quarter of the block's own input."""

    def __init__(
        self, in_channels: int, out_channels: int, *, expansion: float, kernel: int, stride: int, layer: ConvNorm
    ):
        super().__init__(in_channels, out_channels, expansion=expansion, kernel=kernel, stride=stride, layer=layer)
        self.squeeze_excite = SqueezeExcite(self.width, max(1, in_channels // 4), layer.activation)

    def branch(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.project(self.squeeze_excite(self.depthwise(self.expand(x)))))


# fmt: off
A1 = (
    #     operator          t  c    n  s  k
    Stage(InvertedResidual, 1, 16,  1, 1, 3),
    Stage(InvertedResidual, 6, 24,  2, 2, 3),
    Stage(Squeezed,         3, 40,  3, 2, 5),
    Stage(InvertedResidual, 6, 80,  4, 2, 3),
    Stage(Squeezed,         6, 112, 2, 1, 3),
    Stage(Squeezed,         6, 160, 3, 2, 5),
    Stage(InvertedResidual, 6, 320, 1, 1, 3),
)
B1 = (
    Stage(InvertedResidual, 1, 16,  1, 1, 3),
    Stage(InvertedResidual, 3, 24,  3, 2, 3),
    Stage(InvertedResidual, 3, 40,  3, 2, 5),
    Stage(InvertedResidual, 6, 80,  3, 2, 5),
    Stage(InvertedResidual, 6, 96,  2, 1, 3),
    Stage(InvertedResidual, 6, 192, 4, 2, 5),
    Stage(InvertedResidual, 6, 320, 1, 1, 3),
)
SMALL = (
    Stage(InvertedResidual, 1, 8,   1, 1, 3),
    Stage(InvertedResidual, 3, 16,  1, 2, 3),
    Stage(InvertedResidual, 6, 16,  2, 2, 3),
    Stage(Squeezed,         6, 32,  4, 2, 5),
    Stage(Squeezed,         6, 32,  3, 1, 3),
    Stage(Squeezed,         6, 88,  3, 2, 5),
    Stage(InvertedResidual, 6, 144, 1, 1, 3),
)
# fmt: on


def _variant(
    name: str,
    stages: Sequence[Stage],
    params: int,
    macs: int,
    errors: tuple[float, ...] = (),
    *,
    stem_channels: int = 32,
    departs: str = "",
) -> ModelSpec:
    reported = tuple(
        Reported(f"top{k}_error", error, "table 1, recalled", "ImageNet val, 1 crop")
        for k, error in zip((1, 5), errors, strict=False)
    )
    return ModelSpec(
        name=name,
        family="MnasNet",
        paper=PAPER,
        build=partial(MobileNetV2, stages, stem_channels=stem_channels, layer=relu_layer),
        preprocess=Preprocess(),
        facts=Facts(params, macs, reported=reported),
        fact=name,
        departs=departs,
    )


VARIANTS = (
    _variant("mnasnet_a1", A1, 3_887_038, 311_579_072, (0.248, 0.075)),
    _variant("mnasnet_b1", B1, 4_383_312, 314_415_872, (0.255, 0.079)),
    _variant(
        "mnasnet_small",
        SMALL,
        2_030_264,
        68_339_184,
        stem_channels=8,
        departs="the paper plots its smallest networks without a table; this is the one that the authors released",
    ),
)
