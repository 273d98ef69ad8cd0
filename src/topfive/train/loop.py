"""The training loop.  Step is the clock; the rate, the order and every random draw are functions of it."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from topfive.errors import DivergedError, ResourceError, shown
from topfive.evaluate.metrics import negative_log_likelihood, rank
from topfive.predictor import softmax
from topfive.train.batches import Batches, EvaluationBatches
from topfive.train.loss import Loss
from topfive.train.placement import Placement
from topfive.train.randomness import seed_of
from topfive.train.recipe import Recipe
from topfive.train.run import Run, Stop
from topfive.train.schedule import learning_rate
from topfive.train.state import State


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
    loss: Loss
    placement: Placement
    device: torch.device
    run: Run
    watch: Watch
    checkpoint_seconds: float

    @property
    def total(self) -> int:
        return self.recipe.epochs * self.batches.steps


def train(state: State, work: Work, stop: Stop) -> None:
    """Take the steps that are left; a checkpoint is written at step boundaries only, by time and when asked to stop."""
    recipe, steps = work.recipe, work.batches.steps
    saved = resumed = time.monotonic()
    before = state.seconds
    work.watch.started(state.step, work.total)
    while state.step < work.total:
        epoch, index = divmod(state.step, steps)
        images, labels = (tensor.to(work.device) for tensor in work.batches.at(epoch, index))
        torch.manual_seed(seed_of(recipe.seed, "step", state.step))  # dropout and its like
        rate = learning_rate(recipe, state.step, steps)
        for group in state.optimizer.param_groups:
            group["lr"] = rate

        state.model.train()
        state.model.progress(state.step / work.total)  # drop-path that grows
        with precision(work):
            loss = work.loss(state.model(images.to(memory_format=work.placement.memory_format)), labels)
        value = loss.item()
        if not math.isfinite(value):
            raise diverged(f"loss {value}", state.step, work)
        torch.autograd.backward(state.scaler.scale(loss))
        if recipe.clip_grad:
            state.scaler.unscale_(state.optimizer)
            nn.utils.clip_grad_norm_(state.model.parameters(), recipe.clip_grad)
        state.scaler.step(state.optimizer)
        state.scaler.update()
        state.optimizer.zero_grad(set_to_none=True)
        if state.average is not None:
            state.average.update(state.model, state.step)

        state.step += 1
        state.loss_sum += value
        state.seconds = before + time.monotonic() - resumed
        work.watch.stepped(state.step, value)
        if state.step % steps == 0:
            finish_epoch(epoch, rate, state, work)
        due = time.monotonic() - saved >= work.checkpoint_seconds
        if due or stop.signal_number or state.step == work.total:
            checkpoint = state.checkpoint()
            if not checkpoint.finite():
                raise diverged("weights without bounds", state.step - 1, work)
            work.run.save(checkpoint)
            saved = time.monotonic()
        if stop.signal_number:
            raise stop.error(work.run.folder, state.step)


def finish_epoch(epoch: int, rate: float, state: State, work: Work) -> None:
    """Measure on the validation images, keep the weights if none were better, and log."""
    entry = {"epoch": epoch + 1, "step": state.step, "lr": rate, "train_loss": state.loss_sum / work.batches.steps}
    state.loss_sum = 0.0
    if work.validation is not None:
        logits, labels = answers(state.evaluated, work.validation, work)
        if not np.isfinite(logits).all():  # the step's own loss was still finite
            raise diverged("answers without bounds", state.step - 1, work)
        top1 = float((rank(logits, labels) == 0).mean())
        entry |= {"val_top1": top1, "val_nll": negative_log_likelihood(softmax(logits), labels)}
        state.consider(epoch, top1)
    entry["seconds"] = round(state.seconds, 3)
    work.run.log(entry)
    work.watch.epoch(entry)


@torch.no_grad()
def answers(model: nn.Module, images: EvaluationBatches, work: Work) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits float32 [N, classes] and labels int64 [N] of a whole data set."""
    model.eval()
    logits, labels = [], []
    for batch, truth in images:
        with precision(work):
            batch = batch.to(work.device).to(memory_format=work.placement.memory_format)
            logits.append(model(batch).float().cpu().numpy())
        labels.append(truth.numpy())
    return np.concatenate(logits), np.concatenate(labels)


@contextlib.contextmanager
def precision(work: Work) -> Iterator[None]:
    """float32, or with `amp` half precision where it is safe; running out of memory is said in one line."""
    half = torch.bfloat16 if work.device.type == "cpu" else torch.float16
    try:
        with torch.autocast(work.device.type, half, enabled=work.recipe.amp):
            yield
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error):
            why = f"a batch of {work.recipe.batch_size} does not fit"
            raise ResourceError(
                "out of memory", work.run.folder, why, "Use a smaller --batch-size and --resume"
            ) from None
        raise


def diverged(what: str, step: int, work: Work) -> DivergedError:
    """What the user needs to find out why: where, at which rate, on which images."""
    steps = work.batches.steps
    rate = learning_rate(work.recipe, step, steps)
    names = ", ".join(shown(name) for name in work.batches.names(*divmod(step, steps))[:3])
    return DivergedError(
        "diverged", work.run.folder, f"{what} at step {step}, lr {rate:.3g}, batch of {names}, ...",
        "The last checkpoint is kept. Use a smaller --lr, a longer --warmup-epochs or --clip-grad",
    )  # fmt: skip
