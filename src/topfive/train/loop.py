"""The training loop.  Step is the clock; the rate, the order and every random draw are functions of it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from topfive.data.dataset import Labels
from topfive.errors import DivergedError, shown
from topfive.recipe import Recipe
from topfive.train.abreast import Abreast, divided
from topfive.train.batches import Batches, resized, side_at
from topfive.train.loading import EvaluationBatches
from topfive.train.optimizer import freeze, set_rates
from topfive.train.placement import Placement
from topfive.train.processes import ALONE, Team
from topfive.train.randomness import reseed, seed_of
from topfive.train.run import Run, Stop
from topfive.train.schedule import learning_rate, momentum
from topfive.train.skip import buffers, put_back, without_bounds
from topfive.train.state import State
from topfive.train.task import Logits, Task

SHIPPING = 15.0  # seconds for reading before training, and for export and report after it


class Watch(Protocol):
    """Who wants to see a run as it goes."""

    def note(self, text: str) -> None: ...
    def loading(self, done: int, total: int) -> None: ...
    def started(self, step: int, total: int) -> None: ...
    def stepped(self, step: int, loss: float) -> None: ...
    def epoch(self, entry: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Work:
    """The parts that one run is made of; what they are does not change while it lasts."""

    recipe: Recipe
    batches: Batches
    validation: EvaluationBatches | None
    task: Task[Any]
    abreast: Abreast
    placement: Placement
    device: torch.device
    run: Run
    watch: Watch
    checkpoint_seconds: float
    begun: float  # time.monotonic() when this life of the run began to read
    skips: int = 0  # steps that may be left out where their loss or their gradients are without bounds
    team: Team = ALONE

    @property
    def total(self) -> int:
        return self.recipe.epochs * self.batches.steps


def train(state: State, work: Work, stop: Stop) -> None:
    """Take the steps that are left; a checkpoint is written at step boundaries only, by time and when asked to stop."""
    recipe, steps = work.recipe, work.batches.steps
    saved = time.monotonic()
    before = state.seconds
    thaw = round(recipe.freeze_epochs * steps)  # the step from which on all of the network learns
    learning = False
    work.watch.started(state.step, work.total)
    while state.step < work.total and not state.finished:
        epoch, index = divmod(state.step, steps)
        rate = learning_rate(recipe, state.step, steps)
        set_rates(state.optimizer, rate, momentum(recipe, state.step, steps))
        reseed(seed_of(recipe.seed, "step", state.step, *work.team.own), work.device)  # dropout and its like

        state.model.progress(state.step / work.total)  # drop-path that grows
        if not learning or state.step == thaw:
            work.abreast.objective.train()
            freeze(state.model, state.model.head, state.step < thaw)
            learning = True
        statistics = buffers(state.model) if work.skips else []
        value = work.team.mean(backward(*work.batches.at(epoch, index), state, work))
        trouble = without_bounds(value, state, gradients=work.skips > 0)
        if not trouble:
            move(state, recipe)
            state.loss_sum += value
        elif len(state.skipped) < work.skips:
            put_back(state.model, statistics)
            state.skipped.append(state.step)
            work.watch.note(f"left out: {trouble} {where(state.step, work)}")
        else:
            raise diverged(trouble, state.step, work)
        state.optimizer.zero_grad(set_to_none=True)

        state.step += 1
        state.seconds = before + time.monotonic() - work.begun
        state.finished = recipe.time is not None and bool(work.team.highest(state.seconds >= for_steps(recipe.time)))
        work.watch.stepped(state.step, value)
        if state.step % steps == 0 or state.finished:
            finish_epoch(epoch, rate, state, work)
            learning = False
        asked = work.team.highest(stop.signal_number)
        due = time.monotonic() - saved >= work.checkpoint_seconds
        if due or asked or state.step == work.total or state.finished:
            checkpoint = state.checkpoint()
            if not checkpoint.finite():
                raise diverged("weights without bounds", state.step - 1, work)
            work.run.save(checkpoint)
            saved = time.monotonic()
        if asked:
            raise work.team.said(Stop(asked).error(work.run.folder, state.step))


def move(state: State, recipe: Recipe) -> None:
    """The weights go where the gradients in them lead, and their average follows."""
    if recipe.clip_grad:
        state.scaler.unscale_(state.optimizer)
        nn.utils.clip_grad_norm_(state.model.parameters(), recipe.clip_grad)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    if state.average is not None:
        state.average.update(state.step)


def for_steps(seconds: float) -> float:
    """Of the seconds that a whole run may take, those after which no other step is taken: the rest is for shipping."""
    return max(0.75 * seconds, seconds - SHIPPING)


def backward(images: Tensor, targets: Tensor, state: State, work: Work) -> float:
    """Add the gradient of one batch, part by part, to the parameters'; gives the mean loss of the batch."""

    def learn(objective: nn.Module, some: Tensor, wanted: Tensor) -> float:
        share = len(some) / len(images)
        with work.placement.autocast(work.device):
            some = some.to(work.device).to(memory_format=work.placement.memory_format)
            loss = objective(some, wanted.to(work.device)) * share
            torch.autograd.backward(state.scaler.scale(loss))
        return float(loss.item())

    return sum(work.abreast.each(learn, divided(images, targets, work.recipe.grad_accum_steps)))


