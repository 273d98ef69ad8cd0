"""All that a step of training changes, and its way into a checkpoint and back."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, optim

from topfive.errors import RefusedError
from topfive.nn.classifier import Classifier
from topfive.recipe import Recipe
from topfive.train.average import Average
from topfive.train.checkpoint import Checkpoint, flatten, pack_optimizer, under, unpack_optimizer
from topfive.train.optimizer import make_optimizer
from topfive.train.placement import Placement


@dataclass
class Best:
    """The weights of the epoch that did best on the validation images, on the processor."""

    epoch: int = -1
    score: float = -math.inf
    weights: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class State:
    """`step` steps have been taken.

    `skipped` are those of them that were left out, `loss_sum` is over the others of the epoch under way, `seconds` over
    all of the run's lives; it is `finished` where its time was over before its last step.
    """

    model: Classifier
    optimizer: optim.Optimizer
    average: Average | None
    scaler: torch.amp.GradScaler
    step: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    finished: bool = False
    best: Best = field(default_factory=Best)
    skipped: list[int] = field(default_factory=list)

    @property
    def evaluated(self) -> Classifier:
        """The network whose answers count: the average where one is kept."""
        return self.average.model if self.average is not None else self.model

    def consider(self, epoch: int, score: float) -> None:
        """Keep the present weights if no earlier epoch did better."""
        if score >= self.best.score:
            weights = {name: tensor.detach().cpu().clone() for name, tensor in self.evaluated.state_dict().items()}
            self.best = Best(epoch, score, weights)

    def checkpoint(self) -> Checkpoint:
        """Everything, as tensors and JSON."""
        tensors, groups = pack_optimizer(self.optimizer)
        tensors.update(flatten("model", self.model.state_dict()))
        if self.average is not None:
            tensors.update(flatten("average", self.average.model.state_dict()))
        tensors.update(flatten("best", self.best.weights))
        state: dict[str, Any] = {
            "groups": groups,
            "scaler": self.scaler.state_dict(),
            "loss_sum": self.loss_sum,
            "seconds": self.seconds,
            "finished": self.finished,
            "skipped": self.skipped,
            "best": {"epoch": self.best.epoch, "score": self.best.score},
        }
        return Checkpoint(self.step, tensors, state)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become what `checkpoint` holds; RefusedError where it is another network's or optimizer's."""
        try:
            self.model.load_state_dict(under("model", checkpoint.tensors))
            if self.average is not None:
                self.average.model.load_state_dict(under("average", checkpoint.tensors))
            unpack_optimizer(self.optimizer, checkpoint.tensors, checkpoint.state["groups"])
            self.scaler.load_state_dict(checkpoint.state["scaler"])
            self.step, self.loss_sum = checkpoint.step, checkpoint.state["loss_sum"]
            self.seconds, self.finished = checkpoint.state["seconds"], checkpoint.state["finished"]
            self.skipped = list(checkpoint.state.get("skipped", []))  # older files have none
            self.best = Best(**checkpoint.state["best"], weights=under("best", checkpoint.tensors))
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            why = f"it does not fit the run ({' '.join(str(error).split())[:200]})"
            raise RefusedError(
                "checkpoint", f"of step {checkpoint.step}", why, "Start anew with another --out"
            ) from None


def at_step_0(model: Classifier, recipe: Recipe, placement: Placement, device: str) -> State:
    """What a run begins with: `model`, and what its recipe asks for beside it."""
    return State(
        model=model,
        optimizer=make_optimizer(model, recipe),
        average=Average(model, recipe.model_ema) if recipe.model_ema else None,
        scaler=torch.amp.GradScaler(torch.device(device).type, enabled=placement.precision == "float16"),
    )
