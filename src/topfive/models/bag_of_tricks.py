"""ResNet-B, -C and -D: three small changes of ResNet's layers.  He et al. 2018, arXiv:1812.01187.

Activations are [N, C, H, W].  Fig. 2: B strides in the 3x3; C has three 3x3 in the stem for the 7x7; D pools in the
shortcut before its 1x1, which so sees every pixel.  Each keeps the changes before it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

from torch import nn

from topfive.models.resnet import Bottleneck, ResNet, imagenet_stem, layer, projection
from topfive.preprocess import Preprocess
from topfive.spec import Build, Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Bag of Tricks for Image Classification with Convolutional Neural Networks",
    authors="He, Zhang, Zhang, Zhang, Xie, Li",
    year=2018,
    month=12,
    arxiv="1812.01187",
)


def pooled_projection(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Fig. 2c: the mean over 2x2 strides, the 1x1 does not."""
    pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
    return nn.Sequential(OrderedDict(pool=pool, projection=projection(in_channels, out_channels, 1)))


def deep_stem(in_channels: int, width: int) -> nn.Module:
    """Fig. 2b: 3x3 with stride 2, two more 3x3, of which the last doubles the channels; then ResNet's pooling."""
    half = width // 2
    return nn.Sequential(
        layer(in_channels, half, 3, 2), layer(half, half, 3), layer(half, width, 3), nn.MaxPool2d(3, 2, padding=1)
    )


def resnet_b(depths: Sequence[int]) -> Build:
    return partial(ResNet, Bottleneck, depths, stem=imagenet_stem)


def resnet_c(depths: Sequence[int]) -> Build:
    return partial(ResNet, Bottleneck, depths, stem=deep_stem)


def resnet_d(depths: Sequence[int]) -> Build:
    return partial(ResNet, partial(Bottleneck, shortcut=pooled_projection), depths, stem=deep_stem)


def _variant(
    name: str, fact: str, build: Build, params: int, macs: int, errors: tuple[float, ...] = (), departs: str = ""
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="ResNet-BoT",
        paper=PAPER,
        build=build,
        preprocess=Preprocess(),
        facts=Facts(
            params,
            macs,
            reported=tuple(
                Reported(metric, error, "table 5, recalled", "ImageNet val, 1 crop")
                for metric, error in zip(("top1_error", "top5_error"), errors, strict=False)
            ),
        ),
        fact=fact,
        departs=departs,
    )


_50, _101, _152 = (3, 4, 6, 3), (3, 4, 23, 3), (3, 8, 36, 3)
_DEEPER = "the table of the paper has depth 50 alone"

# fmt: off
VARIANTS = (
    _variant("resnet50b", "resnet50_b", resnet_b(_50), 25_557_032, 4_089_184_256, (0.2334, 0.0672)),
    _variant("resnet50c", "resnet50_c", resnet_c(_50), 25_576_264, 4_328_824_832, (0.2313, 0.0652)),
    _variant("resnet50d", "resnet50_d", resnet_d(_50), 25_576_264, 4_328_824_832, (0.2284, 0.0648)),
    _variant("resnet101d", "resnet101_d", resnet_d(_101), 44_568_392, 8_041_046_016, departs=_DEEPER),
    _variant("resnet152d", "resnet152_d", resnet_d(_152), 60_212_040, 11_753_267_200, departs=_DEEPER),
)
# fmt: on
