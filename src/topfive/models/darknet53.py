"""Darknet-53: Darknet-19 with the shortcuts of ResNet.  Redmon, Farhadi 2018, YOLOv3, arXiv:1804.02767.

Activations are [N, C, H, W].  Table 1: a 3x3 stem, then five stages, each a 3x3 with stride 2 that doubles the
channels and blocks of a 1x1 that halves them and a 3x3 that doubles them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import cast

from torch import Tensor, nn

from topfive.models.darknet19 import leaky_layer
from topfive.nn.classifier import Classifier
from topfive.nn.conv import ConvNorm
from topfive.nn.initial import he_normal
from topfive.nn.residual import last_norm
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="YOLOv3: An Incremental Improvement",
    authors="Redmon, Farhadi",
    year=2018,
    month=4,
    arxiv="1804.02767",
)

slight_layer = ConvNorm(partial(nn.LeakyReLU, 0.01, inplace=True))  # timm's slope


class Shortened(nn.Module):
    """x + branch(x), activated before the sum and not after it."""

    def __init__(self, channels: int, layer: ConvNorm):
        super().__init__()
        self.branch = nn.Sequential(layer(channels, channels // 2), layer(channels // 2, channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x + cast(Tensor, self.branch(x))

    def last_norms(self) -> list[nn.BatchNorm2d]:
        return [last_norm(self.branch)]


class Darknet53(Classifier):
    """`depths` blocks a stage."""

    def __init__(
        self,
        layer: ConvNorm = leaky_layer,
        depths: Sequence[int] = (1, 2, 8, 8, 4),
        *,
        num_classes: int,
        in_channels: int,
        width: int = 32,
    ):
        super().__init__(num_classes, in_channels)
        self.stem = layer(in_channels, width, 3)
        self.stages = nn.Sequential()
        channels = width
        for depth in depths:
            wide = 2 * channels
            blocks = nn.Sequential(*(Shortened(wide, layer) for _ in range(depth)))
            self.stages.append(nn.Sequential(OrderedDict(down=layer(channels, wide, 3, 2), blocks=blocks)))
            channels = wide
        self.head = nn.Linear(channels, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.stages(self.stem(images)))

    def initialise(self, module: nn.Module) -> None:
        he_normal(module)


_ERRORS = (
    Reported("top1_error", 0.228, "table 2, recalled", "ImageNet val at 256"),
    Reported("top5_error", 0.062, "table 2, recalled", "ImageNet val at 256"),
)

VARIANTS = (
    ModelSpec(
        name="darknet53",
        family="Darknet",
        paper=PAPER,
        build=partial(Darknet53, slight_layer),
        preprocess=Preprocess(size=256, crop=0.887, interpolation="bicubic"),
        facts=Facts(41_609_928, 9_285_115_904, input_size=256),
        fact="darknet53",
        departs="slope 0.01 below zero, as timm's, whose weights these are; the authors' 0.1 is darknet53_paper",
    ),
    ModelSpec(
        name="darknet53_paper",
        family="Darknet",
        paper=PAPER,
        build=partial(Darknet53, leaky_layer),
        preprocess=Preprocess(size=256, crop=1.0, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
        facts=Facts(41_609_928, 9_285_115_904, input_size=256, reported=_ERRORS),
        fact="darknet53",
    ),
)
