"""GoogLeNet: modules of parallel convolutions.  Szegedy et al. 2014, Going deeper with convolutions, arXiv:1409.4842.

Activations are [N, C, H, W].  Table 1: a stem to 28x28, nine Inception modules in three stages with poolings between,
the mean over 7x7, one linear layer.  Two side classifiers on 4a and 4d bring the gradient to the middle in training.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topfive.nn.classifier import Classifier, with_sides
from topfive.nn.conv import ConvNorm, Kernel
from topfive.nn.initial import he_normal
from topfive.nn.pool import covering
from topfive.nn.sides import Sides
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Going Deeper with Convolutions",
    authors="Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich",
    year=2014,
    month=9,
    arxiv="1409.4842",
)


class Layer(Protocol):
    """Makes a convolution with all that follows it."""

    def __call__(self, in_channels: int, out_channels: int, kernel: Kernel = 1, stride: int = 1) -> nn.Module: ...


def plain(in_channels: int, out_channels: int, kernel: Kernel = 1, stride: int = 1) -> nn.Module:
    """The paper's layer: a bias and no normalisation."""
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    conv = nn.Conv2d(in_channels, out_channels, (height, width), stride, (height // 2, width // 2))
    return nn.Sequential(OrderedDict(conv=conv, activation=nn.ReLU(inplace=True)))


normalised = ConvNorm(norm=partial(nn.BatchNorm2d, eps=1e-3))


class Branches(nn.ModuleList):
    """Several ways from one input; their channels, one after the other, are the output.  Fig. 2."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self], dim=1)


def tower(layer: Layer, in_channels: int, *steps: tuple[int, Kernel]) -> nn.Sequential:
    """One way: a layer for each step of channels and kernel."""
    layers = nn.Sequential()
    for channels, kernel in steps:
        layers.append(layer(in_channels, channels, kernel))
        in_channels = channels
    return layers


class SideClassifier(nn.Module):
    """Maps in mid-network -> logits, sec. 5: pooled to 4x4, 128 channels, a hidden layer of 1024, dropout 0.7.

    At the paper's size the mean of 5x5 with stride 3 gives 4x4; elsewhere adaptive pooling does.
    """

    def __init__(self, num_classes: int, *, layer: Layer, in_channels: int):
        super().__init__()
        self.reduce = layer(in_channels, 128)
        self.hidden = nn.Linear(128 * 4 * 4, 1024)
        self.dropout = nn.Dropout(0.7)
        self.head = nn.Linear(1024, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.avg_pool2d(x, 5, 3) if x.shape[-2:] == (14, 14) else F.adaptive_avg_pool2d(x, 4)
        return cast(Tensor, self.head(self.dropout(F.relu(self.hidden(self.reduce(pooled).flatten(1))))))


class Inception(Classifier):
    """What this paper and its successors share: a stem, stages of modules, the mean, one linear layer.

    `channels` are those of the last maps.
    """

    def __init__(
        self,
        stem: Callable[[int], nn.Module],
        stages: Callable[[], nn.Sequential],
        channels: int,
        *,
        num_classes: int,
        in_channels: int,
        dropout: float,
    ):
        super().__init__(num_classes, in_channels, dropout=dropout)
        self.stem = stem(in_channels)
        self.stages = stages()
        self.head = nn.Linear(channels, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.stages(self.stem(images)))

    def initialise(self, module: nn.Module) -> None:
        he_normal(module)


class Widths(NamedTuple):
    """A row of table 1: 1x1; 1x1 before 3x3, 3x3; 1x1 before 5x5, 5x5; 1x1 after the pooling."""

    ones: int
    reduce3: int
    threes: int
    reduce5: int
    fives: int
    pooled: int


# fmt: off
TABLE_1 = (
    (Widths(64,  96,  128, 16, 32,  32),    # 3a
     Widths(128, 128, 192, 32, 96,  64)),   # 3b
    (Widths(192, 96,  208, 16, 48,  64),    # 4a
     Widths(160, 112, 224, 24, 64,  64),    # 4b
     Widths(128, 128, 256, 24, 64,  64),    # 4c
     Widths(112, 144, 288, 32, 64,  64),    # 4d
     Widths(256, 160, 320, 32, 128, 128)),  # 4e
    (Widths(256, 160, 320, 32, 128, 128),   # 5a
     Widths(384, 192, 384, 48, 128, 128)),  # 5b
)
# fmt: on


def module(layer: Layer, in_channels: int, row: Widths, five: int = 5) -> nn.Module:
    """Fig. 2b; `five` is the kernel of the third way."""
    return Branches(
        (
            tower(layer, in_channels, (row.ones, 1)),
            tower(layer, in_channels, (row.reduce3, 1), (row.threes, 3)),
            tower(layer, in_channels, (row.reduce5, 1), (row.fives, five)),
            nn.Sequential(nn.MaxPool2d(3, 1, padding=1), *tower(layer, in_channels, (row.pooled, 1))),
        )
    )


def table_1(layer: Layer, five: int = 5, last_pool: Callable[[], nn.Module] = covering) -> nn.Sequential:
    """The nine modules; a pooling ends the first two stages."""
    stages = nn.Sequential()
    channels = 192
    pools: tuple[Callable[[], nn.Module], ...] = (covering, last_pool, nn.Identity)
    for rows, pool in zip(TABLE_1, pools, strict=True):
        stage = nn.Sequential()
        for row in rows:
            stage.append(module(layer, channels, row, five))
            channels = row.ones + row.threes + row.fives + row.pooled
        stages.append(stage.append(pool()))
    return stages


response_norm = partial(nn.LocalResponseNorm, 5, alpha=1e-4, beta=0.75, k=1.0)


def stem(in_channels: int, layer: Layer, normalise: Callable[[], nn.Module] = nn.Identity) -> nn.Module:
    """7x7 with stride 2, 1x1, 3x3, each but the second pooled: images -> [N, 192, H / 8, W / 8]."""
    return nn.Sequential(
        OrderedDict(
            conv1=layer(in_channels, 64, 7, 2),
            pool1=covering(),
            norm1=normalise(),
            conv2=layer(64, 64),
            conv3=layer(64, 192, 3),
            norm2=normalise(),
            pool2=covering(),
        )
    )


def sides(layer: Layer) -> Sides:
    """Behind 4a and 4d, each loss weighted by 0.3 (sec. 5)."""
    side = partial(SideClassifier, layer=layer)
    return Sides(0.3, {"stages.1.0": partial(side, in_channels=512), "stages.1.3": partial(side, in_channels=528)})


paper_stem = partial(stem, layer=plain, normalise=response_norm)
paper = partial(Inception, paper_stem, partial(table_1, plain), 1024, dropout=0.4)

_SIZE = "input mean and deviation by channel; the paper subtracts the mean alone"

VARIANTS = (
    ModelSpec(
        name="googlenet",
        family="Inception",
        paper=PAPER,
        build=partial(
            Inception,
            partial(stem, layer=normalised),
            partial(table_1, normalised, five=3, last_pool=partial(nn.MaxPool2d, 2, 2, ceil_mode=True)),
            1024,
            dropout=0.2,
        ),
        preprocess=Preprocess(mean=(0.5,) * 3, std=(0.5,) * 3),  # as torchvision's weights expect inside
        facts=Facts(6_624_904, 1_498_376_192),
        fact="googlenet_bn_tv",
        departs="torchvision's: batch normalisation and no bias, 3x3 where the paper has 5x5, a last pooling of 2x2, "
        "no response normalisation: 373,648 parameters fewer than the paper's; no side classifiers unless asked for",
        sides=sides(normalised),
    ),
    ModelSpec(
        name="googlenet_paper",
        family="Inception",
        paper=PAPER,
        build=paper,
        preprocess=Preprocess(),
        facts=Facts(
            6_998_552,
            1_582_671_872,
            reported=(Reported("top5_error", 0.1007, "table 3, recalled", "ImageNet val, 1 network, 1 crop"),),
        ),
        fact="googlenet",
        departs=f"as it is used, without the side classifiers of training; {_SIZE}",
        sides=sides(plain),
    ),
    ModelSpec(
        name="googlenet_paper_aux",
        family="Inception",
        paper=PAPER,
        build=partial(with_sides, paper, sides(plain)),
        preprocess=Preprocess(),
        facts=Facts(13_378_280, 1_582_671_872),
        fact="googlenet_aux",
        departs="googlenet_paper with the two side classifiers it is trained with, 6,379,728 parameters; their "
        f"8,372,224 multiply-accumulates are spent in training alone and not counted; {_SIZE}",
    ),
)
