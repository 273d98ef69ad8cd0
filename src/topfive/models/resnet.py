"""ResNet: learn the residual of a layer, not the layer.  He, Zhang, Ren, Sun 2015, arXiv:1512.03385.

Activations are [N, C, H, W].  Table 1 (ImageNet): four stages of width 64 to 512 after a stem that quarters H and W.
Sec. 4.2 (CIFAR): three stages of width 16 to 64 at full resolution.  Every stage but the first halves H and W in its
first block.  A plain bottleneck name strides in the 3x3, as the public weights do ("v1.5"); `_v1` strides where the
paper does, in the first 1x1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol, cast

from torch import Tensor, nn
from torch.nn import functional as F

from topfive.nn.classifier import Classifier
from topfive.nn.conv import ConvNorm
from topfive.nn.initial import he_normal
from topfive.nn.residual import last_norm
from topfive.nn.rounding import deepened
from topfive.nn.stochastic_depth import StochasticDepth
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Deep Residual Learning for Image Recognition",
    authors="He, Zhang, Ren, Sun",
    year=2015,
    month=12,
    arxiv="1512.03385",
)

CIFAR_PREPROCESS = Preprocess(size=32, crop=1.0, mean=(0.4914, 0.4822, 0.4465), std=(0.247, 0.2435, 0.2616))

layer = ConvNorm()


class Shortcut(Protocol):
    """Makes the way around a block that changes the shape."""

    def __call__(self, in_channels: int, out_channels: int, stride: int) -> nn.Module: ...


def projection(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Option B, eq. 2."""
    return layer.linear(in_channels, out_channels, 1, stride)


class Subsample(nn.Module):
    """Option A: every `stride`-th pixel, and zeros for the channels that are new; no parameters."""

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.new_channels = out_channels - in_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, :: self.stride, :: self.stride], [0, 0, 0, 0, 0, self.new_channels])


class Residual(nn.Module):
    """relu(branch(x) + shortcut(x)), eq. 1.  The shortcut is the identity wherever the shape stays.

    The branch can be left out at random.
    """

    def __init__(
        self, branch: nn.Sequential, in_channels: int, out_channels: int, stride: int, shortcut: Shortcut = projection
    ):
        super().__init__()
        same_shape = stride == 1 and in_channels == out_channels
        self.branch = branch
        self.drop = StochasticDepth()
        self.shortcut = nn.Identity() if same_shape else shortcut(in_channels, out_channels, stride)
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.drop(self.branch(x)) + self.shortcut(x))

    def last_norms(self) -> list[nn.BatchNorm2d]:
        return [last_norm(self.branch)]


class Basic(Residual):
    """Two 3x3, fig. 5 left."""

    def __init__(self, in_channels: int, width: int, stride: int, shortcut: Shortcut = projection):
        branch = nn.Sequential(layer(in_channels, width, 3, stride), layer.linear(width, width, 3))
        super().__init__(branch, in_channels, width, stride, shortcut)


class Bottleneck(Residual):
    """1x1 down, 3x3, 1x1 up to four times the width, fig. 5 right; the 3x3 strides."""

    def __init__(self, in_channels: int, width: int, stride: int, shortcut: Shortcut = projection):
        branch = nn.Sequential(
            layer(in_channels, width), layer(width, width, 3, stride), layer.linear(width, 4 * width)
        )
        super().__init__(branch, in_channels, 4 * width, stride, shortcut)


class PaperBottleneck(Residual):
    """The bottleneck as published: the first 1x1 strides, and so three of four pixels are never seen."""

    def __init__(self, in_channels: int, width: int, stride: int, shortcut: Shortcut = projection):
        branch = nn.Sequential(
            layer(in_channels, width, 1, stride), layer(width, width, 3), layer.linear(width, 4 * width)
        )
        super().__init__(branch, in_channels, 4 * width, stride, shortcut)


class Block(Protocol):
    """Makes one residual block of a stage; the block tells its `out_channels`."""

    def __call__(self, in_channels: int, width: int, stride: int) -> nn.Module: ...


class Stem(Protocol):
    """Makes what stands before the first stage: images -> [N, width, h, w]."""

    def __call__(self, in_channels: int, width: int) -> nn.Module: ...


def imagenet_stem(in_channels: int, width: int) -> nn.Module:
    """Table 1: 7x7 with stride 2, then 3x3 max pooling with stride 2."""
    stem = layer(in_channels, width, 7, 2)
    stem.add_module("pool", nn.MaxPool2d(3, 2, padding=1))
    return stem


def cifar_stem(in_channels: int, width: int) -> nn.Module:
    """Sec. 4.2: one 3x3."""
    return layer(in_channels, width, 3)


