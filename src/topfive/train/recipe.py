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
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Recipe:
    """Everything that decides the weights a run ends with, apart from the images themselves.

    `batch_size` images make a step, whatever `grad_accum_steps` and the number of processes; the last, smaller batch of
    an epoch is left out.  `lr` is for the batch as it is: nothing is scaled behind the user's back.
    """

    model: str
    weights: str | None = None  # "imagenet" (the built-in ones), another source or a file; None: fresh
    seed: Annotated[int, Field(ge=0)] = 0

    # How long, and how much at a time
    epochs: Annotated[int, Field(ge=1)] = 30
    batch_size: Annotated[int, Field(ge=1)] = 128
    grad_accum_steps: Annotated[int, Field(ge=1)] = 1  # parts that a batch goes through the network in, to save memory
    aug_repeats: Annotated[int, Field(ge=1)] = 1  # differing views of an image in a batch (arXiv:1901.09335)
    sampler: Literal["shuffle", "balanced"] = "shuffle"  # balanced: every class equally often

    # How the weights move
    opt: Literal["sgd", "momentum", "rmsprop", "adamw", "lion", "lamb"] = "sgd"
    lr: Positive = 0.1
    momentum: Fraction = 0.9
    weight_decay: NotNegative = 5e-4
    bias_decay: bool = False  # decay biases and norms too, as most did before arXiv:1812.01187
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0  # factor of the rate from a group of layers to the one below
    freeze_epochs: NotNegative = 0.0  # at first only the head moves
    clip_grad: NotNegative = 0.0  # the largest norm of all gradients together; 0 leaves them alone
    model_ema: Fraction = 0.0  # decay a step of the averaged weights; 0 keeps no average
    zero_gamma: bool = False  # residual branches begin as nothing (arXiv:1812.01187, sec. 3.1)
    amp: bool = False  # half precision where it is safe, and faster on this processor

    # The rate in time
    sched: Literal["cosine", "step", "exponential", "onecycle", "polynomial", "constant"] = "cosine"
    warmup_epochs: NotNegative = 0.0
    decay_epochs: Positive = 30.0  # of step and exponential
    decay_rate: Positive = 0.1
    power: Positive = 1.0  # of polynomial

    # What is minimised
    loss: Literal["cross_entropy", "bce", "focal", "logit_adjusted", "rbf_mse"] = "cross_entropy"
    smoothing: Fraction = 0.0  # share of the target spread evenly over the classes (Szegedy et al. 2015, sec. 7)
    class_weights: Literal["none", "balanced"] = "none"  # balanced: errors of rare classes weigh more
    auxiliary: bool = False  # side classifiers, where the paper trains with them, at the paper's weight
    teacher: str | None = None  # an artifact or a run, whose soft answers are learnt too (arXiv:1503.02531)
    teacher_share: Share = 0.5  # of the loss
    teacher_temperature: Positive = 2.0

    # What is dropped at random; None leaves a network as its paper has it
    drop: Fraction | None = None
    drop_path: Fraction | None = None

    # What is seen
    img_size: Annotated[int, Field(ge=1, le=8192)] | None = None  # pixels a side; None: what suits network and data
    start_size: Annotated[int, Field(ge=1, le=8192)] | None = None  # pixels a side at first, growing to the whole size
    scale: tuple[Positive, Positive] = (1.0, 1.0)  # share of the area that a random crop keeps, least and most
    shift: Annotated[int, Field(ge=0)] = 0  # pixels by which an image in memory is moved at most, each way
    rotate: NotNegative = 0.0  # degrees by which it is turned at most, either way
    hflip: Share = 0.0  # probability of mirroring left to right
    vflip: Share = 0.0  # probability of mirroring top to bottom
    aa: str | None = None  # a policy: rand-m9-n2, trivial, autoaugment, ...
    color_jitter: NotNegative = 0.0  # largest change of brightness, contrast and saturation, as a share
    lighting: NotNegative = 0.0  # strength of AlexNet's colour noise (sec. 4.1)
    reprob: Share = 0.0  # probability of erasing a rectangle (arXiv:1708.04896)
    mixup: NotNegative = 0.0  # alpha of the blend of two images (arXiv:1710.09412)
    cutmix: NotNegative = 0.0  # alpha of the patch from another image (arXiv:1905.04899)

    def __post_init__(self) -> None:
        for name in ("warmup_epochs", "freeze_epochs"):
            if getattr(self, name) > self.epochs:
                raise UsageError("recipe", name, f"{getattr(self, name)} is more than the {self.epochs} epochs")
        for name in ("grad_accum_steps", "aug_repeats"):
            if self.batch_size % getattr(self, name):
                why = f"a batch of {self.batch_size} cannot be divided by {getattr(self, name)}"
                raise UsageError("recipe", name, why, "Use a number that divides --batch-size")
        if not self.scale[0] <= self.scale[1] <= 1:
            why = f"{self.scale} is not a range of shares within (0, 1]"
            raise UsageError("recipe", "scale", why, "Use e.g. 0.35,1")

    def smoke(self) -> Recipe:
        """The same recipe cut to one epoch of small batches: does it run at all?"""
        batch = max(16 // self.grad_accum_steps, 1) * self.grad_accum_steps * self.aug_repeats
        return dataclasses.replace(self, epochs=1, batch_size=min(self.batch_size, batch), warmup_epochs=0)

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
