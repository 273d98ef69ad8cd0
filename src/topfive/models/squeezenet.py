"""SqueezeNet: AlexNet's accuracy from a fiftieth of its parameters.  Iandola et al. 2016, arXiv:1602.07360.

Activations are [N, C, H, W].  Table 1: a convolution, eight Fire modules with three poolings between them, and class
maps as in Network in Network.  1.1 is the authors' later revision: a 3x3 first layer, and it pools earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topfive.models.network_in_network import ClassMapper, ClassMaps
from topfive.nn.pool import covering
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
    authors="Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer",
    year=2016,
    month=2,
    arxiv="1602.07360",
)


class Fire(nn.Module):
    """1x1 down to `squeezed`, then 1x1 and 3x3 side by side, each up to `expanded`; fig. 1."""

    def __init__(self, in_channels: int, squeezed: int, expanded: int):
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeezed, 1)
        self.expand1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1(squeezed)), F.relu(self.expand3(squeezed))], dim=1)


FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))  # fire2 to fire9


class SqueezeNet(ClassMapper):
    """A first layer of `stem_channels` with `kernel`; `depths` Fire modules between one pooling and the next."""

    def __init__(self, stem_channels: int, kernel: int, depths: Sequence[int], *, num_classes: int, in_channels: int):
        super().__init__(num_classes, in_channels, dropout=0.5)
        self.stem = nn.Sequential(nn.Conv2d(in_channels, stem_channels, kernel, 2), nn.ReLU(), covering())
        self.stages = nn.Sequential()
        fires = iter(FIRES)
        channels = stem_channels
        for index, depth in enumerate(depths):
            stage = nn.Sequential()
            for squeezed, expanded in (next(fires) for _ in range(depth)):
                stage.append(Fire(channels, squeezed, expanded))
                channels = 2 * expanded
            if index < len(depths) - 1:
                stage.append(covering())
            self.stages.append(stage)
        self.head = ClassMaps(channels, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.stages(self.stem(images)))

    def initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.kaiming_uniform_(module.weight)
            nn.init.zeros_(module.bias)
        if isinstance(module, ClassMaps):
            nn.init.normal_(module.weight, std=0.01)


VARIANTS = (
    ModelSpec(
        name="squeezenet1_0",
        family="SqueezeNet",
        paper=PAPER,
        build=partial(SqueezeNet, 96, 7, (3, 4, 1)),
        preprocess=Preprocess(),
        facts=Facts(
            1_248_424,
            818_924_576,
            reported=(
                Reported("top1_error", 0.425, "table 2, recalled", "ImageNet val"),
                Reported("top5_error", 0.197, "table 2, recalled", "ImageNet val"),
            ),
        ),
        fact="squeezenet1_0",
        departs="109x109 after the first layer, as the authors' file and torchvision have at 224; table 1 says 111x111",
    ),
    ModelSpec(
        name="squeezenet1_1",
        family="SqueezeNet",
        paper=PAPER,
        build=partial(SqueezeNet, 64, 3, (2, 2, 4)),
        preprocess=Preprocess(),
        facts=Facts(1_235_496, 349_151_936),
        fact="squeezenet1_1",
        departs="the authors' revision after the paper: 2.3 times fewer multiply-accumulates at the same accuracy",
    ),
)
