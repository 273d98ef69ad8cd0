"""Random limits on digits and Fashion-MNIST: does every shipped file keep to them when it is measured again?

    python benchmarks/budgets.py [--count 10] [--time 30s]

Each run is `topfive train DATA` with one to three limits, drawn evenly on a logarithmic scale from half of what LeNet-5
needs to twice what a ResNet-20 does.  Appends a line a run to benchmarks/budgets.jsonl: the limits, the exit code, the
network, its accuracy, and its costs as a fresh process measures them after the command has ended.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from measure import RUNS, append, finished

RESULTS = Path(__file__).with_name("budgets.jsonl")
DATA = ("digits", "fashion-mnist")
RANGES = {"latency": (2.5e-5, 5e-3), "size": (40_000, 2_200_000), "macs": (200_000, 80_000_000)}
FLAGS = {
    "latency": lambda seconds: f"{seconds * 1e6:.0f}us",
    "size": lambda size: f"{size / 1000:.0f}KB",
    "macs": lambda macs: f"{macs / 1000:.0f}K",
}
AGAIN = """
import json, sys
from topfive import artifact
from topfive.evaluate.latency import timed
from topfive.models import spec
from topfive.nn.measure import count_facts
told = artifact.read(sys.argv[1])
side, channels = told.preprocess.side, told.preprocess.channels
macs = count_facts(spec(told.card.architecture).build, side, len(told.labels), channels).macs
latency = timed(sys.argv[1], 200).p50
size = told.path.stat().st_size
print(json.dumps({"latency": latency, "size": size, "macs": macs, "model": told.card.architecture,
                  "side": side, "precision": told.precision}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--time", default="30s")
    choices = parser.parse_args()
    done = {entry["name"] for entry in finished(RESULTS)}
    for number in range(choices.count):
        name = f"{number}-{choices.time}"
        if name not in done:
            append(RESULTS, {"name": name, **measured(number, choices.time)})


def measured(number: int, time: str) -> dict[str, Any]:
    """One draw, from its limits to what the file costs."""
    limits, flags = drawn(random.Random(number))
    data = DATA[number % len(DATA)]
    out = RUNS / "budgets" / f"{number}-{time}"
    command = ["topfive", "train", data, *flags, "--time", time, "--out", str(out), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True)
    entry: dict[str, Any] = {"command": " ".join(command[:-3]), "limits": limits, "exit": ran.returncode}
    if ran.returncode:
        return entry | {"said": ran.stderr.splitlines()[-1]}
    told = json.loads(ran.stdout)
    again = json.loads(subprocess.run([sys.executable, "-c", AGAIN, told["artifact"]], stdout=-1, check=True).stdout)
    kept = all(again[name] <= limit for name, limit in limits.items())
    return entry | {"top1": told["top1"], "n": told["n"], "again": again, "kept": kept}


def drawn(rng: random.Random) -> tuple[dict[str, float], list[str]]:
    """Limits in seconds, bytes and operations, and as flags."""
    names = rng.sample(list(RANGES), rng.randint(1, len(RANGES)))
    limits, flags = {}, []
    for name in names:
        low, high = RANGES[name]
        text = FLAGS[name](math.exp(rng.uniform(math.log(low), math.log(high))))
        flags += [f"--max-{name}", text]
        limits[name] = {"us": 1e-6, "KB": 1e3, "K": 1e3}[text.lstrip("0123456789")] * int(text.rstrip("usKB"))
    return limits, flags


if __name__ == "__main__":
    main()
