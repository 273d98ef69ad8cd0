"""Xception: Inception taken to its end, every channel on its own.  Chollet 2016, arXiv:1610.02357.

Activations are [N, C, H, W] with H = W = 299.  Fig. 5: an entry flow to [N, 728, 19, 19], eight times the middle flow,
an exit flow to [N, 2048, 10, 10], all of separable convolutions with residual connections around two or three.
`xception` pads its poolings and normalises as the public torch port does, `tf_xception` as the author does.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import cast

from torch import Tensor, nn

from topfive.nn.classifier import Classifier
from topfive.nn.conv import ConvNorm, bare, tf_norm
from topfive.nn.initial import he_normal
from topfive.nn.pool import SameMaxPool2d
from topfive.nn.residual import last_norm
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Xception: Deep Learning with Depthwise Separable Convolutions",
    authors="Chollet",
    year=2016,
    month=10,
    arxiv="1610.02357",
)

Norm = Callable[[int], nn.Module]
Pool = Callable[[], nn.Module]


def separable(in_channels: int, out_channels: int, norm: Norm) -> nn.Sequential:
    """Depthwise 3x3, then 1x1, nothing between them; fig. 4 in the order of sec. 2."""
    return nn.Sequential(
        OrderedDict(
            depthwise=nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False),
            pointwise=nn.Conv2d(in_channels, out_channels, 1, bias=False),
            norm=norm(out_channels),
        )
    )


class Block(nn.Module):
    """Separable convolutions to `widths` in turn, a ReLU before each, plus the input.

    With a `pool`, which halves the size, the way around is a 1x1 with stride 2.  The very first ReLU is idle: what it
    gets has passed one.
    """

    def __init__(self, in_channels: int, *widths: int, norm: Norm, pool: Pool | None = None):
        super().__init__()
        self.branch = nn.Sequential()
        channels = in_channels
        for width in widths:
            self.branch.append(nn.ReLU())
            self.branch.append(separable(channels, width, norm))
            channels = width
        if pool is not None:
            self.branch.append(pool())
        self.shortcut = nn.Identity() if pool is None else ConvNorm(norm=norm).linear(in_channels, channels, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.branch(x) + self.shortcut(x))

    def last_norms(self) -> list[nn.BatchNorm2d]:
        return [last_norm(self.branch)]


class Xception(Classifier):
    """Fig. 5; `norm` and `pool` are the parts in which the two libraries differ."""

    def __init__(self, *, norm: Norm, pool: Pool, num_classes: int, in_channels: int):
        super().__init__(num_classes, in_channels, dropout=0.5)
        valid = ConvNorm(norm=norm, convolution=bare)
        self.stem = nn.Sequential(valid(in_channels, 32, 3, 2), valid(32, 64, 3))
        block = partial(Block, norm=norm)
        halving = partial(block, pool=pool)
        self.stages = nn.Sequential(
            nn.Sequential(halving(64, 128, 128), halving(128, 256, 256), halving(256, 728, 728)),
            nn.Sequential(*(block(728, 728, 728, 728) for _ in range(8))),
            nn.Sequential(halving(728, 728, 1024)),
        )
        self.last = nn.Sequential(separable(1024, 1536, norm), nn.ReLU(), separable(1536, 2048, norm), nn.ReLU())
        self.head = nn.Linear(2048, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.last(self.stages(self.stem(images))))

    def initialise(self, module: nn.Module) -> None:
        he_normal(module)


def _variant(name: str, norm: Norm, pool: Pool, departs: str) -> ModelSpec:
    reported = tuple(
        Reported(metric, error, "table 1, recalled", "ImageNet val, 1 crop")
        for metric, error in (("top1_error", 0.21), ("top5_error", 0.055))
    )
    return ModelSpec(
        name=name,
        family="Xception",
        paper=PAPER,
        build=partial(Xception, norm=norm, pool=pool),
        preprocess=Preprocess(size=299, crop=0.897, interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3),
        facts=Facts(22_855_952, 8_357_403_496, input_size=299, reported=reported),
        fact="xception",
        departs=departs,
    )


VARIANTS = (
    _variant(
        "xception",
        nn.BatchNorm2d,
        partial(nn.MaxPool2d, 3, 2, padding=1),
        "epsilon 1e-5 and poolings padded on both sides, as in timm's legacy_xception; the author's is tf_xception",
    ),
    _variant("tf_xception", tf_norm, partial(SameMaxPool2d, 3, 2), ""),
)
