"""Wide ResNet: fewer layers, each of them wider.  Zagoruyko, Komodakis 2016, arXiv:1605.07146.

Activations are [N, C, H, W].  Table 1 (CIFAR): WRN-n-k has n = 6 d + 4 layers, d pre-activated blocks of two 3x3 a
stage, k times as wide as ResNet's 16 to 64; dropout stands between the two.  Sec. 3 (ImageNet): a ResNet whose
bottlenecks are twice as wide inside.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

from torch import nn

from topfive.models.preresnet import PreActivated, PreResNet, bare_stem
from topfive.models.resnet import CIFAR_PREPROCESS, Residual, ResNet, layer
from topfive.nn.conv import centred
from topfive.nn.preactivation import preactivated
from topfive.preprocess import Preprocess
from topfive.spec import Build, Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Wide Residual Networks",
    authors="Zagoruyko, Komodakis",
    year=2016,
    month=5,
    arxiv="1605.07146",
)


class WideBasic(PreActivated):
    """Two 3x3 of `widening` times the width, with dropout between them (fig. 1d)."""

    def __init__(self, in_channels: int, width: int, stride: int, *, widening: int, dropout: float = 0.0):
        wide = widening * width
        second = preactivated(wide, wide, 3)
        if dropout:
            first, last = second[:2], second[2]
            second = nn.Sequential(OrderedDict(**dict(first.named_children()), dropout=nn.Dropout(dropout), conv=last))
        super().__init__(nn.Sequential(centred(in_channels, wide, 3, stride, 1), second), in_channels, wide, stride)


class WideBottleneck(Residual):
    """ResNet's bottleneck with `widening` times the width inside; what goes in and out stays as it was."""

    def __init__(self, in_channels: int, width: int, stride: int, *, widening: int = 2):
        wide = widening * width
        branch = nn.Sequential(layer(in_channels, wide), layer(wide, wide, 3, stride), layer.linear(wide, 4 * width))
        super().__init__(branch, in_channels, 4 * width, stride)


def wide_resnet_cifar(depth: int, widening: int, dropout: float = 0.0) -> Build:
    """WRN-`depth`-`widening` of table 1; `depth` is 10, 16, 22, 28 ..."""
    if depth < 10 or (depth - 4) % 6:
        raise ValueError(f"the depth of a wide ResNet is 6 d + 4, d at least 1; it is {depth}")
    block = partial(WideBasic, widening=widening, dropout=dropout)
    return partial(PreResNet, block, ((depth - 4) // 6,) * 3, stem=bare_stem, width=16)


def _imagenet(
    name: str, depths: Sequence[int], params: int, macs: int, reported: tuple[Reported, ...] = (), departs: str = ""
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="WRN",
        paper=PAPER,
        build=partial(ResNet, WideBottleneck, depths),
        preprocess=Preprocess(),
        facts=Facts(params, macs, reported=reported),
        fact=name,
        departs=departs,
    )


def _cifar(name: str, depth: int, widening: int, params: int, macs: int, error: float = 0) -> ModelSpec:
    reported = (Reported("top1_error", error, "table 5, recalled", "CIFAR-10 test"),) if error else ()
    return ModelSpec(
        name=name,
        family="WRN",
        paper=PAPER,
        build=wide_resnet_cifar(depth, widening),
        preprocess=CIFAR_PREPROCESS,
        facts=Facts(params, macs, num_classes=10, input_size=32, reported=reported),
        fact=name,
    )


_ERRORS = (
    Reported("top1_error", 0.219, "table 8, recalled", "ImageNet val, 1 crop"),
    Reported("top5_error", 0.0603, "table 8, recalled", "ImageNet val, 1 crop"),
)

VARIANTS = (
    _imagenet("wide_resnet50_2", (3, 4, 6, 3), 68_883_240, 11_398_021_120, _ERRORS),
    _imagenet(
        "wide_resnet101_2",
        (3, 4, 23, 3),
        126_886_696,
        22_753_050_624,
        departs="the paper has no such depth; the network is torchvision's",
    ),
    _cifar("wrn16_10_cifar", 16, 10, 17_116_634, 2_412_173_568),
    _cifar("wrn28_10_cifar", 28, 10, 36_479_194, 5_243_328_768, 0.04),
    _cifar("wrn40_8_cifar", 40, 8, 35_748_314, 5_172_024_320),
)
