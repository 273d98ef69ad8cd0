"""The tricks of He et al. 2018 (arXiv:1812.01187, tables 4 and 6) one by one, on a small part of Fashion-MNIST.

    python benchmarks/bag_of_tricks.py [--seed 0 --seed 1 --seed 2] [--plot]

ResNet-20 learns 4,000 training images, the same ones always, for 10 epochs on one core; each row adds a trick to all
those above it, but for mixup, which the paper tries without the teacher first and with it last.  Nothing is tuned: the
rates are those of the network's paper, scaled with the batch.  Accuracy is that of the shipped file on the 10,000 test
images; the weights of the last epoch are shipped, nothing is chosen by them.

Low precision is bfloat16 and forced on: `amp` would measure first and leave it off where single precision is faster.
The teacher is a ResNet-32 that learns the same images three times as long, with cosine, smoothing and mixup.

Appends one JSON line a finished run to benchmarks/bag_of_tricks.jsonl and skips what is there; --plot only writes
docs/bag_of_tricks.md and its drawing from the lines.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import importlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure
from measure import RUNS, append, finished, tree_seconds

RESULTS = Path(__file__).with_suffix(".jsonl")
IMAGES, EPOCHS = 4_000, 10
TEACHER = "teacher"
BASELINE = {
    "model": "resnet20_cifar", "epochs": EPOCHS, "opt": "sgd", "batch_size": 64, "lr": 0.05, "weight_decay": 5e-4,
    "bias_decay": True, "sched": "step", "decay_epochs": EPOCHS / 4, "shift": 2, "hflip": 0.5,
}  # fmt: skip
MIXUP, TAUGHT = {"mixup": 0.2}, {"teacher": TEACHER, "teacher_temperature": 20.0}


@dataclass(frozen=True)
class Trick:
    """`changes` stay for the rows below, unless it stands `aside`: then they are this row's alone."""

    name: str
    told: str
    changes: Mapping[str, Any]
    aside: bool = False


TRICKS = (
    Trick("baseline", "batch 64, rate 0.05 that falls tenfold three times, everything decayed", {}),
    Trick("linear scaling", "batch 256, rate 0.2", {"batch_size": 256, "lr": 0.2}),
    Trick("warm-up", "the rate rises over the first epoch", {"warmup_epochs": 1.0}),
    Trick("zero gamma", "residual branches begin as nothing", {"zero_gamma": True}),
    Trick("no bias decay", "biases and norms are not decayed", {"bias_decay": False}),
    Trick("low precision", "bfloat16 where it is safe", {"amp": True}),
    Trick("cosine", "instead of steps", {"sched": "cosine"}),
    Trick("label smoothing", "0.1", {"smoothing": 0.1}),
    Trick("distillation", "half of the loss is the teacher's, temperature 20", TAUGHT, aside=True),
    Trick("mixup", "alpha 0.2, no teacher", MIXUP),
    Trick("mixup and distillation", "both", TAUGHT),
)


def recipes() -> dict[str, dict[str, Any]]:
    """The fields of every row's recipe, and of the teacher's."""
    found, kept = {}, dict(BASELINE)
    for trick in TRICKS:
        found[trick.name] = kept | trick.changes
        kept |= {} if trick.aside else trick.changes
    changes = {"model": "resnet32_cifar", "epochs": 3 * EPOCHS, "amp": False, "teacher": None}
    return {TEACHER: found["mixup"] | changes, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", action="append", type=int, help="default: 0, 1, 2")
    parser.add_argument("--images", type=int, default=IMAGES, help="that are learnt")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--plot", action="store_true", help="only write page and drawing")
    parser.add_argument("--here", nargs=2, metavar=("ROW", "SEED"), help="one run, in this process")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measured(options.here[0], int(options.here[1]), options.images)))
        return
    if not options.plot:
        measure_all(options)
        return
    from bag_of_tricks_page import write

    write([line for line in finished(options.results) if line["images"] == options.images], TRICKS)


def measure_all(options: argparse.Namespace) -> None:
    """Seed by seed, so that a run that is cut short has whole ones; the teacher first."""
    runs = [(TEACHER, 0), *((trick.name, seed) for seed in options.seed or range(3) for trick in TRICKS)]
    for number, (row, seed) in enumerate(runs, 1):
        key = {"row": row, "seed": seed, "images": options.images}
        if any(key.items() <= line.items() for line in finished(options.results)):
            continue
        print(f"# {number} of {len(runs)}: {row}, seed {seed}", file=sys.stderr, flush=True)
        command = [sys.executable, __file__, "--here", row, str(seed), "--images", str(options.images)]
        try:
            done = measure.run(command, {"OMP_NUM_THREADS": "1"})
        except subprocess.CalledProcessError as error:
            print(f"# {row} failed with {error.returncode}", file=sys.stderr, flush=True)
            continue
        append(options.results, {**key, **json.loads(done.stdout.splitlines()[-1])})


def measured(row: str, seed: int, images: int) -> dict[str, Any]:
    """One run in this process, on one thread."""
    from topfive.recipe import recipe_from
    from topfive.train import Run, Surroundings, fit
    from topfive.train.placement import Placement

    settings = recipes()[row] | {"seed": seed}
    if settings.get("teacher"):
        settings["teacher"] = str(folder_of(TEACHER, 0, images))
    recipe = recipe_from(settings)
    precision = "bfloat16" if recipe.amp else "float32"
    # `amp` chooses by speed; here the row is about what the precision does to accuracy.
    importlib.import_module("topfive.train.fit").choose_placement = lambda *args, **named: Placement(1, True, precision)
    folder = folder_of(row, seed, images)
    shutil.rmtree(folder, ignore_errors=True)
    start, began = tree_seconds(), time.monotonic()
    with Run(folder) as run:
        report = fit(recipe, part_of_fashion(images), run, surroundings=Surroundings(threads=1, workers=1))
        losses = [round(entry["train_loss"], 4) for entry in run.logged()]
    return {
        "top1": report.evaluation.top1,
        "nll": report.evaluation.nll,
        "n": report.evaluation.n,
        "train_loss": losses,
        "processor_seconds": round(tree_seconds() - start, 1),
        "wall_seconds": round(time.monotonic() - began, 1),
        "precision": precision,
        "recipe": dataclasses.asdict(recipe),
    }


def folder_of(row: str, seed: int, images: int) -> Path:
    return RUNS / f"bag-of-tricks-{images}-{row.replace(' ', '-')}-{seed}"


def part_of_fashion(count: int) -> Any:
    """`count` training images of Fashion-MNIST, each class in proportion, and its test images; no validation."""
    from topfive.data import open_data
    from topfive.data.split import hold_out

    whole = open_data("fashion-mnist")
    chosen = hold_out([whole.train.name(i) for i in range(len(whole.train))], whole.train.labels, count, "tricks")
    train = dataclasses.replace(whole.train, images=whole.train.images[chosen], labels=whole.train.labels[chosen])
    none = dataclasses.replace(train, images=train.images[:0], labels=train.labels[:0])
    fingerprint = hashlib.sha256(f"{whole.fingerprint} {count}".encode()).hexdigest()
    return dataclasses.replace(whole, train=train, val=none, fingerprint=fingerprint)


if __name__ == "__main__":
    main()