def finish_epoch(epoch: int, rate: float, state: State, work: Work) -> None:
    """Measure on the validation images, keep the weights if none were better, and log.

    Images that grow are as large here as the epoch saw them: its network has not met larger ones, and its answers to
    them would tell little.  Weights count as the best only where the images were whole.
    """
    first = epoch * work.batches.steps
    skipped = [step for step in state.skipped if step >= first]
    taken = state.step - first - len(skipped)
    loss = state.loss_sum / taken if taken else math.nan
    entry: dict[str, Any] = {"epoch": epoch + 1, "step": state.step, "lr": rate, "train_loss": loss}
    if skipped:
        entry["skipped"] = skipped
    state.loss_sum = 0.0
    if work.validation is not None:
        side = side_at(work.recipe, work.validation.side, epoch)
        seen = ((resized(images, side), truth) for images, truth in work.validation)
        logits, labels = answers(state.evaluated, seen, work)
        if not np.isfinite(logits).all():  # the step's own loss was still finite
            raise diverged("answers without bounds", state.step - 1, work)
        figures = work.task.score(logits, labels)
        if side == work.validation.side:
            state.consider(epoch, figures[work.task.metric])
        else:
            entry["side"] = side
        entry |= figures
    entry["seconds"] = round(state.seconds, 3)
    if note := work.run.log(entry):
        work.watch.note(note)
    work.watch.epoch(entry)


@torch.no_grad()
def answers(model: nn.Module, images: Iterable[tuple[Tensor, Tensor]], work: Work) -> tuple[Logits, Labels]:
    """Logits float32 [N, classes] and labels of a whole data set."""
    model.eval()
    logits, labels = [], []
    for batch, truth in images:
        with work.placement.whole(), work.placement.autocast(work.device):
            batch = batch.to(work.device).to(memory_format=work.placement.memory_format)
            logits.append(model(batch).float().cpu().numpy())
        labels.append(truth.numpy())
    return np.concatenate(logits), np.concatenate(labels)


def where(step: int, work: Work) -> str:
    """What the user needs to find out why: which step, at which rate, on which images."""
    steps = work.batches.steps
    names = ", ".join(shown(name) for name in work.batches.names(*divmod(step, steps))[:3])
    return f"at step {step}, lr {learning_rate(work.recipe, step, steps):.3g}, batch of {names}, ..."


def diverged(what: str, step: int, work: Work) -> DivergedError:
    return DivergedError(
        "diverged", work.run.folder, f"{what} {where(step, work)}",
        "The last checkpoint is kept. Use a smaller --lr, a longer --warmup-epochs or --clip-grad; "
        "where the images are to blame, go on without some steps by --resume and --nan skip:3",
    )  # fmt: skip
