"""What every network of this package is: images in, feature maps, one embedding, logits out."""

from __future__ import annotations

from contextlib import ExitStack
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topfive.nn.sides import Sides
from topfive.nn.smallest import sized
from topfive.spec import Build


class Classifier(nn.Module):
    """Base of all networks: images [N, in_channels, H, W] -> logits [N, num_classes].

    A network defines `features` and sets `head`; where the papers pool globally, nothing else.  In evaluation mode
    `head(embed(images))` equals `forward(images)`, but for a head that judges every place before it pools: such a
    network defines `outputs` too.
    """

    head: nn.Module  # the last linear layer, or what plays its part

    def __init_subclass__(cls) -> None:
        """Images that are too small for a network give a UsageError with the size that it needs."""
        super().__init_subclass__()
        for name in ("features", "embed"):
            if name in vars(cls):
                setattr(cls, name, sized(vars(cls)[name]))

    def __init__(self, num_classes: int, in_channels: int, *, dropout: float = 0.0):
        super().__init__()
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.dropout = nn.Dropout(dropout)
        self.sides = nn.ModuleList()  # the side classifiers; most networks have none, and none after training
        self.side_places: tuple[str, ...] = ()  # the names of the parts that they judge
        self.side_weight = 0.0  # of each of their losses

    def features(self, images: Tensor) -> Tensor:
        """The last feature maps [N, C, h, w]."""
        raise NotImplementedError

    def embed(self, images: Tensor) -> Tensor:
        """The vector [N, D] that the head sees."""
        return F.adaptive_avg_pool2d(self.features(images), 1).flatten(1)

    def outputs(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and embedding from one pass."""
        embedding = self.embed(images)
        return self.head(self.dropout(embedding)), embedding

    def forward(self, images: Tensor) -> Tensor:
        return self.outputs(images)[0]

    def training_outputs(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits, and those of each side classifier, all [N, num_classes], from one pass."""
        judged: list[Tensor] = []
        with ExitStack() as watched:
            for place, side in zip(self.side_places, self.sides, strict=True):

                def judge(_: nn.Module, __: object, maps: Tensor, side: nn.Module = side) -> None:
                    judged.append(side(maps))

                watched.enter_context(self.get_submodule(place).register_forward_hook(judge))
            return self(images), judged

    def auxiliary(self, images: Tensor) -> list[Tensor]:
        """Logits [N, num_classes] of each side classifier."""
        return self.training_outputs(images)[1] if self.sides else []

    def add_sides(self, sides: Sides) -> None:
        """Hang fresh side classifiers on the network; `forward` stays as it is."""
        weight = next(self.parameters())
        with torch.device(weight.device):
            self.sides = nn.ModuleList(make(self.num_classes) for make in sides.at.values()).to(weight.dtype)
        self.sides.apply(self.initialise).train(self.training)
        self.side_places, self.side_weight = tuple(sides.at), sides.weight

    def remove_sides(self) -> None:
        self.sides, self.side_places, self.side_weight = nn.ModuleList(), (), 0.0

    def progress(self, done: float) -> None:
        """Told by a training which share of it is over, 0 to 1, for what a paper schedules; most schedule nothing."""

    def initialise(self, module: nn.Module) -> None:
        """Set the starting weights of one module as the paper does; by default torch's own stay."""

    def reset_head(self, num_classes: int) -> None:
        """Replace the head, and those of the sides, by fresh ones, on the same device and in the same precision."""
        old = next(self.parameters())
        for owner in (self, *self.sides):
            head = cast(nn.Linear, owner.head)
            with torch.device(old.device):
                owner.head = type(head)(head.in_features, num_classes).to(old.dtype)
            owner.head.apply(self.initialise)
        self.num_classes = num_classes


def with_sides(build: Build, sides: Sides, *, num_classes: int, in_channels: int) -> Classifier:
    """The network of `build`, as it is trained."""
    model = build(num_classes=num_classes, in_channels=in_channels)
    model.add_sides(sides)
    return model
