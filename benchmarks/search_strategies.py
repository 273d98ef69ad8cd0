"""How many networks each strategy of search has to evaluate, on a table of all cells of a small space.

    python benchmarks/search_strategies.py TABLE.csv [--seeds 100] [--strategy pnas] [--page]

The table is one of `topfive search tabulate`, whole.  Each run is a search of its own, by the loop of `topfive search`,
that ends when the mean of the best five networks found is within 0.1 point of the best five of the table, or when the
strategy comes to an end; what is counted is distinct networks, of every size.  Beside that, the rank correlation of
PNAS's surrogates is measured as the paper does it: fitted to random cells of one level, asked about all of the next.

Appends one JSON line a finished run to benchmarks/search_strategies.jsonl and skips what is there.  Two processes may
share the strategies between them.  --page writes docs/search.md, its drawing and docs/search/strategies.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import search_strategies_page
from measure import append, finished

from topfive.models import spec
from topfive.search.ends import Ends
from topfive.search.executors import in_process
from topfive.search.journal import MemoryJournal
from topfive.search.objective import objective_named
from topfive.search.plan import Plan
from topfive.search.protocols import Strategy
from topfive.search.search import search
from topfive.search.space import Choices, SearchSpace
from topfive.search.spaces import space_named
from topfive.search.spaces.cells import distinct
from topfive.search.strategies import strategy_named
from topfive.search.strategies.progressive import papers_top
from topfive.search.strategies.surrogate import Ensemble, Perceptron, Recurrent
from topfive.search.table import Table, read_rows, table_from
from topfive.search.tabulate import settings_file
from topfive.search.trial import Trial
from topfive.train.randomness import seed_of

RESULTS = Path(__file__).with_suffix(".jsonl")
STRATEGIES = ("random", "reinforce", "ppo", "evolution", "pnas")
NETS = {"MLP": Perceptron, "RNN": Recurrent}
POINTS = (3.0, 2.0, 1.5, 1.0, 0.75, 0.5, 0.3, 0.2, 0.1)  # per cent below the table's best five
FOUND = 5  # networks whose mean counts
ROUND = 20  # children that one update of NASNet's controller learns from
PATIENCE = 100  # rounds without anything new
FITS = 20  # of a surrogate at each level, as in the paper


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--strategy", action="append", choices=[*STRATEGIES, "surrogate"], help="default: all")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", action="store_true", help="only write the page from the lines")
    options = parser.parse_args()
    bench = opened(options.table)
    if not options.page:
        measure_all(bench, options.strategy or [*STRATEGIES, "surrogate"], options.seeds, options.results)
    lines = [line for line in finished(options.results) if line["table"] == bench.digest]
    if options.page:
        search_strategies_page.write(lines, bench)
    print(search_strategies_page.summary(lines, bench.size))


@dataclasses.dataclass(frozen=True)
class Bench:
    """A table and the space that it is of, whose keys are remembered."""

    name: str
    digest: str
    space: SearchSpace
    table: Table
    noise: float | None  # standard deviation between trainings of one cell
    data: str

    @property
    def size(self) -> int:
        return len(self.table.answers)

    @functools.cached_property
    def accuracies(self) -> list[float]:
        """Of all cells, best first."""
        return sorted((answer.accuracy for answer in self.table.answers.values()), reverse=True)

    @property
    def goal(self) -> float:
        return sum(self.accuracies[:FOUND]) / FOUND


def opened(path: Path) -> Bench:
    """SystemExit where cells are missing: of a part, nobody knows the best."""
    rows, settings = read_rows(path), json.loads(settings_file(path).read_text(encoding="utf-8"))
    facts = spec(rows[0].model).facts
    named = space_named(settings["space"], facts.input_size, facts.in_channels)
    return bench_of(path.stem, remembering(named), rows, settings["data"])


def bench_of(name: str, space: SearchSpace, rows: Sequence[Any], data: str) -> Bench:
    wanted = {space.model(choices) for level in range(len(space.levels)) for choices in distinct(space, level)}
    missing = wanted - {row.model for row in rows}
    if missing:
        raise SystemExit(f"{name}: {len(wanted - missing):,} of {len(wanted):,} cells are there; go on tabulating")
    by_cell: dict[str, list[float]] = {}
    for row in rows:
        by_cell.setdefault(row.cell, []).append(row.measurement.accuracy)
    variances = [np.var(values, ddof=1) for values in by_cell.values() if len(values) > 1]
    told = sorted(f"{row.model} {row.seed} {row.measurement.accuracy}" for row in rows)
    return Bench(
        name=name,
        digest=hashlib.sha256("\n".join(told).encode()).hexdigest()[:12],
        space=space,
        table=table_from(row for row in rows if row.model in wanted),
        noise=float(np.mean(variances) ** 0.5) if variances else None,
        data=data,
    )


def remembering(space: SearchSpace) -> SearchSpace:
    structure, model = (functools.lru_cache(maxsize=None)(each) for each in (space.structure, space.model))
    return dataclasses.replace(space, structure=structure, model=model)


def measure_all(bench: Bench, strategies: Sequence[str], seeds: int, results: Path) -> None:
    """Seed by seed, so that all strategies have as many where it is stopped."""
    known = finished(results)
    for seed in range(seeds):
        for name in strategies:
            for key, measured in _runs(bench, name, seed):
                if not any(key.items() <= line.items() for line in known):
                    start = time.process_time()
                    found = measured()
                    append(results, {**key, **found, "seconds": round(time.process_time() - start, 2)})


def _runs(bench: Bench, name: str, seed: int) -> Iterator[tuple[dict[str, Any], Any]]:
    """What tells a run from others, and the function that makes it."""
    if name != "surrogate":
        settings = repr(strategy_named(name, seed))
        key = {"table": bench.digest, "strategy": name, "settings": settings, "seed": seed}
        yield key, functools.partial(run, bench, name, seed)
    elif seed < FITS:
        for net in NETS:
            for level in range(len(bench.space.levels) - 1):
                key = {"table": bench.digest, "surrogate": net, "level": level + 1, "seed": seed}
                yield key, functools.partial(correlations, bench, net, level, seed)


@dataclasses.dataclass(frozen=True)
class Until:
    """A strategy that has no more to propose when the best found are as good as `goal`."""

    strategy: Strategy
    goal: float

    def __call__(
        self, space: SearchSpace, history: Sequence[Trial], count: int, rng: np.random.Generator
    ) -> list[Choices]:
        if reached(history, self.goal) is not None:
            return []
        return self.strategy(space, history, count, rng)


def run(bench: Bench, name: str, seed: int) -> dict[str, Any]:
    """`models` by points below the table's best: how many networks until then, None where that was never."""
    goals = {str(points): bench.goal - points / 100 for points in POINTS}
    plan = Plan(
        space=bench.space,
        strategy=Until(strategy_named(name, seed), goals[str(POINTS[-1])]),
        evaluate=bench.table,
        objective=objective_named("accuracy"),
        seed=seed,
        round=ROUND,
    )
    trials = search(plan, in_process, MemoryJournal(), Ends(patience=PATIENCE))
    distinct_trials = sum(trial.copy_of is None for trial in trials)
    return {"models": {points: reached(trials, goal) for points, goal in goals.items()}, "evaluated": distinct_trials}