class ResNet(Classifier):
    """`depths` blocks a stage; the width doubles from stage to stage."""

    def __init__(
        self,
        block: Block,
        depths: Sequence[int],
        *,
        num_classes: int,
        in_channels: int,
        stem: Stem = imagenet_stem,
        width: int = 64,
        dropout: float = 0.0,
    ):
        super().__init__(num_classes, in_channels, dropout=dropout)
        self.stem = stem(in_channels, width)
        self.stages = nn.Sequential()
        channels = width
        for index, depth in enumerate(depths):
            stage = nn.Sequential()
            for position in range(depth):
                stride = 2 if index > 0 and position == 0 else 1
                stage.append(block(channels, width * 2**index, stride))
                channels = cast(int, stage[-1].out_channels)
            self.stages.append(stage)
        self.head = nn.Linear(channels, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.stages(self.stem(images)))

    def initialise(self, module: nn.Module) -> None:
        he_normal(module)


def scaled(
    block: Block, depths: Sequence[int], stem: Stem, channels: int, *, depth: float, width: float
) -> partial[ResNet]:
    """ResNet of `depths` and `channels`, scaled: all its widths are multiples of the first stage's."""
    return partial(ResNet, block, deepened(depths, depth), stem=stem, width=max(1, round(width * channels)))


def _imagenet(
    name: str,
    block: Block,
    depths: Sequence[int],
    params: int,
    macs: int,
    *,
    fact: str,
    errors: tuple[float, ...] = (),
    where: str = "table 3, recalled",
    departs: str = "",
) -> ModelSpec:
    reported = tuple(
        Reported(f"top{k}_error", error, where, "ImageNet val, 10-crop")
        for k, error in zip((1, 5), errors, strict=False)
    )
    return ModelSpec(
        name=name,
        family="ResNet",
        paper=PAPER,
        build=partial(ResNet, block, depths),
        preprocess=Preprocess(),
        facts=Facts(params, macs, reported=reported),
        fact=fact,
        departs=departs,
        scale=partial(scaled, block, depths, imagenet_stem, 64),
    )


def _cifar(name: str, depth: int, params: int, macs: int, error: float, protocol: str = "CIFAR-10 test") -> ModelSpec:
    block, depths = partial(Basic, shortcut=Subsample), (depth,) * 3
    return ModelSpec(
        name=name,
        family="ResNet",
        paper=PAPER,
        build=partial(ResNet, block, depths, stem=cifar_stem, width=16),
        preprocess=CIFAR_PREPROCESS,
        facts=Facts(
            params,
            macs,
            num_classes=10,
            input_size=32,
            reported=(Reported("top1_error", error, "table 6, recalled", protocol),),
        ),
        fact=name,
        departs="normalises by the mean and deviation of each channel; the paper subtracts the mean of each pixel",
        scale=partial(scaled, block, depths, cifar_stem, 16),
    )


_STRIDE = (
    "the 3x3 of a bottleneck strides, not the first 1x1: the form of the public weights, about half a point better"
)

# fmt: off
VARIANTS = (
    _imagenet("resnet18", Basic, (2, 2, 2, 2), 11_689_512, 1_814_073_344, fact="resnet18", errors=(0.2788,),
              where="table 2 (option A), recalled"),
    _imagenet("resnet34", Basic, (3, 4, 6, 3), 21_797_672, 3_663_761_408, fact="resnet34", errors=(0.2452, 0.0746)),
    _imagenet("resnet50", Bottleneck, (3, 4, 6, 3), 25_557_032, 4_089_184_256, fact="resnet50_v15", departs=_STRIDE),
    _imagenet("resnet101", Bottleneck, (3, 4, 23, 3), 44_549_160, 7_801_405_440, fact="resnet101_v15", departs=_STRIDE),
    _imagenet("resnet152", Bottleneck, (3, 8, 36, 3), 60_192_808, 11_513_626_624, fact="resnet152_v15",
              departs=_STRIDE),
    _imagenet("resnet50_v1", PaperBottleneck, (3, 4, 6, 3), 25_557_032, 3_857_973_248, fact="resnet50_v1",
              errors=(0.2285, 0.0671), where="table 3"),
    _imagenet("resnet101_v1", PaperBottleneck, (3, 4, 23, 3), 44_549_160, 7_570_194_432, fact="resnet101_v1",
              errors=(0.2175, 0.0605), where="table 3"),
    _imagenet("resnet152_v1", PaperBottleneck, (3, 8, 36, 3), 60_192_808, 11_282_415_616, fact="resnet152_v1",
              errors=(0.2143, 0.0571), where="table 3"),
    _cifar("resnet20_cifar", 3, 269_722, 40_551_040, 0.0875),
    _cifar("resnet32_cifar", 5, 464_154, 68_862_592, 0.0751),
    _cifar("resnet44_cifar", 7, 658_586, 97_174_144, 0.0717),
    _cifar("resnet56_cifar", 9, 853_018, 125_485_696, 0.0697),
    _cifar("resnet110_cifar", 18, 1_727_962, 252_887_680, 0.0643, "CIFAR-10 test, best of 5"),
    _cifar("resnet1202_cifar", 200, 19_421_274, 2_829_238_912, 0.0793),
)
# fmt: on
