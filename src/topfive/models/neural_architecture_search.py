"""Neural architecture search: a chain of convolutions, written down by a network.  Zoph, Le 2016, arXiv:1611.01578.

Activations are [N, C, H, W].  Sec. 3.3: a layer sees any earlier layers, their maps joined; one that is told to see
none sees the image, and what no layer sees is joined before the classifier.  Smaller maps are padded with zeros to
the size of the largest.  Sec. 4.1: each layer is a convolution, normalisation and ReLU.

A network's name tells its images and its layers: `chain:s32-c3:3x3x36,5x1x48s2@1,7x7x24@1.2` sees 32 pixels a side in
3 channels; its layers are a 3x3 with 36 filters on the image, a convolution 5 high and 1 wide with 48 filters and
stride 2 on layer 1, and a 7x7 with 24 on layers 1 and 2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topfive.errors import UsageError
from topfive.nn.classifier import Classifier
from topfive.nn.conv import ConvNorm
from topfive.nn.initial import he_normal
from topfive.nn.measure import count_facts
from topfive.preprocess import LARGEST_SIDE, Preprocess
from topfive.spec import ModelSpec, Paper

PAPER = Paper(
    title="Neural Architecture Search with Reinforcement Learning",
    authors="Zoph, Le",
    year=2016,
    month=11,
    arxiv="1611.01578",
)
MOST_LAYERS, MOST_FILTERS = 64, 2048

layer = ConvNorm()


@dataclass(frozen=True)
class Layer:
    """What the controller says of one convolution; `inputs` are layers before it, from 1, and () is the image."""

    height: int
    width: int
    filters: int
    stride: int = 1
    inputs: tuple[int, ...] = ()

    def __str__(self) -> str:
        stride = f"s{self.stride}" if self.stride > 1 else ""
        inputs = f"@{'.'.join(map(str, self.inputs))}" if self.inputs else ""
        return f"{self.height}x{self.width}x{self.filters}{stride}{inputs}"


@dataclass(frozen=True)
class Network:
    """A chain for images of `side` pixels in 1 or 3 `channels`."""

    side: int
    channels: int
    layers: tuple[Layer, ...]

    @property
    def name(self) -> str:
        return f"chain:s{self.side}-c{self.channels}:{','.join(map(str, self.layers))}"


_IMAGES = re.compile(r"s([1-9][0-9]{0,3})-c([13])", re.ASCII)
_LAYER = re.compile(
    r"([1-9][0-9]?)x([1-9][0-9]?)x([1-9][0-9]{0,3})(?:s([2-8]))?(?:@([1-9][0-9]?(?:\.[1-9][0-9]?)*))?", re.ASCII
)


def read(name: str) -> Network:
    """The network that `name` tells.  UsageError where it does not tell any."""
    _, _, told = name.partition(":")
    images, _, rows = told.partition(":")
    found = _IMAGES.fullmatch(images)
    if found is None or int(found[1]) > LARGEST_SIDE:
        why = f"a chain is chain:IMAGES:LAYERS, for images of at most {LARGEST_SIDE} pixels a side"
        raise UsageError("unknown model", name, why, "Use e.g. chain:s32-c3:3x3x36")
    layers: list[Layer] = []
    for number, row in enumerate(rows.split(",")[: MOST_LAYERS + 1], 1):
        layers.append(_layer(number, row))
    return Network(int(found[1]), int(found[2]), tuple(layers))


def _layer(number: int, text: str) -> Layer:
    found = _LAYER.fullmatch(text)
    if found is None:
        raise UsageError("layer of a chain", text, "it is not HEIGHTxWIDTHxFILTERS", "Use e.g. 3x3x36 or 5x1x48s2@1.2")
    height, width, filters, stride = (int(one or 1) for one in found.groups()[:4])
    inputs = tuple(map(int, found[5].split("."))) if found[5] else ()
    if height % 2 == 0 or width % 2 == 0:
        raise UsageError("layer of a chain", text, "its height and width are not both odd")
    if number > MOST_LAYERS or filters > MOST_FILTERS:
        raise UsageError("layer of a chain", text, f"at most {MOST_LAYERS} layers of {MOST_FILTERS} filters are built")
    if list(inputs) != sorted(set(inputs)) or any(other >= number for other in inputs):
        raise UsageError("layer of a chain", text, f"layer {number} may see layers before it, each once and in order")
    return Layer(height, width, filters, stride, inputs)


def unseen(layers: Sequence[Layer]) -> list[int]:
    """The layers, from 1, that no other sees: what the classifier is given."""
    seen = {number for row in layers for number in row.inputs}
    return [number for number in range(1, len(layers) + 1) if number not in seen]


def joined(maps: Sequence[Tensor]) -> Tensor:
    """All channels of `maps`, zeros to the right of and below the smaller ones."""
    height, width = (max(each.shape[axis] for each in maps) for axis in (2, 3))
    return torch.cat([F.pad(each, [0, width - each.shape[3], 0, height - each.shape[2]]) for each in maps], 1)


class Chain(Classifier):
    """The convolutions of `layers`, and a linear classifier on the mean of what none of them sees."""

    def __init__(self, layers: Sequence[Layer], *, num_classes: int, in_channels: int):
        super().__init__(num_classes, in_channels)
        channels = [in_channels, *(row.filters for row in layers)]
        self.inputs = [row.inputs or (0,) for row in layers]
        self.outputs_joined = unseen(layers)
        self.blocks = nn.ModuleList(
            layer(sum(channels[number] for number in inputs), row.filters, (row.height, row.width), row.stride)
            for row, inputs in zip(layers, self.inputs, strict=True)
        )
        self.head = nn.Linear(sum(channels[number] for number in self.outputs_joined), num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        maps = [images]
        for inputs, block in zip(self.inputs, self.blocks, strict=True):
            maps.append(cast(Tensor, block(joined([maps[number] for number in inputs]))))
        return joined([maps[number] for number in self.outputs_joined])

    def initialise(self, module: nn.Module) -> None:
        he_normal(module)


@lru_cache(maxsize=256)
def described(name: str) -> ModelSpec:
    """The row of the network that `name` tells, counted on the spot."""
    network = read(name)
    build = partial(Chain, network.layers)
    middle = (0.5,) * network.channels
    return ModelSpec(
        name=name,
        family="Chain",
        paper=PAPER,
        build=build,
        preprocess=Preprocess(size=network.side, crop=1.0, mean=middle, std=middle),
        facts=count_facts(build, network.side, 10, network.channels),
        fact="",
        departs="images are normalised where the paper whitens them; the mean of each map goes to the classifier, and "
        "the zeros of smaller maps are to the right and below, of which the paper says nothing",
    )


# Fig. 7, the network found without strides and pooling (table 1: 15 layers, 4.2 million parameters, 5.50% error),
# after two public transcriptions of it, of which only this reading has as many parameters.
FIGURE_7 = Network(
    side=32,
    channels=3,
    layers=(
        Layer(3, 3, 36),
        Layer(3, 3, 48, inputs=(1,)),
        Layer(3, 3, 36, inputs=(1, 2)),
        Layer(5, 5, 36, inputs=(1, 2, 3)),
        Layer(3, 7, 48, inputs=(3, 4)),
        Layer(7, 7, 48, inputs=(2, 3, 4, 5)),
        Layer(7, 7, 48, inputs=(2, 3, 4, 5, 6)),
        Layer(7, 3, 36, inputs=(1, 6, 7)),
        Layer(7, 1, 36, inputs=(1, 5, 6, 8)),
        Layer(7, 7, 36, inputs=(1, 3, 4, 5, 6, 7, 8, 9)),
        Layer(5, 7, 36, inputs=(1, 2, 5, 6, 7, 8, 9, 10)),
        Layer(7, 7, 48, inputs=(1, 2, 3, 4, 6, 11)),
        Layer(7, 5, 48, inputs=(1, 3, 6, 7, 8, 9, 10, 11, 12)),
        Layer(7, 5, 48, inputs=(3, 7, 12, 13)),
        Layer(7, 5, 48, inputs=(6, 7, 11, 12, 13, 14)),
    ),
)

VARIANTS = ()  # the authors released none; any is built by its name
