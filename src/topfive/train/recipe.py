"""A recipe: one training run, completely, in one frozen dataclass; its fields are the flags of `topfive train`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from topfive.errors import UsageError, nearest

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Recipe:
    """Everything that decides the weights a run ends with, apart from the images themselves.

    `batch_size` images make a step; the last, smaller batch of an epoch is left out.  `lr` is for the batch as it is:
    nothing is scaled behind the user's back.  `weight_decay` spares biases and norms.
    """

    model: str
    epochs: Annotated[int, Field(ge=1)] = 30
    batch_size: Annotated[int, Field(ge=1)] = 128
    opt: Literal["sgd", "rmsprop", "adamw"] = "sgd"
    lr: Positive = 0.1
    momentum: Fraction = 0.9
    weight_decay: NotNegative = 5e-4
    sched: Literal["cosine", "step", "constant"] = "cosine"
    warmup_epochs: NotNegative = 0.0
    decay_epochs: Positive = 30.0  # of the step schedule
    decay_rate: Positive = 0.1
    clip_grad: NotNegative = 0.0  # the largest norm of all gradients together; 0 leaves them alone
    loss: Literal["cross_entropy", "rbf_mse"] = "cross_entropy"
    smoothing: Fraction = 0.0  # share of the target spread evenly over the classes (Szegedy et al. 2015, sec. 7)
    model_ema: Fraction = 0.0  # decay a step of the averaged weights; 0 keeps no average
    amp: bool = False
    shift: Annotated[int, Field(ge=0)] = 0  # pixels by which an image in memory is moved at most, each way
    scale: tuple[Positive, Positive] = (1.0, 1.0)  # share of the area that a random crop keeps, least and most
    hflip: Annotated[float, Field(ge=0, le=1)] = 0.0  # probability of mirroring left to right
    img_size: Annotated[int, Field(ge=1, le=8192)] | None = None  # pixels a side; None: what suits network and data
    weights: str | None = None  # "imagenet" (the built-in ones), or a file
    seed: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self) -> None:
        if self.warmup_epochs > self.epochs:
            raise UsageError("recipe", "warmup_epochs", f"{self.warmup_epochs} is more than the {self.epochs} epochs")
        if not self.scale[0] <= self.scale[1] <= 1:
            raise UsageError(
                "recipe", "scale", f"{self.scale} is not a range of shares within (0, 1]", "Use e.g. 0.35,1"
            )

    def smoke(self) -> Recipe:
        """The same recipe cut to one epoch of small batches: does it run at all?"""
        return dataclasses.replace(self, epochs=1, batch_size=min(self.batch_size, 16), warmup_epochs=0)

    def digest(self) -> str:
        """Twelve hexadecimal digits that differ where any field differs."""
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()[:12]


_ADAPTER = TypeAdapter(Recipe)


def recipe_from(settings: Mapping[str, Any]) -> Recipe:
    """The recipe with these fields; an unknown field or an impossible value is a UsageError that names it."""
    known = {field.name for field in dataclasses.fields(Recipe)}
    for key in settings:
        if key not in known:
            raise UsageError("unknown recipe key", key, nearest(key, known))
    try:
        return _ADAPTER.validate_python(dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "recipe"
        raise UsageError("recipe", where, f"{first['msg']}, not {first['input']!r}") from None


def differences(old: Recipe, new: Recipe) -> dict[str, tuple[Any, Any]]:
    """The fields in which two recipes differ, each with both values."""
    pairs = ((f.name, getattr(old, f.name), getattr(new, f.name)) for f in dataclasses.fields(Recipe))
    return {name: (before, after) for name, before, after in pairs if before != after}
