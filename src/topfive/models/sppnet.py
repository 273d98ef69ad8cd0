"""SPPNet: pool over a pyramid of grids, and the image may have any size.  He, Zhang, Ren, Sun 2014, arXiv:1406.4729.

Activations are [N, C, H, W].  Table 1: the convolutions of ZFNet (13x13 at 224) or of OverFeat (18x18), without their
last pooling.  Sec. 2.2: each of the maps is pooled to 6x6, 3x3, 2x2 and 1x1 maxima, 50 in all, whatever its size.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from topfive.errors import UsageError
from topfive.models.alexnet import hidden_layers
from topfive.models.zfnet import mean_response_norm, smaller_first_layers
from topfive.nn.classifier import Classifier
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Spatial Pyramid Pooling in Deep Convolutional Networks for Visual Recognition",
    authors="He, Zhang, Ren, Sun",
    year=2014,
    month=6,
    arxiv="1406.4729",
)
SMALLEST = 33  # pixels; below, a pooling of one of the trunks has nothing left to pool
LEVELS = (6, 3, 2, 1)


class SpatialPyramid(nn.Module):
    """Maxima over a grid of n x n for each n of `levels`: [N, C, h, w] -> [N, C * sum of n * n], h and w any.

    Bin i of n spans the rows from floor(i h / n) to ceil((i + 1) h / n); sec. 2.2's windows on a map of 13x13.
    """

    def __init__(self, levels: Sequence[int] = LEVELS):
        super().__init__()
        self.levels = tuple(levels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([bins(bins(x, level, 2), level, 3).flatten(1) for level in self.levels], dim=1)

    def extra_repr(self) -> str:
        return f"levels={self.levels}"


def bins(x: Tensor, count: int, dim: int) -> Tensor:
    """The maxima of `count` equal parts along one dimension; parts share a row where the size does not divide."""
    size = x.shape[dim]
    edges = ((index * size // count, -(-(index + 1) * size // count)) for index in range(count))
    return torch.stack([x.narrow(dim, start, stop - start).amax(dim) for start, stop in edges], dim)


class SPPNet(Classifier):
    """Convolutions, a pyramid of any `levels`, the hidden layers of AlexNet."""

    def __init__(
        self,
        convolutions: Callable[[int], nn.Sequential],
        channels: int,
        *,
        num_classes: int,
        in_channels: int,
        levels: Sequence[int] = LEVELS,
    ):
        super().__init__(num_classes, in_channels, dropout=0.5)
        self.trunk = convolutions(in_channels)
        self.pyramid = SpatialPyramid(levels)
        self.hidden = hidden_layers(channels * sum(level**2 for level in levels))
        self.head = nn.Linear(4096, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        if min(images.shape[-2:]) < SMALLEST:
            height, width = images.shape[-2:]
            raise UsageError("image too small", f"{height}x{width}", f"SPPNet needs {SMALLEST} pixels a side")
        return cast(Tensor, self.trunk(images))

    def embed(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.hidden(self.pyramid(self.features(images))))

    def initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)


def overfeat7(in_channels: int) -> nn.Sequential:
    """Seven convolutions, table 1 right."""
    trunk = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(in_channels, 96, 7, 2),
            relu1=nn.ReLU(),
            norm1=mean_response_norm(),
            pool1=nn.MaxPool2d(3, 3),
            conv2=nn.Conv2d(96, 256, 5, padding=2),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
        )
    )
    channels = 256
    for number in range(3, 8):
        trunk.add_module(f"conv{number}", nn.Conv2d(channels, 512, 3, padding=1))
        trunk.add_module(f"relu{number}", nn.ReLU())
        channels = 512
    return trunk


def _variant(
    name: str,
    convolutions: Callable[[int], nn.Sequential],
    channels: int,
    params: int,
    macs: int,
    top1_error: float,
    top5_error: float,
) -> ModelSpec:
    reported = tuple(
        Reported(metric, error, "table 2, recalled", "ILSVRC-2012 val, 10-crop, trained at 180 to 224")
        for metric, error in (("top1_error", top1_error), ("top5_error", top5_error))
    )
    return ModelSpec(
        name=name,
        family="SPPNet",
        paper=PAPER,
        build=partial(SPPNet, convolutions, channels),
        preprocess=Preprocess(),
        facts=Facts(params, macs, reported=reported),
        fact=name,
        departs="bins are cut by floor and ceiling at every size; the paper's window and stride give the same on "
        "13x13 and on others give another number of bins, as 9 a side in place of 6 on 10x10",
    )


# fmt: off
VARIANTS = (
    _variant("sppnet_zf5", smaller_first_layers, 256, 77_037_672, 1_182_712_960, 0.3460, 0.1364),
    _variant("sppnet_overfeat7", overfeat7, 512, 136_988_264, 4_529_511_456, 0.2968, 0.1095),
)
# fmt: on
