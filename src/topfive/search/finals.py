"""After a search: what it found and a hand-made network of the same cost, trained in full by one recipe."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from topfive.data import Splits
from topfive.data.places import cache_folder
from topfive.errors import LimitsError, shown
from topfive.models import spec
from topfive.recipe import Recipe, recipe_from
from topfive.report.comparison import Comparison, compare
from topfive.report.result import RESULT
from topfive.search.latency import latency_within
from topfive.search.rival import PHOTOGRAPHS, SMALL, Rival, rival
from topfive.search.space import SearchSpace
from topfive.search.trial import Measurement, Trial
from topfive.train import Run, Surroundings, fit
from topfive.train.choice import ENOUGH, MOST, for_training, warmed_up
from topfive.train.found import Found, write_found
from topfive.train.loop import Watch
from topfive.train.pace import epoch_seconds
from topfive.train.recipes import is_small, quick

WINNER, RIVAL, GENOTYPE = "winner", "rival", "genotype.json"
TIMED_AGAIN = 5  # of the best, where a latency is limited


def best_of(trials: Sequence[Trial]) -> list[Trial]:
    """Those that have a reward, each network once, the best first; of equals the earliest."""
    rewarded = [(-trial.reward, trial.number, trial) for trial in trials if trial.reward is not None]
    return [trial for _, _, trial in sorted(rewarded, key=lambda one: one[:2]) if trial.copy_of is None]


def winner_of(trials: Sequence[Trial], num_classes: int, max_latency: float | None) -> Trial:
    """The best; where a latency, in seconds, is limited, the best that keeps to it when nothing else runs beside it.

    LimitsError where none of those timed again does.
    """
    best = best_of(trials)
    if max_latency is None:
        return best[0]
    fastest: tuple[float, Trial] | None = None
    for trial in sorted(best, key=lambda one: _latency(one) > 1e3 * max_latency)[:TIMED_AGAIN]:
        latency = latency_within(trial.model, num_classes, max_latency)
        assert isinstance(trial.outcome, Measurement)
        timed = dataclasses.replace(trial, outcome=dataclasses.replace(trial.outcome, latency=1e3 * latency))
        if latency <= max_latency:
            return timed
        if fastest is None or latency < fastest[0]:
            fastest = latency, timed
    assert fastest is not None
    why = f"no network found answers within {1e3 * max_latency:g} ms: the nearest takes {1e3 * fastest[0]:.3g} ms"
    raise LimitsError("search", None, why, f"Use --max-latency {1.1e3 * fastest[0]:.2g}ms, or search longer")


def write_winner(folder: Path, space: SearchSpace, winner: Trial) -> None:
    """The file that `topfive train --model` reads."""
    assert isinstance(winner.outcome, Measurement)
    measured = {name: value for name, value in dataclasses.asdict(winner.outcome).items() if value is not None}
    found = Found(
        model=winner.model,
        space=space.name,
        choices=winner.choices,
        answers=space.read(winner.choices),
        measured={**measured, "trial": winner.number, "reward": winner.reward},
    )
    write_found(folder / GENOTYPE, found)


def rival_of(winner: Trial, splits: Splits) -> Rival:
    """ResNet in its form for CIFAR where images are small, else MobileNetV2, at the cost of the winner."""
    assert isinstance(winner.outcome, Measurement)
    side = spec(winner.model).facts.input_size
    return rival(base_for(splits), winner.outcome.macs, side, len(splits.classes))


def base_for(splits: Splits) -> str:
    return SMALL if is_small(splits) else PHOTOGRAPHS


def train_both(
    folder: Path,
    models: tuple[str, str],
    splits: Splits,
    seconds: float,
    source: dict[str, Any],
    seed: int,
    watch: Watch,
) -> Comparison:
    """Both runs, each in at most so many seconds, and how they compare; what is finished already stays.

    Runs of what was the best before the search went on are kept under other names.
    """
    set_aside(folder, models, watch)
    epochs = min(epochs_within(model, splits, seconds, seed) for model in models)
    watch.note(f"the winner and its rival learn {epochs} {'epoch' if epochs == 1 else 'epochs'} each, by one recipe")
    for name, model in zip((WINNER, RIVAL), models, strict=True):
        if (folder / name / RESULT).is_file():
            continue
        begun = time.monotonic()
        with Run(folder / name) as run:
            config = run.config
            recipe = recipe_from(config["recipe"]) if config else recipe_of(model, splits, epochs, seconds, seed)
            around = Surroundings(
                begun=begun, source=source, watch=watch, placement_cache=cache_folder() / "placement.json"
            )
            fit(recipe, splits, run, "cpu", around)
    return compare([folder / WINNER, folder / RIVAL])


def set_aside(folder: Path, models: tuple[str, str], watch: Watch) -> None:
    """Other names for both runs, where one of them is of another network than it should be."""
    trained = {name: _model_of(folder / name) for name in (WINNER, RIVAL)}
    if all(was in (None, model) for was, model in zip(trained.values(), models, strict=True)):
        return
    for name, was in trained.items():
        if was is not None:
            numbered = (folder / f"{name}-{number}" for number in itertools.count(1))
            other = next(path for path in numbered if not path.exists())
            (folder / name).rename(other)
            watch.note(f"{was}, trained before the search went on, stays in {shown(other)}")


def recipe_of(model: str, splits: Splits, epochs: int, seconds: float | None, seed: int) -> Recipe:
    """Of both: what suits the images, not the network."""
    base, side = quick(spec(base_for(splits)), splits), spec(model).facts.input_size
    settings = {"model": model, "epochs": epochs, "time": seconds, "seed": seed, "img_size": side}
    return recipe_from({**dataclasses.asdict(base), **warmed_up(base, settings), "start_size": base.start_size})


def epochs_within(model: str, splits: Splits, seconds: float, seed: int) -> int:
    """As many as there is time for on this machine, and no more than help."""
    taken = epoch_seconds(recipe_of(model, splits, ENOUGH, None, seed), splits, seconds)
    return min(MOST, max(1, int(for_training(seconds) / taken)))


def _latency(trial: Trial) -> float:
    assert isinstance(trial.outcome, Measurement)
    return trial.outcome.latency or 0.0


def _model_of(folder: Path) -> str | None:
    """The network of the run that was begun there."""
    if not folder.is_dir():
        return None
    with Run(folder) as run:
        return None if run.config is None else str(run.config["recipe"]["model"])
