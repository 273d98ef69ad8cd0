"""ResNeXt: many narrow paths side by side, as one grouped convolution.  Xie et al. 2016, arXiv:1611.05431.

Activations are [N, C, H, W].  Table 1 is ResNet's with another bottleneck: `cardinality` paths, `path_width` wide in
the first stage and twice as wide in each next.  The block is that of fig. 3c.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import nn

from topfive.models.resnet import Residual, ResNet, layer
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Aggregated Residual Transformations for Deep Neural Networks",
    authors="Xie, Girshick, Dollár, Tu, He",
    year=2016,
    month=11,
    arxiv="1611.05431",
)


class Aggregated(Residual):
    """1x1 down, grouped 3x3 that strides, 1x1 up to four times the width."""

    def __init__(self, in_channels: int, width: int, stride: int, *, cardinality: int = 32, path_width: int = 4):
        inner = cardinality * (path_width * width // 64)
        branch = nn.Sequential(
            layer(in_channels, inner),
            layer(inner, inner, 3, stride, groups=cardinality),
            layer.linear(inner, 4 * width),
        )
        super().__init__(branch, in_channels, 4 * width, stride)


def _variant(
    name: str,
    depths: Sequence[int],
    cardinality: int,
    path_width: int,
    params: int,
    macs: int,
    errors: tuple[float, ...],
    where: str,
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="ResNeXt",
        paper=PAPER,
        build=partial(ResNet, partial(Aggregated, cardinality=cardinality, path_width=path_width), depths),
        preprocess=Preprocess(),
        facts=Facts(
            params,
            macs,
            reported=tuple(
                Reported(metric, error, where, "ImageNet val, 1 crop")
                for metric, error in zip(("top1_error", "top5_error"), errors, strict=False)
            ),
        ),
        fact=name,
    )


# fmt: off
VARIANTS = (
    _variant("resnext50_32x4d", (3, 4, 6, 3), 32, 4, 25_028_904, 4_230_479_872, (0.222,), "table 3"),
    _variant("resnext101_32x4d", (3, 4, 23, 3), 32, 4, 44_177_704, 7_969_996_800, (0.212, 0.056), "table 4, recalled"),
    _variant("resnext101_64x4d", (3, 4, 23, 3), 64, 4, 83_455_272, 15_460_270_080, (0.204, 0.053),
             "table 4, recalled"),
)
# fmt: on
