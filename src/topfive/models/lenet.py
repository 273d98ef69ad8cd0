"""LeNet-5: convolution, subsampling, and one fixed code a class.  LeCun, Bottou, Bengio, Haffner 1998.

doi:10.1109/5.726791, Proc. IEEE 86(11).  Activations are [N, C, H, W] of a 32x32 image, sec. II-B and fig. 2:
C1 [6, 28, 28] - S2 [6, 14, 14] - C3 [16, 10, 10] - S4 [16, 5, 5] - C5 [120, 1, 1] - F6 [84] - one output a class.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topfive.errors import UsageError
from topfive.nn.classifier import Classifier
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Gradient-Based Learning Applied to Document Recognition",
    authors="LeCun, Bottou, Bengio, Haffner",
    year=1998,
    month=11,
)
SIDE = 32  # C5 is full connection only because S4 is then 5x5

# Table I: the maps of S2 that each of the sixteen maps of C3 sees.
CONNECTIONS = (
    ((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (4, 5, 0), (5, 0, 1)),
    (
        *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (3, 4, 5, 0), (4, 5, 0, 1), (5, 0, 1, 2)),
        *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    ),
    ((0, 1, 2, 3, 4, 5),),
)

# The targets of F6 are pictures of the characters, 7 wide and 12 high, sec. II-B and fig. 3; these are our drawing.
DIGITS = """
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
..###..  ...#...  .#####.  .#####.  ....##.  #######  ..####.  #######  .#####.  .#####.
.#...#.  ..##...  ##...##  ##...##  ...###.  ##.....  .##....  ##...##  ##...##  ##...##
##...##  .###...  .....##  .....##  ..#.##.  ##.....  ##.....  .....##  ##...##  ##...##
##...##  ...#...  .....##  .....##  .##.##.  ##.....  ##.....  ....##.  ##...##  ##...##
##...##  ...#...  ....##.  ..####.  ##..##.  ######.  ######.  ....##.  .#####.  .######
##...##  ...#...  ...##..  .....##  #######  .....##  ##...##  ...##..  ##...##  .....##
##...##  ...#...  ..##...  .....##  ....##.  .....##  ##...##  ...##..  ##...##  .....##
##...##  ...#...  .##....  .....##  ....##.  .....##  ##...##  ..##...  ##...##  .....##
.#...#.  ...#...  ##.....  ##...##  ....##.  ##...##  ##...##  ..##...  ##...##  ....##.
..###..  .#####.  #######  .#####.  ....##.  .#####.  .#####.  ..##...  .#####.  .####..
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
"""


class Squash(nn.Module):
    """1.7159 tanh(2x / 3): passes through (1, 1) and (-1, -1), where it bends most; appendix A."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(2 / 3 * x)


class Subsampling(nn.Module):
    """Sum over 2x2, times one coefficient a map, plus one bias, through a sigmoid."""

    def __init__(self, channels: int):
        super().__init__()
        self.scale = nn.Conv2d(channels, channels, 1, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.scale(4 * F.avg_pool2d(x, 2)))


class TableConv2d(nn.Module):
    """C3: a 5x5 convolution in which every map sees only its row of table I."""

    def __init__(self) -> None:
        super().__init__()
        self.groups = nn.ModuleList(
            nn.Conv2d(len(rows) * len(rows[0]), len(rows), 5, groups=len(rows)) for rows in CONNECTIONS
        )

    def forward(self, x: Tensor) -> Tensor:
        seen = ([source for row in rows for source in row] for rows in CONNECTIONS)
        return torch.cat([conv(x[:, maps]) for conv, maps in zip(self.groups, seen, strict=True)], dim=1)