def reached(history: Sequence[Trial], goal: float) -> int | None:
    """How many distinct networks were evaluated when the mean of the best five first was at least `goal`."""
    best: list[float] = []
    count = 0
    for trial in history:
        if trial.copy_of is None and trial.reward is not None:
            count += 1
            best = sorted([*best, trial.reward], reverse=True)[:FOUND]
            if len(best) == FOUND and sum(best) / FOUND >= goal - 1e-12:
                return count
    return None


def correlations(bench: Bench, net: str, level: int, seed: int) -> dict[str, Any]:
    """Spearman's, on the cells that the surrogate was fitted to and on all cells of the next level."""
    space = bench.space
    cells, unseen = (list(distinct(space, each)) for each in (level, level + 1))
    rng = np.random.default_rng(seed_of(seed, "surrogate", level))
    count = min(len(cells), papers_top(len(list(distinct(space, 0)))))
    fitted = [cells[place] for place in rng.permutation(len(cells))[:count]]
    surrogate = Ensemble(space, NETS[net], seed)
    surrogate.fit(fitted, _accuracies(bench, fitted))
    told = {
        name: round(spearman(surrogate.predict(np.array(some)), np.array(_accuracies(bench, some))), 4)
        for name, some in (("fitted", fitted), ("next", unseen))
    }
    return {"cells": count, **told}


def _accuracies(bench: Bench, cells: Sequence[Choices]) -> list[float]:
    return [bench.table(bench.space.model(choices), 0).accuracy for choices in cells]


def spearman(left: np.ndarray, right: np.ndarray) -> float:
    """Pearson's correlation of the ranks; equal values share the mean of theirs."""
    return float(np.corrcoef(_ranks(left), _ranks(right))[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


if __name__ == "__main__":
    main()
