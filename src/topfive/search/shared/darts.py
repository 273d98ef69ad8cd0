"""DARTS, first order: Liu et al. 2018, arXiv:1806.09055, algorithm 1 with xi = 0.

The weights descend on one half of the training images and the architecture on the other, in turns, a batch each.
"""

from __future__ import annotations

import dataclasses
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch.optim import Adam

from topfive.data import Splits
from topfive.data.part import within_training
from topfive.errors import DivergedError, StoppedError, UsageError
from topfive.nn.found import Found, read
from topfive.recipe import Recipe
from topfive.search.head import check
from topfive.search.shared.descent import Descent
from topfive.search.shared.supernet import Supernet
from topfive.search.space import Choices, SearchSpace
from topfive.train.batches import MemoryBatches
from topfive.train.fit import Silent as Unwatched
from topfive.train.optimizer import make_optimizer, set_rates
from topfive.train.plan import preprocess_for
from topfive.train.randomness import seed_of
from topfive.train.run import Run, Stop, stopping
from topfive.train.schedule import learning_rate, momentum
from topfive.train.task import task_for

# Both recalled from appendix A.1.1, but for the length: 50 epochs of 25,000 images there, with a tenth of this rate for
# the architecture, which in a run so much shorter would stay where it begins.
RECIPE = Recipe(model="", epochs=10, batch_size=64, lr=0.025, momentum=0.9, weight_decay=3e-4, clip_grad=5.0)
ARCHITECTURE_RATE, ARCHITECTURE_DECAY, ARCHITECTURE_BETAS = 3e-3, 1e-3, (0.5, 0.999)
CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True)
class Epoch:
    """How it stands: the losses of weights and architecture on their halves, and the cell that would be left."""

    number: int
    loss: float
    architecture_loss: float
    model: str


@dataclass(frozen=True)
class Proposal:
    """What is left in the end; `weights` [edges, operations + 1] as `Supernet` has them."""

    model: str
    choices: Choices
    weights: tuple[tuple[float, ...], ...]


class Watch(Protocol):
    """Who wants to see it as it goes."""

    def note(self, text: str) -> None: ...
    def started(self, step: int, total: int) -> None: ...
    def stepped(self, step: int, loss: float) -> None: ...
    def epoch_done(self, epoch: Epoch) -> None: ...


class Silent(Unwatched):
    """Nobody watches."""

    def epoch_done(self, epoch: Epoch) -> None: ...


def darts(
    space: SearchSpace, splits: Splits, recipe: Recipe = RECIPE, watch: Watch | None = None, folder: Path | None = None
) -> Proposal:
    """Search a space of PNASNet's cells for small images on the training images of `splits` alone.

    Where there is a `folder` it keeps checkpoints, by time and at each end of an epoch, and a search that was stopped
    or killed goes on from the newest, to the same bits.  UsageError where that was begun otherwise, StoppedError where
    a signal asked for it.
    """
    watch = watch or Silent()
    name = space.model((0,) * space.levels[-1])
    if not name.startswith("pnas:"):
        raise UsageError("space", space.name, "shared weights are for spaces of one cell", "Use --space pnas-small")
    if folder is None:
        return _descended(space, splits, recipe, watch, None, Stop())
    with Run(folder) as run, stopping() as stop:
        return _descended(space, splits, recipe, watch, run, stop)


def _descended(
    space: SearchSpace, splits: Splits, recipe: Recipe, watch: Watch, run: Run | None, stop: Stop
) -> Proposal:
    plain, operations = read(space.model((0,) * space.levels[-1])), tuple(space.settings["operations"])
    recipe = dataclasses.replace(recipe, model=plain.name, img_size=plain.size.side)
    asked = {"space": space.name, "recipe": dataclasses.asdict(recipe), "fingerprint": splits.fingerprint}
    halves = within_training(splits, None, len(splits.train) // 2)
    preprocess = preprocess_for(recipe, halves)
    batches = MemoryBatches(halves.train, recipe, preprocess)
    others = MemoryBatches(halves.val, dataclasses.replace(recipe, seed=recipe.seed + 1), preprocess)
    loss = task_for(splits).loss(recipe, halves.train)

    torch.manual_seed(seed_of(recipe.seed, "weights"))
    network = Supernet(operations, len(space.levels), plain.size, len(splits.classes)).train()
    descent = Descent(
        network,
        make_optimizer(network, recipe),
        Adam([network.architecture], ARCHITECTURE_RATE, ARCHITECTURE_BETAS, weight_decay=ARCHITECTURE_DECAY),
    )
    if run is not None:
        _go_on(descent, run, asked, watch)

    steps, saved = batches.steps, time.monotonic()
    watch.started(descent.step, recipe.epochs * steps)
    while descent.step < recipe.epochs * steps:
        step = descent.step
        epoch, index = divmod(step, steps)
        images, targets = others.at(*divmod(step, others.steps))
        finite = descent.descend(descent.architecture, loss(network(images), targets))
        set_rates(descent.weights, learning_rate(recipe, step, steps), momentum(recipe, step, steps))
        images, targets = batches.at(epoch, index)
        value = loss(network(images), targets)
        if not (finite and descent.descend(descent.weights, value, recipe.clip_grad)):
            raise DivergedError("diverged", space.name, f"its loss is no number at step {step}", "Use a smaller --lr")
        descent.step += 1
        watch.stepped(descent.step, value.item())
        ended = descent.step % steps == 0
        if ended:
            found = Found("pnas", plain.size, (network.derived(),))
            watch.epoch_done(Epoch(epoch + 1, descent.losses[0] / steps, descent.losses[1] / steps, found.name))
            descent.losses = [0.0, 0.0]
        if run is not None and (ended or stop.signal_number or time.monotonic() - saved >= CHECKPOINT_SECONDS):
            run.save(descent.checkpoint(asked))
            saved = time.monotonic()
        if run is not None and stop.signal_number:
            raise stopped(stop.signal_number, run.folder, descent.step)
    found = Found("pnas", plain.size, (network.derived(),))
    return Proposal(found.name, choices_of(found, operations), tuple(map(tuple, network.weights.tolist())))


def _go_on(descent: Descent, run: Run, asked: dict[str, Any], watch: Watch) -> None:
    """Take up the newest checkpoint, where there is one."""
    newest = run.newest()
    for note in run.notes:
        watch.note(note)
    if newest is not None:
        check(newest.state.get("asked", {}), asked, run.folder)
        descent.restore(newest)


def stopped(number: int, folder: Path, step: int) -> StoppedError:
    why = f"{signal.Signals(number).name} at step {step}, all saved"
    return StoppedError(number, folder, why, "Continue with the same command and --resume")


def choices_of(found: Found, operations: tuple[str, ...]) -> Choices:
    """The place of a found cell in its space."""
    edges = (edge for node in found.nodes[0] for edge in node.edges)
    return tuple(number for edge in edges for number in (edge.source, operations.index(edge.operation)))