class WholeMap(nn.Conv2d):
    """C5: a convolution whose kernel covers its whole map, in training as the product of matrices that it then is.

    That is faster there; the shipped graph keeps the convolution.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        return F.linear(x.flatten(1), self.weight.flatten(1), self.bias)[:, :, None, None]


class Codes(nn.Module):
    """The output layer: minus the squared distance of F6 to each class's code of +-1, eq. 7.

    The paper takes the smallest distance; the sign makes that the largest logit.  The codes are fixed.  The first ten
    are the digits' pictures; any further class gets 84 bits of the hash of its number.
    """

    def __init__(self, in_features: int, num_classes: int):
        super().__init__()
        self.in_features = in_features
        self.register_buffer("codes", torch.tensor([code(index) for index in range(num_classes)]))
        self.codes: Tensor  # [num_classes, 84]

    def forward(self, x: Tensor) -> Tensor:
        squares = x.square().sum(1, keepdim=True) + self.in_features  # each code has length sqrt(84)
        return 2 * F.linear(x, self.codes) - squares


def code(index: int) -> list[float]:
    """The 84 values of +-1 that class `index` aims at."""
    lines = [line.split() for line in DIGITS.split("\n") if line]
    if index < len(lines[0]):
        picture = "".join(line[index] for line in lines)
        return [1.0 if dot == "#" else -1.0 for dot in picture]
    bits = int.from_bytes(blake2b(str(index).encode(), digest_size=11).digest())
    return [1.0 if bits >> place & 1 else -1.0 for place in range(84)]


class LeNet5(Classifier):
    """The layers by their names in fig. 2; activation, subsampling, C3 and output are the parts that differ."""

    def __init__(
        self,
        *,
        activation: Callable[[], nn.Module],
        subsampling: Callable[[int], nn.Module],
        c3: Callable[[], nn.Module],
        output: Callable[[int, int], nn.Module],
        num_classes: int,
        in_channels: int,
    ):
        super().__init__(num_classes, in_channels)
        self.trunk = nn.Sequential(
            OrderedDict(
                c1=nn.Conv2d(in_channels, 6, 5),
                c1_activation=activation(),
                s2=subsampling(6),
                c3=c3(),
                c3_activation=activation(),
                s4=subsampling(16),
                c5=WholeMap(16, 120, 5),
                c5_activation=activation(),
            )
        )
        self.f6 = nn.Sequential(OrderedDict(linear=nn.Linear(120, 84), activation=activation()))
        self.head = output(84, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        if images.shape[-2:] != (SIDE, SIDE):
            height, width = images.shape[-2:]
            raise UsageError("wrong image size", f"{height}x{width}", f"LeNet-5 is defined for {SIDE}x{SIDE} alone")
        return cast(Tensor, self.trunk(images))

    def embed(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.f6(self.features(images).flatten(1)))


class OriginalLeNet5(LeNet5):
    """As trained in 1998: weights start uniform in +-2.4 / fan-in, appendix A."""

    def initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            bound = 2.4 / module.weight[0].numel()
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.uniform_(module.bias, -bound, bound)


def _max_pool(channels: int) -> nn.Module:
    return nn.MaxPool2d(2)


VARIANTS = (
    ModelSpec(
        name="lenet5_original",
        family="LeNet",
        paper=PAPER,
        build=partial(OriginalLeNet5, activation=Squash, subsampling=Subsampling, c3=TableConv2d, output=Codes),
        # White is -0.1 and black 1.175, so that the mean is about 0 and the variance about 1; sec. II-B.
        preprocess=Preprocess(size=28, crop=1.0, mean=(20 / 255,), std=(200 / 255,), pad=2),
        facts=Facts(
            params=60_000,
            macs=328_096,
            num_classes=10,
            in_channels=1,
            input_size=SIDE,
            reported=(
                Reported("top1_error", 0.0095, "sec. III-C, recalled", "MNIST test"),
                Reported("top1_error", 0.008, "sec. III-C, recalled", "MNIST test, trained with distortions"),
            ),
        ),
        fact="lenet5_original",
        departs="the digits' codes are drawn anew; logits are minus the distances",
    ),
    ModelSpec(
        name="lenet5",
        family="LeNet",
        paper=PAPER,
        build=partial(
            LeNet5,
            activation=nn.ReLU,
            subsampling=_max_pool,
            c3=partial(nn.Conv2d, 6, 16, 5),
            output=nn.Linear,
        ),
        preprocess=Preprocess(size=28, crop=1.0, mean=(0.1307,), std=(0.3081,), pad=2),
        facts=Facts(params=61_706, macs=416_520, num_classes=10, in_channels=1, input_size=SIDE),
        fact="lenet5_modern",
        departs="ReLU, max pooling, a full C3 and a linear output, as taught today; same counts as the table's "
        "lenet5_modern, which pools by averages",
    ),
)
