"""Fashion-MNIST from one command, nothing chosen but the time: three seeds each of 30 and of 10 minutes.

    python benchmarks/fashion_mnist.py [--time 30m --time 10m] [--seed 0 --seed 1 --seed 2] [FLAG ...]

Each run is a fresh process of `topfive train fashion-mnist --time T --seed S`; flags that follow are handed to it and
are part of the run's name.  The accuracy is that of the shipped file on the 10,000 test images, by `topfive evaluate`.
Appends one JSON line a finished run to benchmarks/fashion_mnist.jsonl and skips what is there; a run that was
interrupted begins anew, since its time is what is measured.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from measure import RUNS, append, finished, run

RESULTS = Path(__file__).with_suffix(".jsonl")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--time", action="append", help="as topfive train takes it; default: 30m, then 10m")
    parser.add_argument("--seed", action="append", type=int, help="default: 0, 1, 2")
    options, flags = parser.parse_known_args()
    for time in options.time or ["30m", "10m"]:
        for seed in options.seed or range(3):
            command = ["topfive", "train", "fashion-mnist", "--time", time, "--seed", str(seed), *flags]
            if shlex.join(command) in {line["command"] for line in finished(RESULTS)}:
                continue
            print(f"# {shlex.join(command)}", file=sys.stderr, flush=True)
            try:
                append(RESULTS, measure(command, RUNS / f"fashion-mnist-{time}-{seed}"))
            except subprocess.CalledProcessError as error:
                print(f"# failed with {error.returncode}", file=sys.stderr, flush=True)


def measure(command: list[str], folder: Path) -> dict[str, object]:
    shutil.rmtree(folder, ignore_errors=True)
    trained = run([*command, "--out", str(folder), "--json"])
    contract = json.loads(trained.stdout)
    evaluated = run(["topfive", "evaluate", contract["artifact"], "fashion-mnist", "--split", "test", "--json"])
    measured = json.loads(evaluated.stdout)
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    log = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return {
        "command": shlex.join(command),
        "top1": measured["top1"],
        "n": measured["n"],
        "nll": measured["nll"],
        "ece": measured["ece"],
        "val_top1": max(entry["val_top1"] for entry in log),
        "wall_seconds": trained.wall_seconds,
        "processor_seconds": trained.processor_seconds,
        "epochs": len(log),
        "model": config["recipe"]["model"],
        "recipe": config["recipe"],
        "placement": config["placement"],
        "file_bytes": Path(contract["artifact"]).stat().st_size,
    }


if __name__ == "__main__":
    main()
