"""`fit`: from a recipe and a data set to a finished run folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from topfive.data import Splits
from topfive.errors import DataError
from topfive.nn.classifier import Classifier
from topfive.preprocess import Preprocess
from topfive.train.average import Average
from topfive.train.batches import Batches, EvaluationBatches, training_batches
from topfive.train.finish import Report, finish
from topfive.train.loop import Watch, Work, train
from topfive.train.loss import Loss, make_loss
from topfive.train.optimizer import make_optimizer
from topfive.train.placement import Placement, available_cores, choose_placement
from topfive.train.plan import at_scale, build, check_same, configuration, preprocess_for
from topfive.train.randomness import seed_of
from topfive.train.recipe import Recipe
from topfive.train.run import Run, stopping
from topfive.train.state import State


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
        raise DataError(
            "training set", splits.name, f"it has {len(splits.train)} images", "Give it at least two a class"
        )
    config = run.config
    if config is not None:
        differs = check_same(config, recipe, splits, accept_data_change=around.accept_data_change, exact=around.exact)
        for text in differs:
            around.watch.note(text)

    torch.manual_seed(seed_of(recipe.seed, "weights"))
    model, preprocess = starting_point(recipe, splits, around.watch)
    loss = make_loss(recipe)
    batches = training_batches(
        at_scale(splits.train, preprocess, recipe), recipe, preprocess, workers, around.watch.loading
    )
    if config is not None:
        placement = Placement(**config["placement"])
    else:
        placement = _placement(model, batches, loss, recipe, device, around)
        run.write_config(configuration(recipe, splits, preprocess, placement, around.source))
    placement.apply(model.to(device))
    state = _state(model, recipe, device)
    checkpoint = run.newest()
    for text in run.notes:
        around.watch.note(text)
    if checkpoint is not None:
        state.restore(checkpoint)
    run.rewind_log(state.step)

    validation = None
    if len(splits.val):
        part = at_scale(splits.val, preprocess, recipe)
        validation = EvaluationBatches(part, preprocess, recipe.batch_size, workers)
    work = Work(
        recipe, batches, validation, loss, placement, torch.device(device), run, around.watch, around.checkpoint_seconds
    )
    with stopping() as stop:
        train(state, work, stop)
    return finish(state, work, splits, preprocess)


def starting_point(recipe: Recipe, splits: Splits, watch: Watch) -> tuple[Classifier, Preprocess]:
    """The network at step 0 and how it is fed: fresh, or with the recipe's weights and their preprocessing."""
    model = build(recipe, splits)
    if recipe.weights is None:
        return model, preprocess_for(recipe, splits)
    from topfive.weights import load_weights, resolve

    loaded = load_weights(model, resolve(recipe.weights))
    watch.note(loaded.summary())
    return model, preprocess_for(recipe, splits, loaded.preprocess)


def _placement(
    model: Classifier, batches: Batches, loss: Loss, recipe: Recipe, device: str, around: Surroundings
) -> Placement:
    if torch.device(device).type != "cpu":
        return Placement(around.threads or available_cores(), bool(around.channels_last))
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
