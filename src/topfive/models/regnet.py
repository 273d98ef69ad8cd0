"""RegNet: a few numbers draw the widths of a whole network.  Radosavovic et al. 2020, arXiv:2003.13678.

Activations are [N, C, H, W].  A 3x3 stem with stride 2 and four stages, each with stride 2 in its first block; the
width of block j is a quantised line of j (sec. 3.3).  The block is ResNeXt's without narrowing, and in RegNetY with
squeeze and excitation after the 3x3, to a quarter of what the block is given.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import groupby
from typing import NamedTuple, cast

from torch import Tensor, nn

from topfive.models.resnet import Residual, layer
from topfive.nn.classifier import Classifier
from topfive.nn.initial import he_normal
from topfive.nn.squeeze_excite import SqueezeExcite
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Designing Network Design Spaces",
    authors="Radosavovic, Kosaraju, Girshick, He, Dollár",
    year=2020,
    month=3,
    arxiv="2003.13678",
)


class Y(Residual):
    """The Y block: 1x1, grouped 3x3 that strides, squeeze and excitation, 1x1, all of one width."""

    def __init__(self, in_channels: int, width: int, stride: int, *, group_width: int):
        branch = nn.Sequential(
            layer(in_channels, width),
            layer(width, width, 3, stride, groups=width // group_width),
            SqueezeExcite(width, round(in_channels / 4)),
            layer.linear(width, width),
        )
        super().__init__(branch, in_channels, width, stride)


def widths(initial: int, slope: float, multiplier: float, depth: int) -> list[int]:
    """Of each block, eq. 2 to 4: the line `initial` + `slope` * j, at the next power of `multiplier`, in eights."""
    exponents = [round(math.log(1 + slope * j / initial, multiplier)) for j in range(depth)]
    return [8 * round(initial * multiplier**exponent / 8) for exponent in exponents]


def stages(initial: int, slope: float, multiplier: float, depth: int, group_width: int) -> list[tuple[int, int]]:
    """(width, depth) of each stage: blocks of one width are a stage, whose width becomes a multiple of the group's.

    A stage narrower than a group is one group.
    """
    drawn = [(width, len(list(blocks))) for width, blocks in groupby(widths(initial, slope, multiplier, depth))]
    fitted = []
    for width, blocks in drawn:
        group = min(group_width, width)
        fitted.append((round(width / group) * group, blocks))
    return fitted


class RegNet(Classifier):
    """RegNetY by the numbers of its row in the paper's appendix: w_0, w_a, w_m, depth and group width."""

    def __init__(
        self,
        initial: int,
        slope: float,
        multiplier: float,
        depth: int,
        group_width: int,
        *,
        num_classes: int,
        in_channels: int,
    ):
        super().__init__(num_classes, in_channels)
        channels = 32
        self.stem = layer(in_channels, channels, 3, 2)
        self.stages = nn.Sequential()
        for width, blocks in stages(initial, slope, multiplier, depth, group_width):
            stage = nn.Sequential()
            for position in range(blocks):
                stride = 2 if position == 0 else 1
                stage.append(Y(channels, width, stride, group_width=min(group_width, width)))
                channels = width
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


class Row(NamedTuple):
    """One of RegNetY-200MF to -32GF: what draws it, its counts and its error."""

    name: str
    initial: int
    slope: float
    multiplier: float
    depth: int
    group_width: int
    params: int
    macs: int
    top1_error: float


# fmt: off
REGNETY = (
    #   name           w_0  w_a     w_m   d   g    params       macs            top-1
    Row("regnety_002", 24,  36.44,  2.49, 13, 8,   3_162_996,   199_514_080,    0.296),
    Row("regnety_004", 48,  27.89,  2.09, 16, 8,   4_344_144,   401_842_848,    0.259),
    Row("regnety_006", 48,  32.54,  2.32, 15, 16,  6_055_160,   601_220_992,    0.245),
    Row("regnety_008", 56,  38.84,  2.4,  14, 16,  6_263_168,   797_176_832,    0.237),
    Row("regnety_016", 48,  20.71,  2.65, 27, 24,  11_202_430,  1_612_076_160,  0.220),
    Row("regnety_032", 80,  42.63,  2.66, 21, 24,  19_436_338,  3_176_482_752,  0.210),
    Row("regnety_040", 96,  31.41,  2.24, 22, 64,  20_646_656,  3_973_288_448,  0.206),
    Row("regnety_064", 112, 33.22,  2.27, 25, 72,  30_583_252,  6_355_204_992,  0.201),
    Row("regnety_080", 192, 76.82,  2.19, 17, 56,  39_180_068,  7_963_057_312,  0.201),
    Row("regnety_120", 168, 73.36,  2.37, 19, 112, 51_822_544,  12_092_376_576, 0.197),
    Row("regnety_160", 200, 106.23, 2.48, 18, 112, 83_590_140,  15_911_510_272, 0.196),
    Row("regnety_320", 232, 115.89, 2.53, 20, 232, 145_046_770, 32_279_552_832, 0.190),
)
# fmt: on


def _variant(row: Row) -> ModelSpec:
    return ModelSpec(
        name=row.name,
        family="RegNet",
        paper=PAPER,
        build=partial(RegNet, row.initial, row.slope, row.multiplier, row.depth, row.group_width),
        preprocess=Preprocess(),
        facts=Facts(
            row.params,
            row.macs,
            reported=(Reported("top1_error", row.top1_error, "the authors' model zoo", "ImageNet val, 1 crop"),),
        ),
        fact=row.name,
    )


VARIANTS = tuple(_variant(row) for row in REGNETY)
