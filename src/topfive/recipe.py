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
Count = Annotated[int, Field(ge=1)]
Side = Annotated[int, Field(ge=1, le=8192)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Recipe:
    """Everything that decides the weights a run ends with, apart from the images themselves.

    `batch_size` images make a step, whatever `grad_accum_steps` and the number of processes; the last, smaller batch of
    an epoch is left out.  `lr` is for the batch as it is: nothing is scaled behind the user's back.
    """

    model: str = Field(
        description="the network (topfive models), or a search's genotype.json; without it, what suits images and time"
    )
    weights: str | None = Field(
        default=None,
        description="start from these: imagenet (the built-in ones), torchvision, timm, hub:OWNER/NAME or a file",
    )
    seed: Annotated[int, Field(ge=0)] = Field(default=0, description="decides every random draw")

    # How long, and how much at a time
    epochs: Count = Field(default=30, description="passes over the training images")
    time: Positive | None = Field(
        default=None, description="seconds that the whole run may take; it ends with what it has"
    )
    batch_size: Count = Field(default=128, description="images a step")
    grad_accum_steps: Count = Field(
        default=1,
        description="parts that a batch goes through the network in, side by side where that pays; norms are of a part",
    )
    aug_repeats: Count = Field(default=1, description="differing views of an image in a batch (arXiv:1901.09335)")
    sampler: Literal["shuffle", "balanced"] = Field(
        default="shuffle", description="order of images: shuffle, or balanced, every class equally often"
    )

    # How the weights move
    opt: Literal["sgd", "momentum", "rmsprop", "adamw", "lion", "lamb", "muon"] = Field(
        default="sgd", description="rule: sgd (Nesterov's), momentum, rmsprop (TensorFlow's), adamw, lion, lamb or muon"
    )
    lr: Positive = Field(default=0.1, description="the highest learning rate, for the batch as it is")
    momentum: Fraction = Field(default=0.9, description="of sgd, momentum, rmsprop and muon")
    weight_decay: NotNegative = Field(default=5e-4, description="of weights")
    bias_decay: bool = Field(
        default=False, description="decay biases and norms too, as most did before arXiv:1812.01187"
    )
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="factor of the rate from a group of layers to the one below it"
    )
    freeze_epochs: NotNegative = Field(default=0.0, description="epochs in which only the head moves")
    clip_grad: NotNegative = Field(default=0.0, description="largest norm of all gradients together; 0: any")
    model_ema: Fraction = Field(default=0.0, description="decay a step of the averaged weights; 0: no average")
    zero_gamma: bool = Field(
        default=False, description="residual branches begin as nothing (arXiv:1812.01187, sec. 3.1)"
    )
    amp: bool = Field(default=False, description="half precision where it is safe, and faster on this processor")

    # The rate in time
    sched: Literal["cosine", "step", "multistep", "exponential", "onecycle", "polynomial", "constant"] = Field(
        default="cosine", description="course: cosine, step, multistep, exponential, onecycle, polynomial or constant"
    )
    warmup_epochs: NotNegative = Field(default=0.0, description="epochs over which the rate rises")
    decay_epochs: Positive = Field(default=30.0, description="epochs between the falls of step and exponential")
    decay_milestones: tuple[Positive, ...] = Field(
        default=(), description="epochs of the falls of multistep, e.g. 60,120,160"
    )
    decay_rate: Positive = Field(default=0.1, description="factor of each fall")
    power: Positive = Field(default=1.0, description="of polynomial")

    # What is minimised
    loss: Literal["cross_entropy", "bce", "focal", "logit_adjusted", "rbf_mse"] = Field(
        default="cross_entropy",
        description="loss: cross_entropy, bce, focal, logit_adjusted, or rbf_mse for lenet5_original",
    )
    smoothing: Fraction = Field(
        default=0.0, description="share of the target spread evenly over the classes (arXiv:1512.00567, sec. 7)"
    )
    class_weights: Literal["none", "balanced"] = Field(
        default="none", description="weights of the classes: none, or balanced, so that rare ones count as much"
    )
    auxiliary: bool = Field(
        default=False, description="side classifiers where the paper trains with them, at the paper's weight"
    )
    teacher: str | None = Field(
        default=None, description="an artifact or a run whose soft answers are learnt too (arXiv:1503.02531)"
    )
    teacher_share: Share = Field(default=0.5, description="share of the loss that the teacher has")
    teacher_temperature: Positive = Field(default=2.0, description="by which its answers are softened")

    # What is dropped at random; None leaves a network as its paper has it
    drop: Fraction | None = Field(default=None, description="probability of dropout; without it, the paper's")
    drop_path: Fraction | None = Field(
        default=None, description="probability of leaving out the last residual branch; without it, the paper's"
    )

    # What is seen
    img_size: Side | None = Field(
        default=None, description="pixels a side that the network sees; without it, what suits network and images"
    )
    start_size: Side | None = Field(
        default=None, description="pixels a side at first, growing to the whole size over the run"
    )
    scale: tuple[Positive, Positive] = Field(
        default=(1.0, 1.0), description="least and most share of the area that a random crop keeps, e.g. 0.35,1"
    )
    resize: tuple[Positive, Positive] = Field(
        default=(1.0, 1.0), description="least and most short side, in img_size, that crops are from; VGG: 1.143,2.286"
    )
    shift: Annotated[int, Field(ge=0)] = Field(
        default=0, description="pixels by which an image in memory is moved at most, each way"
    )
    rotate: NotNegative = Field(default=0.0, description="degrees by which it is turned at most, either way")
    hflip: Share = Field(default=0.0, description="probability of mirroring left to right")
    vflip: Share = Field(default=0.0, description="probability of mirroring top to bottom")
    aa: str | None = Field(default=None, description="a policy: rand-m9-n2, trivial, autoaugment, ...")
    color_jitter: NotNegative = Field(
        default=0.0, description="largest change of brightness, contrast and saturation, as a share"
    )
    lighting: NotNegative = Field(default=0.0, description="strength of AlexNet's colour noise (sec. 4.1)")
    reprob: Share = Field(default=0.0, description="probability of erasing a rectangle (arXiv:1708.04896)")
    mixup: NotNegative = Field(default=0.0, description="alpha of the blend of two images (arXiv:1710.09412)")
    cutmix: NotNegative = Field(default=0.0, description="alpha of the patch from another image (arXiv:1905.04899)")

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
        if not 1 <= self.resize[0] <= self.resize[1]:
            why = f"{self.resize} is not a range of sizes of at least 1"
            raise UsageError("recipe", "resize", why, "Use e.g. 1.143,2.286")
        if self.scale != (1.0, 1.0) and self.resize != (1.0, 1.0):
            raise UsageError("recipe", "resize", "scale says already how crops are taken", "Give one of them")

    def smoke(self) -> Recipe:
        """The same recipe cut to one epoch of small batches: does it run at all?"""
        batch = max(16 // self.grad_accum_steps, 1) * self.grad_accum_steps * self.aug_repeats
        return dataclasses.replace(
            self, epochs=1, batch_size=min(self.batch_size, batch), warmup_epochs=0, freeze_epochs=0
        )

    def digest(self) -> str:
        """Twelve hexadecimal digits that differ where any field differs."""
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()[:12]


_ADAPTER = TypeAdapter(Recipe)
_DESCRIPTIONS = {name: field.description for name, field in Recipe.__pydantic_fields__.items()}  # type: ignore[attr-defined]


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
        name = str(first["loc"][0]) if first["loc"] else ""
        where = ".".join(map(str, first["loc"])) or "recipe"
        meant = f"{name}: {_DESCRIPTIONS[name]}" if name in _DESCRIPTIONS else ""
        raise UsageError("recipe", where, f"{first['msg']}, not {first['input']!r}", meant) from None


def differences(old: Recipe, new: Recipe) -> dict[str, tuple[Any, Any]]:
    """The fields in which two recipes differ, each with both values."""
    pairs = ((f.name, getattr(old, f.name), getattr(new, f.name)) for f in dataclasses.fields(Recipe))
    return {name: (before, after) for name, before, after in pairs if before != after}
