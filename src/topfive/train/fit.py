"""`fit`: from a recipe and a data set to a finished run folder."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from topfive.data import Splits, write_split
from topfive.errors import DataError, RefusedError, ResourceError
from topfive.evaluate.limits import ANY, Limits, stated
from topfive.export.source import trained
from topfive.models import spec
from topfive.nn.classifier import Classifier
from topfive.nn.sync_norm import synchronise
from topfive.preprocess import Preprocess
from topfive.recipe import Recipe
from topfive.train.abreast import Abreast
from topfive.train.batches import Batches, training_batches
from topfive.train.checkpoint import Checkpoint
from topfive.train.finish import Report, finish, labels_of
from topfive.train.loading import EvaluationBatches
from topfive.train.loop import Watch, Work, train
from topfive.train.norms import keep_pace
from topfive.train.objective import Objective, Teacher
from topfive.train.placement import Placement, available_cores, choose_placement
from topfive.train.plan import build, check_same, configuration, continued, preprocess_for, rehearse
from topfive.train.processes import ALONE, Team, complete
from topfive.train.randomness import seed_of
from topfive.train.run import Run, stopping
from topfive.train.sampler import batch_of
from topfive.train.state import at_step_0
from topfive.train.task import task_for
from topfive.weights import load_weights, resolve

SPLIT = "split.csv"
FULL = ("allocate memory", "not enough memory", "bad_alloc", "new thread")  # words of torch where memory is full


class Silent:
    """Nobody watches."""

    def note(self, text: str) -> None: ...
    def loading(self, done: int, total: int) -> None: ...
    def started(self, step: int, total: int) -> None: ...
    def stepped(self, step: int, loss: float) -> None: ...
    def epoch(self, entry: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Surroundings:
    """What decides how a run is carried out, but not, beyond rounding, what comes out.

    None means measured or chosen at the start.  `source` is how the data were asked for, kept so that --resume can ask
    again.  A shipped file that breaks the `limits` is quantised, where int8 keeps to them.  As many steps as `skips`
    may be left out where their loss is no number: else the run ends there.
    """

    threads: int | None = None
    channels_last: bool | None = None
    compiled: bool = False
    workers: int | None = None
    checkpoint_seconds: float = 60.0
    begun: float = field(default_factory=time.monotonic)  # from when on the recipe's time counts
    placement_cache: Path | None = None
    accept_data_change: bool = False
    exact: bool = False
    skips: int = 0
    source: dict[str, Any] = field(default_factory=dict)
    limits: Limits = ANY
    watch: Watch = field(default_factory=Silent)
    team: Team = ALONE


def fit(
    recipe: Recipe, splits: Splits, run: Run, device: str = "cpu", surroundings: Surroundings | None = None
) -> Report:
    """Train, measure and ship; a run that was stopped goes on where its newest checkpoint stands.

    Raises StoppedError after a signal, DivergedError, and what the floors below raise.
    """
    with memory(recipe, run):
        return _fit(recipe, splits, run, device, surroundings or Surroundings())


@contextlib.contextmanager
def memory(recipe: Recipe, run: Run) -> Iterator[None]:
    """While this lasts, running out of memory is said in one line."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        full = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(word in str(error) for word in FULL)
        if not full:
            raise
        why = f"a batch of {recipe.batch_size} does not fit"
        todo = "Free some and continue with --resume, or begin anew with a smaller --batch-size or --grad-accum-steps 2"
        raise ResourceError("out of memory", run.folder, why, todo) from None


def _fit(recipe: Recipe, splits: Splits, run: Run, device: str, around: Surroundings) -> Report:
    team = around.team
    workers = around.workers or team.threads or available_cores()
    if len(splits.train) < 2:
        todo = "Give it at least two a class"
        raise DataError("training set", splits.name, f"it has {len(splits.train)} images", todo)
    task = task_for(splits)
    task.check(recipe, splits)
    team.check_batch(batch_of(len(splits.train), recipe))
    config, checkpoint = _begun(recipe, splits, run, device, around)
    team.wait()  # all must find what was there before the first of them writes

    torch.manual_seed(seed_of(recipe.seed, "weights"))
    if checkpoint is None:
        model, preprocess = starting_point(recipe, splits, around.watch)
    else:
        model = build(recipe, splits)  # whose weights are in the checkpoint
    if config is not None:
        preprocess = Preprocess(**config["preprocess"])
    rehearse(recipe, splits, preprocess)
    batches = training_batches(splits.train, recipe, preprocess, workers, around.watch.loading, team)
    teacher = taught_by(recipe, splits, preprocess)
    objective = Objective(model, task.loss(recipe, splits.train), recipe, teacher).to(device)
    if config is not None:
        placement = Placement(**config["placement"])
    else:
        placement = team.told(lambda: _placement(objective, batches, recipe, device, around))
        decided = configuration(recipe, splits, preprocess, placement, around.source, team.size, device)
        run.write_config(decided | ({"limits": stated(around.limits)} if around.limits else {}))
        if team.leads:
            write_split(run.folder / SPLIT, splits)

    placement.apply(objective)
    keep_pace(model, recipe.epochs * batches.steps)
    if team.size > 1:
        synchronise(model)
    state = at_step_0(model, recipe, placement, device)
    if checkpoint is not None:
        state.restore(checkpoint)
    run.rewind_log(state.step)
    validation = EvaluationBatches(splits.val, preprocess, recipe.batch_size, workers) if len(splits.val) else None
    together = team.wrapped(objective, changing=recipe.freeze_epochs > 0)
    work = Work(
        recipe,
        batches,
        validation,
        task,
        Abreast(torch.compile(together) if placement.compiled else together, placement.abreast, placement.threads),  # type: ignore[arg-type]
        placement,
        torch.device(device),
        run,
        around.watch,
        around.checkpoint_seconds,
        around.begun,
        around.skips,
        team,
    )
    with stopping() as stop, complete(team, run.folder):
        train(state, work, stop)
    return team.told(lambda: finish(state, work, splits, preprocess, around.limits))


