"""At most 20 photographs a class: fine-tuning from the built-in weights beside training from scratch, in equal time.

    python benchmarks/fine_tuning.py [--seed 0 --seed 1 --seed 2] [--time 2m] [--summary]

Ten classes of things from the Debian package tuxpaint-stamps-default (benchmarks/things.py, docs/data.md); for each
seed another division into at most 20 training photographs a class and a test of two fifths, no photograph in both.  The
built-in weights come from ImageNet, which knows most of these kinds of things, in photographs of other origin.

- fine-tuned: `topfive train FOLDER --time 2m`, nothing else chosen.
- scratch: the same network at the same size for the same time and as many epochs, with the recipe `quick`.
- scratch-adamw: the same again with the recipe of fine-tuning but for its weights: all layers learn from the start, and
  alike.

Appends one JSON line a finished run to benchmarks/fine_tuning.jsonl and skips what is there.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from measure import RUNS, append, finished, run
from things import write

RESULTS = Path(__file__).with_suffix(".jsonl")
SCRATCH = {
    "scratch": ["--recipe", "quick"],
    "scratch-adamw": ["--recipe", "fine-tune", "weights=none", "freeze_epochs=0", "layer_decay=1"],
}
ARMS = ("fine-tuned", *SCRATCH)
LINE = 0.15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", action="append", type=int, help="default: 0, 1, 2")
    parser.add_argument("--time", default="2m", help="of each run, as topfive train takes it")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--summary", action="store_true", help="only say what the lines show")
    options = parser.parse_args()
    for seed in () if options.summary else options.seed or range(3):
        try:
            measure_all(seed, options.time, options.results)
        except subprocess.CalledProcessError as error:
            print(f"# seed {seed}: a run failed with {error.returncode}", file=sys.stderr, flush=True)
    print(summary([line for line in finished(options.results) if line["time"] == options.time]))


def measure_all(seed: int, time: str, results: Path) -> None:
    """The arms of one division; the fine-tuned one says what network, size and epochs the others have."""
    first = None
    for arm in ARMS:
        key = {"arm": arm, "seed": seed, "time": time}
        known = [line for line in finished(results) if key.items() <= line.items()]
        if not known:
            print(f"# {key}", file=sys.stderr, flush=True)
            known = [{**key, **measured(arm, seed, time, first)}]
            append(results, known[0])
        first = first or known[0]


def measured(arm: str, seed: int, time: str, first: dict[str, Any] | None) -> dict[str, Any]:
    """Train and measure in processes of their own; `first` is the line of the fine-tuned run."""
    data, folder = RUNS / f"things-{seed}", RUNS / f"fine-tuning-{arm}-{seed}"
    counts = write(data, seed)
    shutil.rmtree(folder, ignore_errors=True)
    command = ["topfive", "train", str(data), "--time", time, "--seed", str(seed)]
    if first is not None:
        command += ["--model", first["recipe"]["model"], "--epochs", str(first["recipe"]["epochs"])]
        if first["recipe"]["img_size"] is not None:
            command += ["--img-size", str(first["recipe"]["img_size"])]
        command += SCRATCH[arm]
    trained = run([*command, "--out", str(folder), "--json"])
    contract = json.loads(trained.stdout)
    evaluated = run(["topfive", "evaluate", contract["artifact"], str(data), "--split", "test", "--json"])
    result = json.loads(evaluated.stdout)
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    log = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return {
        "command": shlex.join(command),
        "top1": result["top1"],
        "n": result["n"],
        "photographs": counts,
        "epochs": len(log),
        "wall_seconds": trained.wall_seconds,
        "processor_seconds": trained.processor_seconds,
        "side": config["preprocess"]["size"],
        "recipe": config["recipe"],
        "placement": config["placement"],
    }


def summary(lines: Sequence[dict[str, Any]]) -> str:
    """Mean accuracy of each arm over the seeds, and the lead of the first over the best of the others."""
    means, told = {}, []
    for arm in ARMS:
        values = [line["top1"] for line in lines if line["arm"] == arm]
        if values:
            means[arm] = statistics.mean(values)
            each = ", ".join(f"{value:.3f}" for value in values)
            told.append(f"{arm:16}{means[arm]:.3f} ({each})")
    if len(means) > 1 and ARMS[0] in means:
        lead = means[ARMS[0]] - max(value for arm, value in means.items() if arm != ARMS[0])
        told.append(f"fine-tuning is ahead by {100 * lead:.1f} points (wanted: {100 * LINE:.0f})")
    return "\n".join(told)


if __name__ == "__main__":
    main()
