"""PolyNet: sums of compositions of Inception residuals.  Zhang, Li, Loy, Lin 2016, arXiv:1611.05725.

Activations are [N, C, H, W] with H = W = 331; stages at 39x39, 19x19 and 9x9.  Fig. 4: with F and G the branches of an
Inception-ResNet module, 2-way is I + F + G and poly-3 is I + F + F F + F F F, whose F share their convolutions.  "Very
Deep PolyNet" has ten 2-way modules, then ten and five pairs of poly-3 and 2-way.  Stochastic paths: any term of a sum
but the first can be left out at random in training, the deeper the likelier.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topfive.models.googlenet import Branches, Inception, tower
from topfive.models.inception_v4 import Steps
from topfive.nn.conv import ConvNorm, Kernel, bare, centred
from topfive.nn.residual import last_norm
from topfive.nn.stochastic_depth import StochasticDepth
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper

PAPER = Paper(
    title="PolyNet: A Pursuit of Structural Diversity in Very Deep Networks",
    authors="Zhang, Li, Loy, Lin",
    year=2016,
    month=11,
    arxiv="1611.05725",
)

layer = ConvNorm()
valid = ConvNorm(convolution=bare)


def halving(*steps: tuple[int, Kernel], in_channels: int, out_channels: int) -> nn.Sequential:
    """A way that ends in a 3x3 with stride 2."""
    way = tower(layer, in_channels, *steps)
    return way.append(valid(steps[-1][0] if steps else in_channels, out_channels, 3, 2))


def stem(in_channels: int) -> nn.Module:
    """Images of 331x331 -> [N, 384, 39, 39], as in Inception-v4."""
    long = tower(layer, 160, (64, 1), (64, (7, 1)), (64, (1, 7))).append(valid(64, 96, 3))
    return nn.Sequential(
        OrderedDict(
            conv1=valid(in_channels, 32, 3, 2),
            conv2=valid(32, 32, 3),
            conv3=layer(32, 64, 3),
            mixed1=Branches((nn.MaxPool2d(3, 2), valid(64, 96, 3, 2))),
            mixed2=Branches((tower(layer, 160, (64, 1)).append(valid(64, 96, 3)), long)),
            mixed3=Branches((nn.MaxPool2d(3, 2), valid(192, 192, 3, 2))),
        )
    )


# The ways of an Inception-ResNet-v2 module.
A: tuple[Steps, ...] = (((32, 1), (48, 3), (64, 3)), ((32, 1), (32, 3)), ((32, 1),))
B: tuple[Steps, ...] = (((128, 1), (160, (1, 7)), (192, (7, 1))), ((192, 1),))
C: tuple[Steps, ...] = (((192, 1), (224, (1, 3)), (256, (3, 1))), ((192, 1),))


class TwoWay(nn.Module):
    """relu(x + scale F(x) + scale G(x))."""

    def __init__(self, channels: int, ways: tuple[Steps, ...], scale: float):
        super().__init__()
        found = sum(steps[-1][0] for steps in ways)
        self.branches = nn.ModuleList(
            nn.Sequential(Branches(tower(layer, channels, *steps) for steps in ways), layer.linear(found, channels))
            for _ in range(2)
        )
        self.scale = scale
        self.drop = StochasticDepth()

    def forward(self, x: Tensor) -> Tensor:
        total = x
        for branch in self.branches:
            total = total + self.drop(self.scale * branch(x))
        return F.relu(total)

    def last_norms(self) -> list[nn.BatchNorm2d]:
        return [last_norm(branch) for branch in self.branches]


class SharedLayer(nn.Module):
    """A convolution that is run `times` times, each time with a normalisation of its own."""

    def __init__(self, in_channels: int, out_channels: int, kernel: Kernel, times: int):
        super().__init__()
        self.conv = centred(in_channels, out_channels, kernel, 1, 1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(out_channels) for _ in range(times))

    def forward(self, x: Tensor, time: int) -> Tensor:
        return F.relu(self.norms[time](self.conv(x)))


class SharedWay(nn.ModuleList):
    """A way of shared layers."""

    def __init__(self, in_channels: int, steps: Steps, times: int):
        super().__init__()
        for channels, kernel in steps:
            self.append(SharedLayer(in_channels, channels, kernel, times))
            in_channels = channels

    def forward(self, x: Tensor, time: int) -> Tensor:
        for shared in self:
            x = shared(x, time)
        return x


class Poly(nn.Module):
    """relu(x + scale F(x) + scale F F(x) + ...), `order` terms; between two F stands a ReLU."""

    def __init__(self, channels: int, ways: tuple[Steps, ...], scale: float, order: int = 3):
        super().__init__()
        found = sum(steps[-1][0] for steps in ways)
        self.ways = nn.ModuleList(SharedWay(channels, steps, order) for steps in ways)
        self.projections = nn.ModuleList(layer.linear(found, channels) for _ in range(order))
        self.scale = scale
        self.drop = StochasticDepth()

    def forward(self, x: Tensor) -> Tensor:
        total = x
        for time, project in enumerate(self.projections):
            found = cast(Tensor, project(torch.cat([way(x, time) for way in self.ways], dim=1)))
            total = total + self.drop(self.scale * found)
            x = F.relu(found)
        return F.relu(total)

    def last_norms(self) -> list[nn.BatchNorm2d]:
        return [last_norm(project) for project in self.projections]


def reduction_a() -> nn.Module:
    """39x39 to 19x19."""
    return Branches(
        (
            halving((256, 1), (256, 3), in_channels=384, out_channels=384),
            halving(in_channels=384, out_channels=384),
            nn.MaxPool2d(3, 2),
        )
    )


def reduction_b() -> nn.Module:
    """19x19 to 9x9."""
    return Branches(
        (
            halving((256, 1), (256, 3), in_channels=1152, out_channels=256),
            halving((256, 1), in_channels=1152, out_channels=256),
            halving((256, 1), in_channels=1152, out_channels=384),
            nn.MaxPool2d(3, 2),
        )
    )


def stages(depths: tuple[int, int, int] = (10, 10, 5)) -> nn.Sequential:
    """So many 2-way modules, and pairs in the later stages; the scale falls evenly from 1 to 0.7."""
    first, second, third = depths
    count = first + 2 * second + 2 * third
    scales = iter([round(1 - 0.3 * index / (count - 1), 6) for index in range(count)])

    def pairs(channels: int, ways: tuple[Steps, ...], depth: int) -> list[nn.Module]:
        kinds: tuple[Callable[..., nn.Module], ...] = (Poly, TwoWay)
        return [kind(channels, ways, next(scales)) for _ in range(depth) for kind in kinds]

    return nn.Sequential(
        nn.Sequential(*(TwoWay(384, A, next(scales)) for _ in range(first))),
        nn.Sequential(reduction_a(), *pairs(1152, B, second)),
        nn.Sequential(reduction_b(), *pairs(2048, C, third)),
    )


VARIANTS = (
    ModelSpec(
        name="polynet",
        family="Inception",
        paper=PAPER,
        build=partial(Inception, stem, stages, 2048, dropout=0.2),
        preprocess=Preprocess(size=331, crop=0.875, interpolation="bicubic"),
        facts=Facts(95_366_600, 34_699_493_472, input_size=331),
        fact="polynet",
        departs="stochastic paths are off unless they are asked for: the paper adds them where a network overfits",
    ),
)