def _begun(
    recipe: Recipe, splits: Splits, run: Run, device: str, around: Surroundings
) -> tuple[dict[str, Any] | None, Checkpoint | None]:
    """What a run that goes on decided at its start and where it stands; (None, None) for a new one."""
    config, checkpoint = run.config, run.newest()
    for text in run.notes:
        around.watch.note(text)
    if config is None:
        if checkpoint is not None:
            why = "it holds checkpoints, but no config.yaml that says of what"
            raise RefusedError("run folder", run.folder, why, "Use another --out")
        return None, None
    differs = check_same(
        config,
        recipe,
        splits,
        accept_data_change=around.accept_data_change,
        exact=around.exact,
        processes=around.team.size,
        device=device,
    )
    for name in ("threads", "channels_last", "compiled"):
        asked, kept = getattr(around, name), config["placement"].get(name)
        if asked not in (None, False, kept):
            around.watch.note(f"{name} stays {kept}, as the run began: {asked} would change its result")
    for text in differs:
        around.watch.note(text)
    if differs:
        run.write_config(continued(config, splits, differs, checkpoint.step if checkpoint is not None else 0))
    return config, checkpoint


def starting_point(recipe: Recipe, splits: Splits, watch: Watch) -> tuple[Classifier, Preprocess]:
    """The network at step 0 and how it is fed: fresh, or with the recipe's weights and their preprocessing."""
    model = build(recipe, splits)
    if recipe.weights is None:
        return model, preprocess_for(recipe, splits)
    loaded = load_weights(model, resolve(recipe.weights, recipe.model))
    watch.note(loaded.summary())
    for name, parameter in model.named_parameters():
        if name in loaded.fresh and name.startswith("head."):
            nn.init.zeros_(parameter)  # a head that knows nothing says nothing, and shakes nothing of what is loaded
    # A file that does not say how its images were prepared had them prepared as its network's row says.
    return model, preprocess_for(recipe, splits, loaded.preprocess or spec(recipe.model).preprocess)


def taught_by(recipe: Recipe, splits: Splits, preprocess: Preprocess) -> Teacher | None:
    """The finished network whose answers are learnt too.  RefusedError where it answers otherwise than ours will."""
    if recipe.teacher is None:
        return None
    model, told = trained(recipe.teacher)
    if told.labels.names != labels_of(splits).names:
        why = f"it knows {len(told.labels)} classes, the images have {len(splits.classes)}, or others, or another order"
        raise RefusedError("teacher", recipe.teacher, why, "Give one that was trained on the same classes")
    if told.activation != "softmax":
        why = "its classes do not exclude each other, those of the images do"
        raise RefusedError("teacher", recipe.teacher, why, "Give one that was trained on images of one class")
    return Teacher(model, told.preprocess, preprocess)


def _placement(objective: Objective, batches: Batches, recipe: Recipe, device: str, around: Surroundings) -> Placement:
    if around.threads is None or around.channels_last is None or recipe.amp:
        around.watch.note("measuring which threads and memory format are fastest")
    images, targets = (tensor.to(device) for tensor in batches.at(0, 0))
    placement = choose_placement(
        objective,
        images,
        targets,
        name=recipe.model,
        threads=around.threads or around.team.threads,
        channels_last=around.channels_last,
        half=recipe.amp,
        compiled=around.compiled,
        parts=1 if around.team.size > 1 else recipe.grad_accum_steps,
        cache=around.placement_cache,
    )
    if recipe.amp:
        around.watch.note(f"arithmetic in {placement.precision}, which is fastest here")
    return placement
