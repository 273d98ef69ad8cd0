"""Samples trained a second of processor time: our loop beside torchvision's and timm's, on the same cores in one run.

    python benchmarks/training_speed.py [--case NAME ...] [--rounds 3] [--seconds 30] [--summary]

Every arm is a process of its own; all arms of a case follow each other, round by round, so that a drift of the machine
meets all alike.  Processor time is user and system time of the whole tree of processes, the loaders' workers included,
between the end of two steps; the first steps are not counted.  What comes before them (imports, reading the images,
starting workers, our trial of threads and memory format) is given beside it, as is the rate when it is spread over ten
epochs.

Same network, batch of 128, SGD with momentum, mirroring and random crops on all sides.  Ours is `fit` itself, as
`topfive train` runs it.  Each side runs with its own number of threads (ours measures which is sooner done, by the
clock) and with one thread; the best of its arms counts.

- lenet: Fashion-MNIST, 28 pixels framed to 32, moved by a pixel.  timm, which knows no such crop, scales instead.
- resnet20: 20,000 colour tiles of 32 pixels in memory, moved by up to 4.
- mobilenet_v2 at 96 and resnet18 at 64 pixels: 2,560 JPEG files of 160 x 120.  The peers decode each at every visit and
  crop a random area of it; we decode it once, hold its central square in memory, and crop a random area of that.

Appends one JSON line a finished arm to benchmarks/training_speed.jsonl and skips what is there.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure
from measure import append, finished, tree_seconds

RESULTS = Path(__file__).with_suffix(".jsonl")
WARM_STEPS, WARM_SECONDS = 3, 2.0
TILES = 20_000
EPOCHS = 10  # that what comes before the first step is spread over
OURS = "topfive"
ARMS = tuple(f"{side}/{n}" for side in (OURS, "torchvision-v1", "torchvision-v2", "timm") for n in ("default", "1"))


@dataclass(frozen=True)
class Case:
    """`line`: times the better peer that we want to be; `crop`: fields of our recipe that say what is seen."""

    model: str
    side: int
    line: float
    padding: int | None
    crop: dict[str, Any]
    grey: bool = False


CASES = {
    "lenet": Case("lenet5", 32, 3.0, 3, {"shift": 1}, grey=True),
    "mobilenet_v2": Case("mobilenet_v2", 96, 1.4, None, {"img_size": 96, "scale": (0.08, 1.0)}),
    "resnet20": Case("resnet20_cifar", 32, 1.1, 4, {"shift": 4}),
    "resnet18": Case("resnet18", 64, 1.0, None, {"img_size": 64, "scale": (0.08, 1.0)}),
}


class TimeOverError(Exception):
    """The time of an arm is over."""


class Meter:
    """Counts images and seconds from the first step that counts to the last."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.began, self.steps, self.images = time.monotonic(), 0, 0
        self.start: tuple[float, float] | None = None  # processor, wall
        self.end = (0.0, 0.0)

    def step(self, images: int) -> None:
        """Called after each step of so many images.  Raises TimeOverError."""
        self.steps += 1
        now = time.monotonic()
        if self.start is None:
            if self.steps >= WARM_STEPS and now - self.began >= WARM_SECONDS:
                self.start = tree_seconds(), now
            return
        self.images += images
        if now - self.start[1] >= self.seconds:
            self.end = tree_seconds(), now
            raise TimeOverError

    def told(self, size: int) -> dict[str, float]:
        """The result, for a data set of `size` images."""
        assert self.start is not None
        processor, wall = self.end[0] - self.start[0], self.end[1] - self.start[1]
        each = processor / self.images
        return {
            "samples_per_processor_second": round(self.images / processor, 2),
            "samples_per_wall_second": round(self.images / wall, 2),
            "with_start_over_10_epochs": round(EPOCHS * size / (self.start[0] + EPOCHS * size * each), 2),
            "n": self.images,
            "processor_seconds": round(processor, 2),
            "wall_seconds": round(wall, 2),
            "start_processor_seconds": round(self.start[0], 2),
            "data_set": size,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=list(CASES), help="default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0, help="that are counted of each arm")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--summary", action="store_true", help="only say what the lines show")
    parser.add_argument("--here", nargs=2, metavar=("CASE", "ARM"), help="one arm, in this process")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measured(*options.here, options.seconds)))
        return
    for case in options.case or CASES:
        for number in range(0 if options.summary else options.rounds):
            for arm in ARMS:
                key = {"case": case, "arm": arm, "round": number}
                if any(key.items() <= line.items() for line in finished(options.results)):
                    continue
                print(f"# {case}, round {number + 1} of {options.rounds}: {arm}", file=sys.stderr, flush=True)
                command = [sys.executable, __file__, "--here", case, arm, "--seconds", str(options.seconds)]
                try:
                    append(options.results, {**key, **json.loads(measure.run(command).stdout.splitlines()[-1])})
                except subprocess.CalledProcessError as error:  # the other arms can still be measured
                    print(f"# {case}: {arm} failed with {error.returncode}", file=sys.stderr, flush=True)
        print(summary(case, finished(options.results)), flush=True)


