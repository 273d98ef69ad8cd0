"""MnasNet's space with two targets of latency: are the networks found as fast as they should be?

    python benchmarks/latency_targets.py [--target 0.15ms --target 0.3ms] [--objective hard] [--time 30m] [FLAG ...]

For each target, `topfive search DATA --space mnasnet-small --max-latency TARGET --time T --train-time 0` finds a
network, by MnasNet's hard reward, which is the command's own choice, or by the soft one.  Its latency is then measured
again, through the exported graph in a fresh process on one thread.  The front of accuracy and latency of all trials is
drawn into docs/search/latency_front.svg.  Flags that follow are handed to the searches.

Appends one JSON line a target and reward to benchmarks/latency_targets.jsonl and skips what is there.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
from pathlib import Path
from typing import Any

from measure import RUNS, append, finished, run

from topfive import artifact
from topfive.data import open_data
from topfive.evaluate.limits import limits_from
from topfive.report.page import chart_file
from topfive.search.latency import latency_of
from topfive.search.plots import front_chart
from topfive.search.trial import Measurement, Trial
from topfive.train.found import read_found

RESULTS = Path(__file__).with_suffix(".jsonl")
FRONT = Path(__file__).parents[1] / "docs" / "search" / "latency_front.svg"
AGAIN = 5  # measurements in fresh processes, whose median counts
ALLOWED = 1.15  # times the target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--target", action="append", help="default: 0.15ms, then 0.3ms")
    parser.add_argument("--objective", choices=["hard", "soft"], default="hard", help="MnasNet's reward")
    parser.add_argument("--time", default="30m", help="of each search")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--front", type=Path, default=FRONT)
    parser.add_argument("--folder", type=Path, default=RUNS / "latency-targets", help="where the searches lie")
    options, flags = parser.parse_known_args()
    classes = len(open_data(options.data).classes)
    for target in options.target or ["0.15ms", "0.3ms"]:
        wanted = {"target": target, "objective": options.objective}
        if not any(wanted.items() <= line.items() for line in finished(options.results)):
            append(options.results, searched(target, classes, flags, options))
    draw(options)


def searched(target: str, classes: int, flags: list[str], options: argparse.Namespace) -> dict[str, Any]:
    folder = options.folder / f"{target}-{options.objective}"
    command = ["topfive", "search", options.data, "--space", "mnasnet-small", "--max-latency", target]
    command += ["--objective", options.objective]
    command += ["--time", options.time, "--train-time", "0", *flags, "--out", str(folder), "--resume", "--json"]
    print(f"# {shlex.join(command)}", file=sys.stderr, flush=True)
    taken = run(command)
    lines = [json.loads(line) for line in taken.stdout.splitlines()]
    found = read_found(folder / "genotype.json")
    again = [latency_of(found.model, classes).p50 for _ in range(AGAIN)]
    wanted = limits_from(latency=target).latency
    assert wanted is not None
    return {
        "target": target,
        "objective": options.objective,
        "command": shlex.join(command),
        "trials": sum("copy_of" not in line for line in lines[:-1]),
        "model": found.model,
        "accuracy": found.measured["accuracy"],
        "macs": found.measured["macs"],
        "searched_ms": found.measured["latency"],
        "again_ms": [1e3 * latency for latency in again],
        "ratio": statistics.median(again) / wanted,
        "met": statistics.median(again) <= ALLOWED * wanted,
        "points": [[line["latency"], line["accuracy"]] for line in lines[:-1] if "latency" in line],
        "wall_seconds": taken.wall_seconds,
    }


def draw(options: argparse.Namespace) -> None:
    """The trials of all targets together."""
    points = [point for line in finished(options.results) for point in line["points"]]
    trials = [
        Trial(number, 0, (), str(number), "", Measurement(accuracy, 0, 0, 0.0, latency=latency), accuracy)
        for number, (latency, accuracy) in enumerate(points)
    ]
    chart = front_chart(trials, "latency")
    if chart is not None:
        options.front.parent.mkdir(parents=True, exist_ok=True)
        artifact.write(options.front, chart_file(chart))
        print(f"# {options.front}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
