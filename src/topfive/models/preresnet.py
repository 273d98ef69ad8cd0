"""Pre-activation ResNet: nothing on the way from block to block but additions.  He et al. 2016, arXiv:1603.05027.

Activations are [N, C, H, W].  Fig. 4e: normalisation and ReLU come before each convolution and none after the sum, so
the identity runs from the first block to the last.  The shapes are those of ResNet; table 3 has CIFAR's, table 5
ImageNet's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from torch import Tensor, nn

from topfive.models.resnet import CIFAR_PREPROCESS, Block, ResNet, Stem, imagenet_stem
from topfive.nn.conv import centred
from topfive.nn.preactivation import activated, preactivated
from topfive.nn.stochastic_depth import StochasticDepth
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Identity Mappings in Deep Residual Networks",
    authors="He, Zhang, Ren, Sun",
    year=2016,
    month=3,
    arxiv="1603.05027",
)


class PreActivated(nn.Module):
    """branch(a) + x with a = relu(norm(x)), eq. 1 and 2 with f the identity; a shortcut that projects sees a, too."""

    def __init__(self, branch: nn.Sequential, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        same_shape = stride == 1 and in_channels == out_channels
        self.activation = activated(in_channels)
        self.shortcut = None if same_shape else centred(in_channels, out_channels, 1, stride, 1)
        self.branch = branch
        self.drop = StochasticDepth()
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> Tensor:
        active = self.activation(x)
        around = x if self.shortcut is None else self.shortcut(active)
        return cast(Tensor, self.drop(self.branch(active)) + around)


class PreBottleneck(PreActivated):
    """1x1 down, 3x3, 1x1 up to four times the width; the 3x3 strides."""

    def __init__(self, in_channels: int, width: int, stride: int):
        branch = nn.Sequential(
            centred(in_channels, width, 1, 1, 1),
            preactivated(width, width, 3, stride),
            preactivated(width, 4 * width),
        )
        super().__init__(branch, in_channels, 4 * width, stride)


def bare_stem(in_channels: int, width: int) -> nn.Module:
    """One 3x3 and nothing else: the first block normalises (appendix)."""
    return centred(in_channels, width, 3, 1, 1)


class PreResNet(ResNet):
    """A ResNet whose sum is normalised and activated once, at the end."""

    def __init__(
        self,
        block: Block,
        depths: Sequence[int],
        *,
        num_classes: int,
        in_channels: int,
        stem: Stem = imagenet_stem,
        width: int = 64,
    ):
        super().__init__(block, depths, num_classes=num_classes, in_channels=in_channels, stem=stem, width=width)
        self.last = activated(cast(nn.Linear, self.head).in_features)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.last(super().features(images)))


def _imagenet(
    name: str, depths: Sequence[int], params: int, macs: int, top1_error: float = 0, top5_error: float = 0
) -> ModelSpec:
    reported = tuple(
        Reported(metric, error, "table 5, recalled", "ImageNet val, 1 crop of 320")
        for metric, error in (("top1_error", top1_error), ("top5_error", top5_error))
        if error
    )
    return ModelSpec(
        name=name,
        family="ResNet-v2",
        paper=PAPER,
        build=partial(PreResNet, PreBottleneck, depths),
        preprocess=Preprocess(),
        facts=Facts(params, macs, reported=reported),
        fact=name,
        departs="the stem keeps its normalisation and ReLU, and the first block has its own after the pooling; "
        "timm's resnetv2 leaves out the stem's, and so has 128 parameters less",
    )


def _cifar(name: str, depth: int, params: int, macs: int, error: float, protocol: str) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="ResNet-v2",
        paper=PAPER,
        build=partial(PreResNet, PreBottleneck, (depth,) * 3, stem=bare_stem, width=16),
        preprocess=CIFAR_PREPROCESS,
        facts=Facts(
            params,
            macs,
            num_classes=10,
            input_size=32,
            reported=(Reported("top1_error", error, "table 4, recalled", protocol),),
        ),
        fact=name,
    )


VARIANTS = (
    _imagenet("preresnet50", (3, 4, 6, 3), 25_549_480, 4_089_184_256),
    _imagenet("preresnet101", (3, 4, 23, 3), 44_541_608, 7_801_405_440),
    _imagenet("preresnet152", (3, 8, 36, 3), 60_185_256, 11_513_626_624, 0.211, 0.055),
    _imagenet("preresnet200", (3, 24, 36, 3), 64_666_280, 15_007_481_856, 0.207, 0.053),
    _cifar("preresnet164_cifar", 18, 1_703_258, 247_646_720, 0.0546, "CIFAR-10 test, median of 5"),
    _cifar("preresnet1001_cifar", 111, 10_327_706, 1_490_995_712, 0.0492, "CIFAR-10 test, median of 5"),
)