def summary(case: str, lines: Sequence[dict[str, Any]]) -> str:
    """Medians of the arms, and ours against the best of the others."""
    rates: defaultdict[str, list[float]] = defaultdict(list)
    spread: defaultdict[str, list[float]] = defaultdict(list)
    for line in lines:
        if line["case"] == case:
            rates[line["arm"]].append(line["samples_per_processor_second"])
            spread[line["arm"]].append(line["with_start_over_10_epochs"])
    told = [f"{case}: samples a second of processor time, median (least to most) of rounds"]
    for arm, values in rates.items():
        told.append(
            f"  {arm:24}{statistics.median(values):9.1f} ({min(values):.1f} to {max(values):.1f}) {len(values)}"
        )
    ours = [arm for arm in rates if arm.startswith(OURS)]
    peers = [arm for arm in rates if arm not in ours]
    if ours and peers:
        ratio, whole = (
            max(statistics.median(found[arm]) for arm in ours) / max(statistics.median(found[arm]) for arm in peers)
            for found in (rates, spread)
        )
        told.append(f"  {ratio:.2f} times the best peer (wanted: {CASES[case].line}); {whole:.2f} with the start")
    return "\n".join(told)


def measured(name: str, arm: str, seconds: float) -> dict[str, Any]:
    """One arm in this process."""
    side, _, threads = arm.partition("/")
    number = None if threads == "default" else int(threads)
    return our_arm(CASES[name], number, seconds) if side == OURS else peer_arm(CASES[name], side, number, seconds)


def our_arm(case: Case, threads: int | None, seconds: float) -> dict[str, Any]:
    from photographs import folder, tiles

    from topfive.data import ArrayDataset, Splits, open_data
    from topfive.recipe import Recipe
    from topfive.train import Run, Silent, Surroundings, fit

    if case.grey:
        splits = open_data("fashion-mnist", val_fraction=0)
    elif case.padding is None:
        splits = open_data(str(folder()), val_fraction=0, test_fraction=0)
    else:
        pixels, labels = tiles(TILES, case.side)
        names = tuple(map(str, range(labels.max() + 1)))
        train = ArrayDataset(pixels.transpose(0, 3, 1, 2).copy(), labels, names, "tiles")
        none = dataclasses.replace(train, images=train.images[:0], labels=labels[:0])
        splits = Splits("tiles", train, none, none, fingerprint="0" * 64)
    recipe = Recipe(model=case.model, epochs=1000, lr=0.01, hflip=0.5, **case.crop)
    meter = Meter(seconds)

    class Watch(Silent):
        def stepped(self, step: int, loss: float) -> None:
            meter.step(recipe.batch_size)

    with tempfile.TemporaryDirectory() as scratch, Run(Path(scratch, "run")) as run:
        try:
            fit(recipe, splits, run, surroundings=Surroundings(watch=Watch(), threads=threads))
        except TimeOverError:
            config = run.config
    assert config is not None
    return {
        **meter.told(len(splits.train)),
        "model": f"topfive {case.model}",
        "side": config["preprocess"]["size"] + 2 * config["preprocess"]["pad"],
        "placement": config["placement"],
    }


def peer_arm(case: Case, peer: Any, threads: int | None, seconds: float) -> dict[str, Any]:
    import torch
    from peers import Task, make_loop
    from photographs import folder, tiles

    if threads is not None:
        torch.set_num_threads(threads)
    mean, std = ((0.2861,), (0.3530,)) if case.grey else ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    task = Task(case.model, 10, case.side, case.padding, mean, std)
    source = "fashion-mnist" if case.grey else folder() if case.padding is None else tiles(TILES, case.side)
    loop = make_loop(peer, task, source, epochs=1000)
    meter = Meter(seconds)
    try:
        for epoch in range(1000):
            for images in loop.epoch(epoch):
                meter.step(images)
    except TimeOverError:
        pass
    return {
        **meter.told(len(loop.loader.dataset)),  # type: ignore[arg-type]
        "model": f"{type(loop.model).__module__} {case.model}",
        "side": case.side,
        "placement": {"threads": torch.get_num_threads(), "workers": loop.loader.num_workers},
    }


if __name__ == "__main__":
    main()
