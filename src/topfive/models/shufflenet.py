"""ShuffleNet: grouped 1x1 convolutions, and a shuffle of channels between them.  Zhang et al. 2017, arXiv:1707.01083.

Activations are [N, C, H, W].  Table 1: a 3x3 stem and a max pooling, then three stages of units; H and W end at 1/32.
The more groups, the more channels the same cost buys; `scale` multiplies all widths.
"""

from __future__ import annotations

from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topfive.errors import UsageError
from topfive.nn.classifier import Classifier
from topfive.nn.conv import ConvNorm
from topfive.nn.initial import he_normal
from topfive.nn.measure import count_facts
from topfive.nn.residual import last_norm
from topfive.nn.rounding import divisible
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices",
    authors="Zhang, Zhou, Lin, Sun",
    year=2017,
    month=7,
    arxiv="1707.01083",
)

layer = ConvNorm()


def shuffle(x: Tensor, groups: int) -> Tensor:
    """Deal the channels of each group out to all groups, fig. 1c: [groups, n] of them become [n, groups]."""
    _, channels, height, width = x.shape
    return x.reshape(-1, groups, channels // groups, height, width).transpose(1, 2).reshape(x.shape)


class Unit(nn.Module):
    """Grouped 1x1 down to a quarter, shuffle, depthwise 3x3 without activation, grouped 1x1 up, fig. 2b."""

    def __init__(self, in_channels: int, out_channels: int, groups: int, *, new_channels: int, stride: int = 1):
        super().__init__()
        width = out_channels // 4
        self.groups = groups
        # The first unit sees so few channels that its first 1x1 is not grouped (sec. 3.2).
        self.reduce = layer(in_channels, width, groups=1 if in_channels < width else groups)
        self.depthwise = layer.linear(width, width, 3, stride, groups=width)
        self.expand = layer.linear(width, new_channels, groups=groups)

    def branch(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.expand(self.depthwise(shuffle(self.reduce(x), self.groups))))


class Shuffled(Unit):
    """The unit that keeps the shape: relu(x + branch(x))."""

    def __init__(self, channels: int, groups: int):
        super().__init__(channels, channels, groups, new_channels=channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.branch(x))

    def last_norms(self) -> list[nn.BatchNorm2d]:
        return [last_norm(self.expand)]


class Downsampling(Unit):
    """The unit that halves H and W, fig. 2c: the branch makes the channels that the pooled input lacks."""

    def __init__(self, in_channels: int, out_channels: int, groups: int):
        super().__init__(in_channels, out_channels, groups, new_channels=out_channels - in_channels, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(torch.cat([self.branch(x), F.avg_pool2d(x, 3, 2, padding=1)], 1))


DEPTHS = (4, 8, 4)
STEM_CHANNELS = 24
WIDTHS = {
    1: 144,
    2: 200,
    3: 240,
    4: 272,
    8: 384,
}  # table 1: of the first stage by groups; each stage has twice the last


class ShuffleNet(Classifier):
    """Table 1 for `groups` (1, 2, 3, 4 or 8), its widths multiplied by `scale` and rounded to what groups divide."""

    def __init__(self, groups: int = 3, scale: float = 1.0, *, num_classes: int, in_channels: int):
        super().__init__(num_classes, in_channels)
        if groups not in WIDTHS:
            known = ", ".join(map(str, WIDTHS))
            raise UsageError(f"cannot build ShuffleNet with groups={groups}", why=f"the paper has widths for {known}")
        channels = divisible(scale * STEM_CHANNELS, groups)
        self.stem = layer(in_channels, channels, 3, 2)
        self.stem.add_module("pool", nn.MaxPool2d(3, 2, padding=1))
        self.stages = nn.Sequential()
        for index, depth in enumerate(DEPTHS):
            width = divisible(scale * WIDTHS[groups], 4 * groups) * 2**index
            units = (Shuffled(width, groups) for _ in range(depth - 1))
            self.stages.append(nn.Sequential(Downsampling(channels, width, groups), *units))
            channels = width
        self.head = nn.Linear(channels, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.stages(self.stem(images)))

    def initialise(self, module: nn.Module) -> None:
        he_normal(module)


def shufflenet_v1(groups: int = 3, scale: float = 1.0) -> ModelSpec:
    """The network for 1, 2, 3, 4 or 8 groups at any scale above 0."""
    build = partial(ShuffleNet, groups, scale)
    return _spec(f"shufflenet_v1_x{scale:g}_g{groups}".replace(".", "_"), build, count_facts(build, 224))


def _spec(name: str, build: partial[ShuffleNet], facts: Facts, fact: str = "") -> ModelSpec:
    return ModelSpec(
        name=name, family="ShuffleNet", paper=PAPER, build=build, preprocess=Preprocess(), facts=facts, fact=fact
    )


def _variant(groups: int, scale: float, params: int, macs: int, error: float | None = None) -> ModelSpec:
    reported = () if error is None else (Reported("top1_error", error, "table 2, recalled", "ImageNet val, 1 crop"),)
    name = f"shufflenet_v1_x{scale}_g{groups}".replace(".", "_")
    facts = Facts(params, macs, reported=reported)
    return _spec(name, partial(ShuffleNet, groups, scale), facts, f"shufflenet_v1_{scale}_g{groups}")


# fmt: off
VARIANTS = (
    #        g  scale params     macs         top-1
    _variant(1, 1.0, 1_531_936, 143_078_976, 0.336),
    _variant(2, 1.0, 1_733_848, 140_836_512, 0.327),
    _variant(3, 1.0, 1_865_728, 137_460_672, 0.326),
    _variant(4, 1.0, 1_968_344, 134_339_776, 0.328),
    _variant(8, 1.0, 2_434_768, 138_365_952, 0.324),
    _variant(1, 0.5, 534_484,   38_517_408,  0.451),
    _variant(3, 0.5, 718_324,   37_589_856,  0.432),
    _variant(1, 1.5, 2_993_356, 313_684_704),
    _variant(3, 1.5, 3_443_212, 299_612_448, 0.285),
    _variant(1, 2.0, 4_918_744, 550_334_592),
    _variant(2, 2.0, 5_257_896, 539_138_624),
    _variant(3, 2.0, 5_450_776, 524_045_184, 0.263),
    _variant(4, 2.0, 5_593_528, 510_289_536),
    _variant(8, 2.0, 6_522_232, 521_942_016),
)
# fmt: on
