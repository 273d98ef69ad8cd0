"""Darknet-19: the classifier under YOLOv2.  Redmon, Farhadi 2016, YOLO9000: Better, Faster, Stronger, arXiv:1612.08242.

Activations are [N, C, H, W].  Table 6: 3x3 that double the channels after each pooling, 1x1 between them that halve
them again, batch normalisation throughout, and a last 1x1 whose maps, one a class, are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from torch import Tensor, nn

from topfive.models.network_in_network import ClassMapper, ClassMaps
from topfive.nn.conv import ConvNorm
from topfive.nn.initial import he_normal
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="YOLO9000: Better, Faster, Stronger",
    authors="Redmon, Farhadi",
    year=2016,
    month=12,
    arxiv="1612.08242",
)

leaky_layer = ConvNorm(partial(nn.LeakyReLU, 0.1, inplace=True))


class LinearMaps(ClassMaps):
    """The last 1x1, whose maps are averaged as they are."""

    def forward(self, input: Tensor) -> Tensor:
        maps = input[:, :, None, None] if input.ndim == 2 else input
        return nn.Conv2d.forward(self, maps).mean((2, 3))


class Darknet19(ClassMapper):
    """`depths` layers a stage, 3x3 and 1x1 in turn; the first stage is `width` wide, each next twice as wide."""

    def __init__(self, depths: Sequence[int], *, num_classes: int, in_channels: int, width: int = 32):
        super().__init__(num_classes, in_channels)
        self.stages = nn.Sequential()
        channels = in_channels
        for index, depth in enumerate(depths):
            wide = width * 2**index
            stage = nn.Sequential()
            for position in range(depth):
                narrow = position % 2 == 1
                out_channels = wide // 2 if narrow else wide
                stage.append(leaky_layer(channels, out_channels, 1 if narrow else 3))
                channels = out_channels
            if index < len(depths) - 1:
                stage.append(nn.MaxPool2d(2))
            self.stages.append(stage)
        self.head = LinearMaps(channels, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.stages(images))

    def initialise(self, module: nn.Module) -> None:
        he_normal(module)


VARIANTS = (
    ModelSpec(
        name="darknet19",
        family="Darknet",
        paper=PAPER,
        build=partial(Darknet19, (1, 1, 3, 3, 5, 5)),
        preprocess=Preprocess(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
        facts=Facts(
            20_842_376,
            2_790_989_824,
            reported=(
                Reported("top1_error", 0.271, "table 6 and sec. 3, recalled", "ImageNet val at 224"),
                Reported("top5_error", 0.088, "table 6 and sec. 3, recalled", "ImageNet val at 224"),
            ),
        ),
        fact="darknet19",
    ),
)
