"""`topfive search --evaluator table:FILE`: a strategy on a table, without images and in no time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from topfive.cli.search_progress import BEST, Standing, trials_table
from topfive.errors import DataError, UsageError, need
from topfive.search.space import SearchSpace
from topfive.search.trial import Failure, Trial

TRIALS = 100  # where no number is stated
KIND = "table:"
SAMPLE = 20  # architectures a level, by which a table is recognised


def replay(
    evaluator: str,
    space: str | None,
    strategy: str | None,
    objective: str | None,
    max_macs: int | None,
    trials: int | None,
    seed: int,
    round: int | None,
    as_json: bool,
) -> None:
    """Search with the answers of the table `evaluator`; the same lines for the same seed."""
    need("torch", "train")
    from topfive.search.choice import ROUND, STRATEGY
    from topfive.search.ends import Ends
    from topfive.search.executors import in_process
    from topfive.search.journal import MemoryJournal
    from topfive.search.objective import objective_named
    from topfive.search.plan import Plan
    from topfive.search.search import search
    from topfive.search.strategies import strategy_named
    from topfive.search.table import read_rows, table_from

    if not evaluator.startswith(KIND) or evaluator == KIND:
        raise UsageError("--evaluator", evaluator, "it is no table:FILE", "Use e.g. table:benchmarks/tables/NAME.csv")
    rows = read_rows(Path(evaluator.removeprefix(KIND)))
    plan = Plan(
        space=_space({row.model for row in rows}, space),
        strategy=strategy_named(strategy or STRATEGY, seed),
        evaluate=table_from(rows),
        objective=objective_named(objective or "accuracy", "macs", None if max_macs is None else float(max_macs)),
        seed=seed,
        round=round or ROUND,
    )
    history = search(plan, in_process, MemoryJournal(), Ends(trials=trials or TRIALS))
    if as_json:
        for trial in history:
            if trial.copy_of is None:
                print(json.dumps(as_line(trial)))
        return
    standing = Standing()
    for trial in history:
        standing.add(trial)
    console = Console(highlight=False)
    console.print(trials_table(standing.best[:BEST]))
    console.print(standing.counted())


def _space(models: set[str], name: str | None) -> SearchSpace:
    """The space whose networks stand in a table: the one that is named, else the one with most of a sample in it."""
    from topfive.models import spec
    from topfive.search.spaces import SPACES, space_named

    if not models:
        raise DataError("table", None, "it has no rows yet", "Fill it: topfive search tabulate")
    facts = spec(min(models)).facts
    found: list[tuple[int, SearchSpace]] = []
    for candidate in [name] if name else list(SPACES):
        space = space_named(candidate, facts.input_size, facts.in_channels)
        rng = np.random.default_rng(0)
        sampled = [space.sample(rng, level) for level in range(len(space.levels)) for _ in range(SAMPLE)]
        found.append((sum(space.model(choices) in models for choices in sampled), space))
    hits, space = max(found, key=lambda one: one[0])
    if not hits:
        why = f"its networks, such as {min(models)}, are none of {name or 'any space that has a name'}"
        raise DataError("table", None, why, "Name the space that it was made of with --space")
    return space


def as_line(trial: Trial) -> dict[str, Any]:
    """A trial without what a clock says of it."""
    line: dict[str, Any] = {
        "trial": trial.number,
        "round": trial.round,
        "cell": trial.key,
        "model": trial.model,
        "choices": list(trial.choices),
    }
    if trial.copy_of is not None:
        line["copy_of"] = trial.copy_of
    if isinstance(trial.outcome, Failure):
        return {**line, "failure": trial.outcome.reason}
    measured = trial.outcome
    line |= {"reward": trial.reward, "accuracy": measured.accuracy, "params": measured.params, "macs": measured.macs}
    return line if measured.latency is None else {**line, "latency": measured.latency}
