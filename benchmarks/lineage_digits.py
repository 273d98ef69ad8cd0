"""Twelve families across the years learn handwritten digits from the command line, each in half a minute, and ship.

python benchmarks/lineage_digits.py [NAME ...]

Appends one JSON line a finished run to benchmarks/lineage_digits.jsonl and skips what is there.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

RESULTS = Path(__file__).with_suffix(".jsonl")
FLAGS = "--opt adamw --lr 2e-3 --weight-decay 0.02 --batch-size 32 --warmup-epochs 1 --clip-grad 1 --model-ema 0.95"
PLAIN = "--scale 1,1 --shift 2 --smoothing 0 --loss cross_entropy"
# Network: its flags.  Sizes and epochs are chosen for half a minute on one core.
NETWORKS = {
    "lenet5": "--epochs 10",
    "googlenet": "--epochs 4 --img-size 32",
    "bninception": "--epochs 3 --img-size 32",
    "resnet20_cifar": "--epochs 8 --img-size 16",
    "densenet_40_12_cifar": "--epochs 5 --img-size 8",
    "mobilenet_v1_025": "--epochs 12 --img-size 32",
    "shufflenet_v2_x0_5": "--epochs 10 --img-size 32",
    "mobilenet_v2": "--epochs 6 --img-size 32",
    "mobilenet_v3_small": "--epochs 12 --img-size 32",
    "mnasnet_small": "--epochs 10 --img-size 32",
    "efficientnet_lite0": "--epochs 8 --img-size 32",
    "regnety_002": "--epochs 10 --img-size 32",
}


def main() -> None:
    done = {json.loads(line)["name"] for line in RESULTS.read_text().splitlines()} if RESULTS.exists() else set()
    for name in sys.argv[1:] or NETWORKS:
        if name in done:
            continue
        entry = measure(name)
        with open(RESULTS, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        print(json.dumps(entry), flush=True)


def measure(name: str) -> dict[str, object]:
    arguments = ["topfive", "train", "digits", "--model", name, *shlex.split(f"{NETWORKS[name]} {FLAGS} {PLAIN}")]
    with tempfile.TemporaryDirectory() as scratch:
        command = [*arguments, "--out", f"{scratch}/run", "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        log = [json.loads(line) for line in Path(scratch, "run", "metrics.jsonl").read_text().splitlines()]
    return {
        "name": name,
        "command": shlex.join(arguments),
        "top1": json.loads(done.stdout)["top1"],
        "n": json.loads(done.stdout)["n"],
        "loss": [round(entry["train_loss"], 4) for entry in log],
        "seconds": log[-1]["seconds"],
        "cores": os.cpu_count(),
    }


if __name__ == "__main__":
    main()
