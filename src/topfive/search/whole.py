"""A whole search on images: trials, what they found, the two trainings that follow, and the page; all in one folder."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from topfive import artifact
from topfive.data import Splits
from topfive.errors import StoppedError
from topfive.report.chart import Chart
from topfive.report.comparison import Comparison
from topfive.report.page import chart_file
from topfive.report.wording import amount
from topfive.search import finals
from topfive.search.diagrams import diagrams
from topfive.search.drawing import svg
from topfive.search.ends import Ends
from topfive.search.journal import journal_in
from topfive.search.page import Contents, write_page
from topfive.search.plots import front_chart, history_chart
from topfive.search.protocols import Executor, Watch
from topfive.search.search import search
from topfive.search.second import look_again
from topfive.search.settings import Config, write_config
from topfive.search.smallest import check_limit
from topfive.search.trial import Trial
from topfive.train import loop
from topfive.train.plan import environment

PAGE = "search.html"
USED = 0.95  # share of what is left that both trainings take; the rest is for shipping and for the page
WatchSearch = Callable[[float], AbstractContextManager[Watch]]  # takes the seconds that former lives took


@dataclass(frozen=True)
class Outcome:
    """`again` are the best of the trials as a second look measured them, if there was one.

    `comparison` is of the winner and its rival, None where no training followed the search.
    """

    folder: Path
    trials: Sequence[Trial] = field(repr=False)
    again: Sequence[Trial] = field(repr=False)
    winner: Trial
    comparison: Comparison | None


def whole(
    folder: Path, config: Config, splits: Splits, executor: Executor, watch: WatchSearch, training: loop.Watch
) -> Outcome:
    """Begin the search in `folder` or go on with it; StoppedError where a signal ends it, with all that is done saved.

    LimitsError where no network keeps to the limits; UsageError where the folder holds another search.
    """
    begun = time.monotonic()
    settings, budget = config.settings, config.budget
    plan = settings.plan(splits)
    if settings.max_macs is not None:
        check_limit(plan.space, settings.max_macs)
    with journal_in(folder, plan.head) as journal:
        write_config(folder, config)
        taken = journal.seconds
        with watch(taken) as watching:
            trials = search(plan, executor, journal, Ends(budget.trials, budget.search_seconds), watching)
    looked = time.monotonic()
    again, before = look_again(folder, plan, lambda: settings.closer(splits), trials, executor, training)
    taken += max(0.0, before - (time.monotonic() - looked))  # in its former lives
    winner = finals.winner_of(again or trials, len(splits.classes), settings.max_latency)
    finals.write_winner(folder, plan.space, winner)
    charts = _charts(trials, config)
    drawings = {title: svg(diagram, title) for title, diagram in diagrams(winner.model).items()}
    for name, chart in charts.items():
        artifact.write(folder / f"{name}.svg", chart_file(chart))
    for title, drawing in drawings.items():
        artifact.write(folder / f"{title.replace(' ', '-')}.svg", drawing.encode())
    comparison = _trained(folder, config, splits, winner, time.monotonic() - begun + taken, training)
    contents = Contents(
        title=folder.name,
        data=f"{splits.name}, {len(splits.train):,} training images of {len(splits.classes)} classes",
        space=settings.space,
        strategy=settings.strategy,
        winner=winner,
        trials=trials,
        again=again,
        drawings=drawings,
        charts=list(charts.values()),
        comparison=comparison,
        genotype=str(folder / finals.GENOTYPE),
        settings={**dataclasses.asdict(settings), **dataclasses.asdict(budget)},
        environment={**environment(), "cores": len(os.sched_getaffinity(0))},
    )
    write_page(folder / PAGE, contents)
    return Outcome(folder, trials, again, winner, comparison)


def _charts(trials: Sequence[Trial], config: Config) -> dict[str, Chart]:
    """By the name of their file."""
    cost, target = config.settings.target
    charts = {"history": history_chart(trials), "front": front_chart(trials, cost, target)}
    return {name: chart for name, chart in charts.items() if chart is not None}


def _trained(
    folder: Path, config: Config, splits: Splits, winner: Trial, taken: float, watch: loop.Watch
) -> Comparison | None:
    """In what is left of the time, shared evenly; by trials, in the time that is stated for them."""
    seconds = config.budget.train_time
    if not seconds:
        return None
    if config.budget.time is not None:
        seconds = min(seconds, max(1.0, USED * (config.budget.time - taken) / 2))
    hand_made = finals.rival_of(winner, splits)
    watch.note(f"trial {winner.number} won: {winner.model}")
    watch.note(f"its rival is {hand_made.model}, with {amount(hand_made.macs)} multiply-accumulates")
    models, source = (winner.model, hand_made.model), dataclasses.asdict(config.source)
    try:
        return finals.train_both(folder, models, splits, seconds, source, config.settings.seed, watch)
    except StoppedError as stopped:
        todo = f"Continue with: topfive search --resume {folder}"
        raise StoppedError(stopped.exit_code - 128, folder, stopped.why, todo) from None
