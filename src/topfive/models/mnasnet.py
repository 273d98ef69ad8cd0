"""MnasNet: a search for what is fast on a phone, block by block.  Tan et al. 2018, arXiv:1807.11626.

Activations are [N, C, H, W].  Fig. 7 is A1; B1 was found without squeeze and excitation; "small" is for the slowest
phones.  All are inverted residuals; H and W end at 1/32.

Sec. 4.1 searches among more: in each of seven blocks for the operation, the kernel, squeeze and excitation, the way
around, the channels and the depth.  The name of such a network tells all of it, as A1's does:

    mnasnet:s224-c3-stem32x2-last1280:sep_k3_c16_n1_s1,mb6_k3_c24_n2_s2,mb3_k5_se_c40_n3_s2,...

sees 224 pixels a side in 3 channels; the stem has 32 channels and stride 2, the last 1x1 has 1280; then the blocks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol, cast

from torch import Tensor, nn

from topfive.errors import UsageError
from topfive.models.mobilenet_v2 import InvertedResidual, MobileNetV2, Operator, Stage, rescaled
from topfive.nn.conv import ConvNorm
from topfive.nn.measure import count_facts
from topfive.nn.squeeze_excite import SqueezeExcite
from topfive.nn.stochastic_depth import StochasticDepth
from topfive.preprocess import LARGEST_SIDE, Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="MnasNet: Platform-Aware Neural Architecture Search for Mobile",
    authors="Tan, Chen, Pang, Vasudevan, Sandler, Howard, Le",
    year=2018,
    month=7,
    arxiv="1807.11626",
)

relu_layer = ConvNorm()


class Squeezed(InvertedResidual):
    """With squeeze and excitation after the depthwise convolution, down to a quarter of the block's own input."""

    def __init__(
        self, in_channels: int, out_channels: int, *, expansion: float, kernel: int, stride: int, layer: ConvNorm
    ):
        super().__init__(in_channels, out_channels, expansion=expansion, kernel=kernel, stride=stride, layer=layer)
        self.squeeze_excite = SqueezeExcite(self.width, max(1, in_channels // 4), layer.activation)

    def branch(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.project(self.squeeze_excite(self.depthwise(self.expand(x)))))


class Regular(nn.Module):
    """A convolution across all channels, which knows no expansion; the input is added where the shape stays."""

    def __init__(
        self, in_channels: int, out_channels: int, *, expansion: float, kernel: int, stride: int, layer: ConvNorm
    ):
        super().__init__()
        self.residual = stride == 1 and in_channels == out_channels
        self.convolve = layer(in_channels, out_channels, kernel, stride)
        self.drop = StochasticDepth()

    def branch(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.convolve(x))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop(self.branch(x)) if self.residual else self.branch(x)


class SqueezedRegular(Regular):
    """With squeeze and excitation after it, down to a quarter of the block's own input."""

    def __init__(
        self, in_channels: int, out_channels: int, *, expansion: float, kernel: int, stride: int, layer: ConvNorm
    ):
        super().__init__(in_channels, out_channels, expansion=expansion, kernel=kernel, stride=stride, layer=layer)
        self.squeeze_excite = SqueezeExcite(out_channels, max(1, in_channels // 4), layer.activation)

    def branch(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.squeeze_excite(self.convolve(x)))


class Branching(Protocol):
    """A block that knows what it adds."""

    drop: StochasticDepth

    def branch(self, x: Tensor) -> Tensor: ...


class Bare(nn.Module):
    """The branch of a block, to which nothing is added."""

    def __init__(self, block: Branching, stride: int):
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        return self.block.branch(x)


class Pooled(nn.Module):
    """The branch of a block, added to 3x3 averages of what comes in; the paper says no more than "pooling"."""

    def __init__(self, block: Branching, stride: int):
        super().__init__()
        self.block = block
        self.pool = nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.pool(x) + self.block.drop(self.block.branch(x)))


def rerouted(
    around: Callable[[Branching, int], nn.Module],
    operator: Operator,
    in_channels: int,
    out_channels: int,
    *,
    expansion: float,
    kernel: int,
    stride: int,
    layer: ConvNorm,
) -> nn.Module:
    """A block with `around` in place of the identity; where the channels change, nothing is added anyway."""
    block = operator(in_channels, out_channels, expansion=expansion, kernel=kernel, stride=stride, layer=layer)
    return around(cast(Branching, block), stride) if in_channels == out_channels else block


# fmt: off
A1 = (
    #     operator          t  c    n  s  k
    Stage(InvertedResidual, 1, 16,  1, 1, 3),
    Stage(InvertedResidual, 6, 24,  2, 2, 3),
    Stage(Squeezed,         3, 40,  3, 2, 5),
    Stage(InvertedResidual, 6, 80,  4, 2, 3),
    Stage(Squeezed,         6, 112, 2, 1, 3),
    Stage(Squeezed,         6, 160, 3, 2, 5),
    Stage(InvertedResidual, 6, 320, 1, 1, 3),
)
B1 = (
    Stage(InvertedResidual, 1, 16,  1, 1, 3),
    Stage(InvertedResidual, 3, 24,  3, 2, 3),
    Stage(InvertedResidual, 3, 40,  3, 2, 5),
    Stage(InvertedResidual, 6, 80,  3, 2, 5),
    Stage(InvertedResidual, 6, 96,  2, 1, 3),
    Stage(InvertedResidual, 6, 192, 4, 2, 5),
    Stage(InvertedResidual, 6, 320, 1, 1, 3),
)
SMALL = (
    Stage(InvertedResidual, 1, 8,   1, 1, 3),
    Stage(InvertedResidual, 3, 16,  1, 2, 3),
    Stage(InvertedResidual, 6, 16,  2, 2, 3),
    Stage(Squeezed,         6, 32,  4, 2, 5),
    Stage(Squeezed,         6, 32,  3, 1, 3),
    Stage(Squeezed,         6, 88,  3, 2, 5),
    Stage(InvertedResidual, 6, 144, 1, 1, 3),
)
# fmt: on


@dataclass(frozen=True)
class Block:
    """What the search decides of one block: `depth` layers, the first with `stride`.

    `operation` and `skip` are keys of `OPERATIONS` and `SKIPS`.
    """

    operation: str
    kernel: int
    squeezed: bool
    skip: str
    channels: int
    depth: int
    stride: int

    def __str__(self) -> str:
        skip = "" if self.skip == "identity" else f"_{self.skip}"
        how = f"{self.operation}_k{self.kernel}{'_se' if self.squeezed else ''}{skip}"
        return f"{how}_c{self.channels}_n{self.depth}_s{self.stride}"

    @property
    def stage(self) -> Stage:
        expansion, *operators = OPERATIONS[self.operation]
        operator, around = operators[self.squeezed], SKIPS[self.skip]
        if around is not None:
            operator = partial(rerouted, around, operator)
        return Stage(operator, expansion, self.channels, self.depth, self.stride, self.kernel)


OPERATIONS: dict[str, tuple[int, Operator, Operator]] = {  # expansion, without and with squeeze and excitation
    "conv": (1, Regular, SqueezedRegular),
    "sep": (1, InvertedResidual, Squeezed),
    "mb3": (3, InvertedResidual, Squeezed),
    "mb6": (6, InvertedResidual, Squeezed),
}
SKIPS: dict[str, Callable[[Branching, int], nn.Module] | None] = {"identity": None, "pool": Pooled, "bare": Bare}


@dataclass(frozen=True)
class Network:
    """A network of blocks for images of `side` pixels in 1 or 3 `channels`."""

    side: int
    channels: int
    stem_channels: int
    stem_stride: int
    last_channels: int
    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        images = f"s{self.side}-c{self.channels}"
        ends = f"stem{self.stem_channels}x{self.stem_stride}-last{self.last_channels}"
        return f"mnasnet:{images}-{ends}:{','.join(map(str, self.blocks))}"


MOST_BLOCKS, SMALL_SIDE = 32, 64  # images of at most so many pixels are small, and have ten classes until told
_ENDS = re.compile(r"s([1-9]\d{0,3})-c([13])-stem([1-9]\d{0,3})x([12])-last([1-9]\d{0,3})", re.ASCII)
_BLOCK = re.compile(r"(conv|sep|mb3|mb6)_k([357])(_se)?(?:_(pool|bare))?_c([1-9]\d{0,3})_n([1-9]\d?)_s([12])", re.ASCII)


def read(name: str) -> Network:
    """The network that `name` tells.  UsageError where it does not tell any."""
    _, _, told = name.partition(":")
    ends, _, rows = told.partition(":")
    found, texts = _ENDS.fullmatch(ends), rows.split(",")
    if found is None or int(found[1]) > LARGEST_SIDE or len(texts) > MOST_BLOCKS:
        why = f"it is not mnasnet:s224-c3-stem32x2-last1280: and then 1 to {MOST_BLOCKS} blocks"
        raise UsageError("unknown model", name, why, f"Use e.g. {A1_NAME}")
    side, channels, stem_channels, stem_stride, last_channels = map(int, found.groups())
    return Network(side, channels, stem_channels, stem_stride, last_channels, tuple(map(_block, texts)))


A1_NAME = (
    "mnasnet:s224-c3-stem32x2-last1280:sep_k3_c16_n1_s1,mb6_k3_c24_n2_s2,mb3_k5_se_c40_n3_s2,mb6_k3_c80_n4_s2,"
    "mb6_k3_se_c112_n2_s1,mb6_k5_se_c160_n3_s2,mb6_k3_c320_n1_s1"
)


def _block(text: str) -> Block:
    found = _BLOCK.fullmatch(text)
    if found is None:
        raise UsageError(
            "block of a mnasnet", text, "it is not read", "Use e.g. mb3_k5_se_c40_n3_s2 or conv_k3_pool_c16_n1_s1"
        )
    operation, kernel, squeezed, skip, *counts = found.groups()
    return Block(operation, int(kernel), squeezed is not None, skip or "identity", *map(int, counts))


@lru_cache(maxsize=256)
def described(name: str) -> ModelSpec:
    """The row of the network that `name` tells, counted on the spot."""
    network = read(name)
    small = network.side <= SMALL_SIDE
    make = partial(MobileNetV2, stem_stride=network.stem_stride, layer=relu_layer, dropout=0.0 if small else 0.2)
    ends = tuple(block.stage for block in network.blocks), network.stem_channels, network.last_channels
    build = partial(make, ends[0], stem_channels=ends[1], last_channels=ends[2])
    middle = (0.5,) * network.channels
    return ModelSpec(
        name=name,
        family="MnasNet",
        paper=PAPER,
        build=build,
        preprocess=Preprocess(size=network.side, crop=1.0 if small else 0.875, mean=middle, std=middle),
        facts=count_facts(build, network.side, 10 if small else 1000, network.channels),
        fact="",
        departs="found by search: no paper's network",
        scale=partial(rescaled, make, *ends),
    )


def _variant(
    name: str,
    stages: Sequence[Stage],
    params: int,
    macs: int,
    errors: tuple[float, ...] = (),
    *,
    stem_channels: int = 32,
    departs: str = "",
) -> ModelSpec:
    reported = tuple(
        Reported(f"top{k}_error", error, "table 1, recalled", "ImageNet val, 1 crop")
        for k, error in zip((1, 5), errors, strict=False)
    )
    make = partial(MobileNetV2, layer=relu_layer)
    return ModelSpec(
        name=name,
        family="MnasNet",
        paper=PAPER,
        build=partial(make, stages, stem_channels=stem_channels, last_channels=1280),
        preprocess=Preprocess(),
        facts=Facts(params, macs, reported=reported),
        fact=name,
        departs=departs,
        scale=partial(rescaled, make, stages, stem_channels, 1280),
    )


VARIANTS = (
    _variant("mnasnet_a1", A1, 3_887_038, 311_579_072, (0.248, 0.075)),
    _variant("mnasnet_b1", B1, 4_383_312, 314_415_872, (0.255, 0.079)),
    _variant(
        "mnasnet_small",
        SMALL,
        2_030_264,
        68_339_184,
        stem_channels=8,
        departs="the paper plots its smallest networks without a table; this is the one that the authors released",
    ),
)
