"""Which operations an image meets, and how strong: RandAugment, TrivialAugment and the policies of AutoAugment."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from topfive.errors import UsageError, nearest
from topfive.train.autoaugment import CIFAR10, IMAGENET, SVHN, AutoAugment
from topfive.train.operations import IDENTITY, OPERATIONS, perform

SHARED = len(OPERATIONS) - 1  # RandAugment and TrivialAugment draw from the first 14: all but Invert, which is last


class Range(NamedTuple):
    """The amounts of an operation from strength 0 to strength 1; `mirrored`: `end` lies as far on the other side."""

    start: float = 0.0
    end: float = 0.0
    mirrored: bool = False


Space = Callable[[int, int], dict[str, Range]]  # height, width -> the ranges of the operations that have an amount


class Choice(Protocol):
    """Draws operations for `count` images, int64 [count, steps], and strengths in [0, 1], float32 [count, steps]."""

    def __call__(self, count: int, draw: torch.Generator) -> tuple[Tensor, Tensor]: ...


@dataclass(frozen=True)
class Policy:
    """A way to choose operations, and what their strengths mean."""

    choose: Choice
    space: Space

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor:
        """Images uint8 [N, C, H, W], or one of them [C, H, W], each after its own operations."""
        batch = images.view(-1, *images.shape[-3:])
        operations, amounts = self.plan(len(batch), batch.shape[2], batch.shape[3], draw)
        for step in range(operations.shape[1]):
            batch = perform(batch, operations[:, step], amounts[:, step])
        return batch.view(images.shape)

    def plan(self, count: int, height: int, width: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Operations int64 [count, steps] and their amounts float32 [count, steps], as `perform` takes them."""
        operations, strengths = self.choose(count, draw)
        space = self.space(height, width)
        start, end, mirrored = torch.tensor([space.get(name, Range()) for name in OPERATIONS])[operations].unbind(-1)
        sign = 1 - 2 * mirrored * torch.randint(0, 2, operations.shape, generator=draw)
        amounts = start + sign * strengths * (end - start)
        return operations, torch.where(operations == OPERATIONS.index("Posterize"), amounts.round(), amounts)


@dataclass(frozen=True)
class RandAugment:
    """`steps` operations, each any of 14, all of one strength `level` / 10 (Cubuk et al. 2019, sec. 3).

    As in timm the level of each may have a standard deviation, and each may be left out; the paper has neither.
    """

    level: float = 10.0
    steps: int = 2
    deviation: float = 0.0
    probability: float = 1.0

    def __call__(self, count: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        shape = (count, self.steps)
        operations = torch.randint(0, SHARED, shape, generator=draw)
        left_out = torch.rand(shape, generator=draw) >= self.probability
        levels = self.level + self.deviation * torch.randn(shape, generator=draw)
        return operations.masked_fill_(left_out, IDENTITY), levels.clamp_(0, 10) / 10


class TrivialAugment:
    """One operation, any of 14, of one of 31 strengths (Müller and Hutter 2021, sec. 3)."""

    def __call__(self, count: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        operations = torch.randint(0, SHARED, (count, 1), generator=draw)
        return operations, torch.randint(0, 31, (count, 1), generator=draw) / 30


def increasing(height: int, width: int) -> dict[str, Range]:
    """AutoAugment's ranges (Cubuk et al. 2018, table 6), so that more strength always changes more.

    A factor of colour is 1 plus or minus up to 0.9, in place of a way from 0.1 to 1.9 that changes nothing half-way.
    """
    shift = 150 / 331  # the table's pixels are those of images with a side of 331
    return {
        "ShearX": Range(0, 0.3, mirrored=True),
        "ShearY": Range(0, 0.3, mirrored=True),
        "TranslateX": Range(0, shift * width, mirrored=True),
        "TranslateY": Range(0, shift * height, mirrored=True),
        "Rotate": Range(0, 30, mirrored=True),
        "Posterize": Range(8, 4),
        "Solarize": Range(255, 0),
    } | dict.fromkeys(ENHANCE, Range(1, 1.9, mirrored=True))


def as_printed(height: int, width: int) -> dict[str, Range]:
    """The same ranges in the direction in which the table prints them: a strong posterization keeps all eight bits."""
    printed = {"Posterize": Range(4, 8), "Solarize": Range(0, 256)} | dict.fromkeys(ENHANCE, Range(0.1, 1.9))
    return increasing(height, width) | printed


def wide(height: int, width: int) -> dict[str, Range]:
    """TrivialAugment's wide ranges (Müller and Hutter 2021): 32 pixels, or the whole of a smaller side."""
    return {
        "ShearX": Range(0, 0.99, mirrored=True),
        "ShearY": Range(0, 0.99, mirrored=True),
        "TranslateX": Range(0, min(32, width), mirrored=True),
        "TranslateY": Range(0, min(32, height), mirrored=True),
        "Rotate": Range(0, 135, mirrored=True),
        "Posterize": Range(8, 2),
        "Solarize": Range(255, 0),
    } | dict.fromkeys(ENHANCE, Range(1, 1.99, mirrored=True))


def policy_from(text: str) -> Policy:
    """The policy of this name, or of timm's spelling of RandAugment: `rand-m7-n2-mstd0.5-inc1`.

    m: the level, 0 to 10; n: operations an image; mstd: standard deviation of the level; p: probability of each
    operation (1, where timm has 0.5); inc1: ranges in which a higher level always changes more.
    """
    if text == "rand" or text.startswith("rand-"):
        return _rand(text)
    if text not in POLICIES:
        known = (*POLICIES, "rand-m9-n2")
        raise UsageError("unknown augmentation policy", text, nearest(text, known), f"There are {', '.join(known)}")
    return POLICIES[text]


def _rand(text: str) -> Policy:
    values = {"m": 10.0, "n": 2.0, "mstd": 0.0, "p": 1.0, "inc": 0.0}
    parts = text.split("-")[1:]
    for part in parts:
        found = re.fullmatch(r"([a-z]+)([0-9]+(?:\.[0-9]+)?)", part)
        if found is None or found[1] not in values:
            raise UsageError("augmentation policy", text, f"{part!r} is no setting", "Write it like rand-m9-n2-mstd0.5")
        value, (lowest, highest) = float(found[2]), BOUNDS[found[1]]
        whole = found[1] in ("n", "inc")
        if not lowest <= value <= highest or (whole and not value.is_integer()):
            kind = "whole number" if whole else "number"
            raise UsageError("augmentation policy", text, f"{part!r} is not a {kind} from {lowest} to {highest}")
        values[found[1]] = value
    choice = RandAugment(values["m"], int(values["n"]), values["mstd"], values["p"])
    return Policy(choice, increasing if values["inc"] else as_printed)


ENHANCE = ("Brightness", "Color", "Contrast", "Sharpness")
BOUNDS = {"m": (0, 10), "n": (1, 14), "mstd": (0, 10), "p": (0, 1), "inc": (0, 1)}

POLICIES = {
    "trivial": Policy(TrivialAugment(), wide),
    "autoaugment": Policy(AutoAugment(IMAGENET), increasing),
    "autoaugment-cifar10": Policy(AutoAugment(CIFAR10), increasing),
    "autoaugment-svhn": Policy(AutoAugment(SVHN), increasing),
}
