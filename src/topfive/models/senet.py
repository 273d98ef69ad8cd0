"""SENet: let the whole picture weigh the channels.  Hu, Shen, Albanie, Sun, Wu 2017, arXiv:1709.01507.

Activations are [N, C, H, W].  A squeeze and excitation block stands at the end of each branch of ResNet and ResNeXt
(fig. 3, table 1) and after each module of BN-Inception (fig. 2); it squeezes to 1 / `reduction` of the channels.  The
arithmetic is that of the authors' Caffe files: a bottleneck strides in its first 1x1, pooling covers every pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import nn

from topfive.models.bn_inception import WIDER, figure_5
from topfive.models.bn_inception import layer as inception_layer
from topfive.models.googlenet import Inception
from topfive.models.googlenet import stem as inception_stem
from topfive.models.resnet import PaperBottleneck, Residual, ResNet, layer
from topfive.models.resnext import Aggregated
from topfive.nn.pool import covering
from topfive.nn.squeeze_excite import SqueezeExcite
from topfive.preprocess import Preprocess
from topfive.spec import Build, Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Squeeze-and-Excitation Networks",
    authors="Hu, Shen, Albanie, Sun, Wu",
    year=2017,
    month=9,
    arxiv="1709.01507",
)


def squeeze_excite(channels: int, reduction: int = 16) -> SqueezeExcite:
    """Sec. 3.1 and 3.2; table 10 tries reductions of 2 to 32."""
    return SqueezeExcite(channels, max(1, channels // reduction))


class SEBottleneck(PaperBottleneck):
    def __init__(self, in_channels: int, width: int, stride: int, *, reduction: int = 16):
        super().__init__(in_channels, width, stride)
        self.branch.append(squeeze_excite(self.out_channels, reduction))


class SEAggregated(Aggregated):
    def __init__(self, in_channels: int, width: int, stride: int, *, reduction: int = 16):
        super().__init__(in_channels, width, stride)
        self.branch.append(squeeze_excite(self.out_channels, reduction))


def wide_projection(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """3x3 where it strides."""
    return layer.linear(in_channels, out_channels, 3 if stride > 1 else 1, stride)


class SE154(Residual):
    """The block of SENet-154 (appendix): 64 groups, half the channels in the first 1x1.

    `width` is that of the stem, 128, so the block ends in twice as many.
    """

    def __init__(self, in_channels: int, width: int, stride: int, *, reduction: int = 16):
        wide = 2 * width
        branch = nn.Sequential(
            layer(in_channels, width),
            layer(width, wide, 3, stride, groups=64),
            layer.linear(wide, wide),
            squeeze_excite(wide, reduction),
        )
        super().__init__(branch, in_channels, wide, stride, wide_projection)


def covering_stem(in_channels: int, width: int) -> nn.Module:
    """7x7 with stride 2, then pooling that leaves out no pixel."""
    stem = layer(in_channels, width, 7, 2)
    stem.add_module("pool", covering())
    return stem


def deep_stem(in_channels: int, width: int) -> nn.Module:
    """Three 3x3 in place of the 7x7, the last twice as wide."""
    half = width // 2
    return nn.Sequential(layer(in_channels, half, 3, 2), layer(half, half, 3), layer(half, width, 3), covering())


def se_resnet(depths: Sequence[int], reduction: int = 16) -> Build:
    return partial(ResNet, partial(SEBottleneck, reduction=reduction), depths, stem=covering_stem)


def se_resnext(depths: Sequence[int], reduction: int = 16) -> Build:
    """Of 32 paths, 4 wide."""
    return partial(ResNet, partial(SEAggregated, reduction=reduction), depths, stem=covering_stem)


def senet154(reduction: int = 16) -> Build:
    block = partial(SE154, reduction=reduction)
    return partial(ResNet, block, (3, 8, 36, 3), stem=deep_stem, width=128, dropout=0.2)


def se_bn_inception(reduction: int = 16) -> Build:
    stages = partial(figure_5, inception_layer, WIDER, partial(squeeze_excite, reduction=reduction))
    return partial(Inception, partial(inception_stem, layer=inception_layer), stages, 1024, dropout=0.0)


def _variant(
    name: str,
    build: Build,
    params: int,
    macs: int,
    top1_error: float,
    top5_error: float,
    where: str = "table 2, recalled",
    departs: str = "",
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="SENet",
        paper=PAPER,
        build=build,
        preprocess=Preprocess(),
        facts=Facts(
            params,
            macs,
            reported=tuple(
                Reported(metric, error, where, "ImageNet val, 1 crop")
                for metric, error in (("top1_error", top1_error), ("top5_error", top5_error))
            ),
        ),
        fact=name,
        departs=departs,
    )


_WIDER = "the BN-Inception is the wider one that the authors released: 608 and 1056 channels, not 576 and 1024"

# fmt: off
VARIANTS = (
    _variant("se_resnet50", se_resnet((3, 4, 6, 3)), 28_088_024, 3_860_488_192, 0.2329, 0.0662),
    _variant("se_resnet101", se_resnet((3, 4, 23, 3)), 49_326_872, 7_574_937_600, 0.2238, 0.0607),
    _variant("se_resnet152", se_resnet((3, 8, 36, 3)), 66_821_848, 11_288_993_792, 0.2157, 0.0573),
    _variant("se_resnext50_32x4d", se_resnext((3, 4, 6, 3)), 27_559_896, 4_232_994_816, 0.2110, 0.0549),
    _variant("se_resnext101_32x4d", se_resnext((3, 4, 23, 3)), 48_955_416, 7_974_739_968, 0.2070, 0.0501),
    _variant("se_bn_inception", se_bn_inception(), 11_931_622, 2_033_239_424, 0.2423, 0.0714, departs=_WIDER),
    _variant("senet154", senet154(), 115_088_984, 20_688_363_520, 0.1868, 0.0447, "comparison at 224"),
)
# fmt: on
