"""Compound scaling against depth, width and resolution alone, at 2, 4 and 8 times the multiply-accumulates.

    python benchmarks/compound_scaling.py [--seed 0 --seed 1 --seed 2] [--page]

The method is Tan and Le's (2019, arXiv:1905.11946, sec. 3.3).  The base is a ResNet-20 with six of its nine blocks and
three quarters of its width, which sees Fashion-MNIST at 16 pixels a side, so that there is detail left for resolution
to find.  It learns 8,000 training images for three epochs on one core, about 15 seconds; accuracy is that on 5,000
other training images.  First the grid over alpha, beta and gamma at twice the multiply-accumulates, with two seeds of
its own; the factors with the best mean are then raised until the network has 2, 4 and 8 times the base's, and each
dimension alone as well.  One recipe for all, nothing is tuned to any.

Appends one JSON line a finished run to benchmarks/compound_scaling.jsonl and skips what is there; --page only writes
docs/scaling.md and its drawing from the lines.  About an hour of one core in all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import measure
from measure import append, finished

from topfive.search.scale import DIMENSIONS, CompoundScaling, Factors, Scaled

RESULTS = Path(__file__).with_suffix(".jsonl")
BASE = "scaled:d0.67-w0.75-s16:resnet20_cifar"
TRAINING, VALIDATION, EPOCHS = 8_000, 5_000, 3
SCALES = (2, 4, 8)  # times the multiply-accumulates of the base
GRID_SEEDS = (100, 101)
STRATEGY = CompoundScaling(Scaled(BASE, 4))


@dataclass(frozen=True)
class Planned:
    """One run: `method` is base, grid, compound or a dimension; `scale` is how many times the base it shall cost."""

    method: str
    scale: int
    seed: int
    factors: Factors

    def line(self, images: int) -> dict[str, Any]:
        """What tells its line from all others."""
        model = STRATEGY.scaled.name(self.factors)
        return {"method": self.method, "scale": self.scale, "seed": self.seed, "model": model, "images": images}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", action="append", type=int, help="default: 0, 1, 2")
    parser.add_argument("--images", type=int, default=TRAINING, help="that are learnt")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", action="store_true", help="only write page and drawing")
    parser.add_argument("--here", nargs=2, metavar=("MODEL", "SEED"), help="one run, in this process")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measured(options.here[0], int(options.here[1]), options.images)))
        return
    if options.page:
        from compound_scaling_page import write

        write([line for line in finished(options.results) if line["images"] == options.images], EPOCHS, VALIDATION)
        return
    seeds = options.seed or [0, 1, 2]
    fill(list(grid_runs()), options)
    fill(list(family_runs(best(options), seeds)), options)


def fill(runs: Sequence[Planned], options: argparse.Namespace) -> None:
    """Measure those that are not there yet, each in a process of its own."""
    for number, run in enumerate(runs, 1):
        key = run.line(options.images)
        if any(key.items() <= line.items() for line in finished(options.results)):
            continue
        print(f"# {number} of {len(runs)}: {json.dumps(key)}", file=sys.stderr, flush=True)
        command = [sys.executable, __file__, "--here", key["model"], str(run.seed), "--images", str(options.images)]
        try:
            done = measure.run(command, {"OMP_NUM_THREADS": "1"})
        except subprocess.CalledProcessError as error:
            print(f"# failed with {error.returncode}", file=sys.stderr, flush=True)
            continue
        factors = {"depth": run.factors.depth, "width": run.factors.width, "resolution": run.factors.resolution}
        append(options.results, {**key, **factors, **json.loads(done.stdout.splitlines()[-1])})


def grid_runs() -> Iterator[Planned]:
    return (Planned("grid", 2, seed, factors) for seed in GRID_SEEDS for factors in STRATEGY.candidates())


def best(options: argparse.Namespace) -> Factors:
    """The factors of the grid whose networks are the most accurate in the mean."""
    lines = [line for line in finished(options.results) if line["images"] == options.images]

    def mean(factors: Factors) -> float:
        model = STRATEGY.scaled.name(factors)
        return statistics.mean(line["accuracy"] for line in lines if (line["method"], line["model"]) == ("grid", model))

    return max(STRATEGY.candidates(), key=mean)


def family_runs(best: Factors, seeds: Sequence[int]) -> Iterator[Planned]:
    """Seed by seed, so that what is cut short has whole ones."""
    for seed in seeds:
        yield Planned("base", 1, seed, Factors())
        for scale in SCALES:
            macs = scale * STRATEGY.scaled.macs(Factors())
            yield Planned("compound", scale, seed, compound(best, macs))
            for dimension in DIMENSIONS:
                yield Planned(dimension, scale, seed, STRATEGY.scaled.alone(dimension, macs))


@cache
def compound(best: Factors, macs: int) -> Factors:
    """`best` raised to the power whose network comes nearest to so many multiply-accumulates."""
    powers = [hundredths / 100 for hundredths in range(501)]
    reached = bisect_left(powers, macs, key=lambda power: STRATEGY.scaled.macs(best.doubled(power)))
    near = (best.doubled(power) for power in powers[max(0, reached - 1) : reached + 1])
    return min(near, key=lambda factors: abs(STRATEGY.scaled.macs(factors) - macs))


def measured(model: str, seed: int, images: int) -> dict[str, Any]:
    """One run in this process, on one thread."""
    from topfive.data import open_data
    from topfive.data.part import within_training
    from topfive.search.proxy import Proxy
    from topfive.search.scale import recipe_for

    splits = within_training(open_data("fashion-mnist"), images, VALIDATION)
    found = Proxy(splits, recipe_for(EPOCHS, splits))(model, seed)
    return {
        "accuracy": found.accuracy,
        "curve": [round(accuracy, 4) for accuracy in found.curve],
        "params": found.params,
        "macs": found.macs,
        "processor_seconds": round(found.seconds, 2),
        "n": len(splits.val),
    }


if __name__ == "__main__":
    main()
