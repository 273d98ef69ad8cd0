"""BN-Inception: normalise every layer by its batch.  Ioffe, Szegedy 2015, arXiv:1502.03167.

Activations are [N, C, H, W].  Fig. 5: GoogLeNet with two 3x3 for the 5x5, a third module at 28x28, and modules with
stride 2 (3c and 4e) in place of the poolings between the stages.  No side classifier is drawn or spoken of.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from torch import nn

from topfive.models.googlenet import Branches, Inception, Layer, stem, tower
from topfive.nn.conv import ConvNorm, Kernel
from topfive.nn.pool import SameMaxPool2d
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
    authors="Ioffe, Szegedy",
    year=2015,
    month=2,
    arxiv="1502.03167",
)


def biased(in_channels: int, out_channels: int, kernel: Kernel, stride: int, groups: int) -> nn.Conv2d:
    """Centred, with the bias that a normalisation after it makes idle; Caffe's networks have it all the same."""
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    return nn.Conv2d(in_channels, out_channels, (height, width), stride, (height // 2, width // 2), groups=groups)


caffe_layer = ConvNorm(convolution=biased)
layer = ConvNorm()
mean_pool = partial(nn.AvgPool2d, 3, 1, padding=1)
max_pool = partial(nn.MaxPool2d, 3, 1, padding=1)


class Widths(NamedTuple):
    """A row of fig. 5: 1x1; 1x1 before 3x3, 3x3; 1x1 before two 3x3, these; 1x1 after the pooling.

    Without 1x1 the module strides: it has three ways, of which the last is pooling alone.
    """

    ones: int
    reduce3: int
    threes: int
    reduce_double: int
    doubles: int
    pooled: int
    pool: Callable[[], nn.Module] = mean_pool

    def channels(self, in_channels: int) -> int:
        return self.ones + self.threes + self.doubles + (self.pooled if self.ones else in_channels)


# fmt: off
FIGURE_5 = (
    (Widths(64,  64,  64,  64,  96,  32),               # 3a
     Widths(64,  64,  96,  64,  96,  64),               # 3b
     Widths(0,   128, 160, 64,  96,  0)),               # 3c
    (Widths(224, 64,  96,  96,  128, 128),              # 4a
     Widths(192, 96,  128, 96,  128, 128),              # 4b
     Widths(160, 128, 160, 128, 160, 96),               # 4c
     Widths(96,  128, 192, 160, 192, 96),               # 4d
     Widths(0,   128, 192, 192, 256, 0)),               # 4e
    (Widths(352, 192, 320, 160, 224, 128),              # 5a
     Widths(352, 192, 320, 192, 224, 128, max_pool)),   # 5b
)
# fmt: on

_3, _4, _5 = FIGURE_5
WIDER = (_3, (*_4[:2], _4[2]._replace(pooled=128), _4[3]._replace(pooled=128), _4[4]), _5)


def module(layer: Layer, in_channels: int, row: Widths) -> nn.Module:
    """The ways of one row."""
    return Branches(
        (
            tower(layer, in_channels, (row.ones, 1)),
            tower(layer, in_channels, (row.reduce3, 1), (row.threes, 3)),
            tower(layer, in_channels, (row.reduce_double, 1), (row.doubles, 3), (row.doubles, 3)),
            nn.Sequential(row.pool(), *tower(layer, in_channels, (row.pooled, 1))),
        )
    )


def striding_module(layer: Layer, in_channels: int, row: Widths) -> nn.Module:
    """The ways of a row that halves the size; the pooling is Caffe's, and on odd maps as large as the others."""
    double = tower(layer, in_channels, (row.reduce_double, 1), (row.doubles, 3))
    return Branches(
        (
            tower(layer, in_channels, (row.reduce3, 1)).append(layer(row.reduce3, row.threes, 3, 2)),
            double.append(layer(row.doubles, row.doubles, 3, 2)),
            SameMaxPool2d(3, 2),
        )
    )


def figure_5(
    layer: Layer, table: tuple[tuple[Widths, ...], ...], after: Callable[[int], nn.Module] | None = None
) -> nn.Sequential:
    """The ten modules of a table; `after` makes what follows each, from its channels."""
    stages = nn.Sequential()
    channels = 192
    for rows in table:
        stage = nn.Sequential()
        for row in rows:
            make = module if row.ones else striding_module
            ways = make(layer, channels, row)
            channels = row.channels(channels)
            stage.append(ways if after is None else nn.Sequential(ways, after(channels)))
        stages.append(stage)
    return stages


VARIANTS = (
    ModelSpec(
        name="bninception",
        family="Inception",
        paper=PAPER,
        build=partial(
            Inception, partial(stem, layer=caffe_layer), partial(figure_5, caffe_layer, WIDER), 1024, dropout=0.0
        ),
        preprocess=Preprocess(),
        facts=Facts(11_295_240, 2_032_600_064),
        fact="bninception_caffe",
        departs="the popular Caffe form: 128 channels after the poolings of 4c and 4d where the paper has 96, so 608, "
        "608 and 1056 channels follow where the paper has 576, 576 and 1024; convolutions have an idle bias; "
        "the public weights take blue first and values to 255",
    ),
    ModelSpec(
        name="bninception_paper",
        family="Inception",
        paper=PAPER,
        build=partial(Inception, partial(stem, layer=layer), partial(figure_5, layer, FIGURE_5), 1024, dropout=0.0),
        preprocess=Preprocess(),
        facts=Facts(
            11_194_984,
            2_018_851_840,
            reported=(
                Reported("top1_error", 0.252, "fig. 3, BN-x30, recalled", "ImageNet val, 1 crop"),
                Reported("top5_error", 0.078, "as quoted in arXiv:1602.07261, table 2", "ImageNet val, 1 crop"),
            ),
        ),
        fact="bninception_paper",
        departs="the first layer is one 7x7, the paper's is separable, with eight times the channels in between",
    ),
)
