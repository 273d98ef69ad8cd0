"""`fit`: from a recipe and a data set to a finished run folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from topfive.data import Splits, write_split
from topfive.errors import DataError, RefusedError
from topfive.models import spec
from topfive.nn.classifier import Classifier
from topfive.preprocess import Preprocess
from topfive.train.average import Average
from topfive.train.batches import Batches, EvaluationBatches, training_batches
from topfive.train.checkpoint import Checkpoint
from topfive.train.finish import Report, finish
from topfive.train.loop import Watch, Work, train
from topfive.train.loss import Loss, make_loss
from topfive.train.norms import keep_pace
from topfive.train.optimizer import make_optimizer
from topfive.train.placement import Placement, available_cores, choose_placement
from topfive.train.plan import build, check_same, configuration, continued, preprocess_for, rehearse
from topfive.train.randomness import seed_of
from topfive.train.recipe import Recipe
from topfive.train.run import Run, stopping
from topfive.train.state import State
from topfive.weights import load_weights, resolve

SPLIT = "split.csv"


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
    again.
    """

    threads: int | None = None
    channels_last: bool | None = None
    workers: int | None = None
    checkpoint_seconds: float = 60.0
    placement_cache: Path | None = None
    accept_data_change: bool = False
    exact: bool = False
    source: dict[str, Any] = field(default_factory=dict)
    watch: Watch = field(default_factory=Silent)


def fit(
    recipe: Recipe, splits: Splits, run: Run, device: str = "cpu", surroundings: Surroundings | None = None
) -> Report:
    """Train, measure and ship; a run that was stopped goes on where its newest checkpoint stands.

    Raises StoppedError after a signal, DivergedError, and what the floors below raise.
    """
    around = surroundings or Surroundings()
    workers = around.workers or available_cores()
    if len(splits.train) < 2:
        todo = "Give it at least two a class"
        raise DataError("training set", splits.name, f"it has {len(splits.train)} images", todo)
    config, checkpoint = _begun(recipe, splits, run, around)

    torch.manual_seed(seed_of(recipe.seed, "weights"))
    if checkpoint is None:
        model, preprocess = starting_point(recipe, splits, around.watch)
    else:
        model = build(recipe, splits)  # whose weights are in the checkpoint
    if config is not None:
        preprocess = Preprocess(**config["preprocess"])
    rehearse(recipe, splits, preprocess)
    loss = make_loss(recipe)
    batches = training_batches(splits.train, recipe, preprocess, workers, around.watch.loading)
    if config is not None:
        placement = Placement(**config["placement"])
    else:
        placement = _placement(model, batches, loss, recipe, device, around)
        run.write_config(configuration(recipe, splits, preprocess, placement, around.source))
        write_split(run.folder / SPLIT, splits)

    placement.apply(model.to(device))
    keep_pace(model, recipe.epochs * batches.steps)
    state = _state(model, recipe, device)
    if checkpoint is not None:
        state.restore(checkpoint)
    run.rewind_log(state.step)
    validation = EvaluationBatches(splits.val, preprocess, recipe.batch_size, workers) if len(splits.val) else None
    work = Work(
        recipe, batches, validation, loss, placement, torch.device(device), run, around.watch, around.checkpoint_seconds
    )
    with stopping() as stop:
        train(state, work, stop)
    return finish(state, work, splits, preprocess)


def _begun(
    recipe: Recipe, splits: Splits, run: Run, around: Surroundings
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
    differs = check_same(config, recipe, splits, accept_data_change=around.accept_data_change, exact=around.exact)
    for name in ("threads", "channels_last"):
        asked, kept = getattr(around, name), config["placement"][name]
        if asked not in (None, kept):
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
    # A file that does not say how its images were prepared had them prepared as its network's row says.
    return model, preprocess_for(recipe, splits, loaded.preprocess or spec(recipe.model).preprocess)


def _placement(
    model: Classifier, batches: Batches, loss: Loss, recipe: Recipe, device: str, around: Surroundings
) -> Placement:
    if torch.device(device).type != "cpu":
        return Placement(around.threads or available_cores(), bool(around.channels_last))
    if around.threads is None or around.channels_last is None:
        around.watch.note("measuring which threads and memory format are fastest")
    images, labels = batches.at(0, 0)
    return choose_placement(
        model,
        images,
        labels,
        loss,
        name=recipe.model,
        threads=around.threads,
        channels_last=around.channels_last,
        cache=around.placement_cache,
    )


def _state(model: Classifier, recipe: Recipe, device: str) -> State:
    half_on_cuda = recipe.amp and torch.device(device).type == "cuda"
    return State(
        model=model,
        optimizer=make_optimizer(model, recipe),
        average=Average(model, recipe.model_ema) if recipe.model_ema else None,
        scaler=torch.amp.GradScaler(torch.device(device).type, enabled=half_on_cuda),
    )
