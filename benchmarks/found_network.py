"""A found network against hand-made ones of the same cost, and against the best of as many random cells.

    python benchmarks/found_network.py [--time 60m] [--train-time 8m] [--seed 0 --seed 1 --seed 2] [--page] [FLAG ...]

One command, `topfive search DATA --time T --train-time 0`, finds a network; the same with `--strategy random` and as
many trials finds the best random one.  ResNet in its form for CIFAR and MobileNetV2 are scaled to the multiply-
accumulates of the found network.  All four are trained by one recipe, with as many epochs as the found network has time
for in the stated time on this machine, once a seed, and measured on the test images by `topfive evaluate`.  Flags that
follow are handed to both searches.

Appends one JSON line a search and a training to benchmarks/found_network.jsonl and skips what is there; --page only
writes docs/found.md and its drawings from the lines.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measure import RUNS, append, finished, run

from topfive.cli.recipe_flags import seconds_from
from topfive.data import open_data
from topfive.models import spec
from topfive.recipe import Recipe
from topfive.search.finals import epochs_within, recipe_of
from topfive.search.rival import rival
from topfive.train.found import read_found
from topfive.train.plan import preprocess_for

RESULTS = Path(__file__).with_suffix(".jsonl")
FOLDER = RUNS / "found-network"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--time", default="60m", help="of the search")
    parser.add_argument("--train-time", default="8m", help="of each training, about")
    parser.add_argument("--seed", action="append", type=int, help="default: 0, 1, 2")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the runs lie")
    parser.add_argument("--page", action="store_true", help="only write page and drawings")
    options, flags = parser.parse_known_args()
    if options.page:
        from found_network_page import write

        write(finished(options.results), finished(Path(__file__).with_name("proxies.jsonl")))
        return
    found = searched("found", ["--time", options.time, *flags], options)
    random = searched(
        "random", ["--strategy", "random", "--seed", "1", "--trials", str(found["trials"]), *flags], options
    )

    splits = open_data(options.data)
    macs = spec(found["model"]).facts.macs
    epochs = known_epochs(options) or epochs_within(found["model"], splits, seconds_from(options.train_time), 0)
    recipe = recipe_of(found["model"], splits, epochs, None, 0)
    models = {"found": found["model"], "random": random["model"]}
    for name, base in (("resnet", "resnet20_cifar"), ("mobilenet", "mobilenet_v2")):
        side = preprocess_for(Recipe(model=base), splits).size
        models[name] = rival(base, macs, side, len(splits.classes)).model
    for seed in options.seed or range(3):
        for name, model in models.items():
            trained(name, dataclasses.replace(sized(recipe, model), seed=seed), options)
    report(options)


def searched(what: str, flags: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """The line of a search, made where it is not there yet; a search that was interrupted goes on."""
    known = next((line for line in finished(options.results) if line["what"] == f"search: {what}"), None)
    if known is not None:
        return known
    folder = options.folder / f"search-{what}"
    command = [
        "topfive",
        "search",
        options.data,
        *flags,
        "--train-time",
        "0",
        "--out",
        str(folder),
        "--resume",
        "--json",
    ]
    print(f"# {shlex.join(command)}", file=sys.stderr, flush=True)
    taken = run(command)
    trials = [json.loads(line) for line in taken.stdout.splitlines()][:-1]
    new = [trial for trial in trials if "copy_of" not in trial]
    model = read_found(folder / "genotype.json").model
    append(
        options.results,
        {
            "what": f"search: {what}",
            "command": shlex.join(command),
            "trials": len(new),
            "failed": sum("failure" in trial for trial in new),
            "model": model,
            "reward": max(trial.get("reward", 0.0) for trial in new),
            "second_look": json.loads(taken.stdout.splitlines()[-1])["second_look"],
            "macs": spec(model).facts.macs,
            "wall_seconds": taken.wall_seconds,
        },
    )
    return finished(options.results)[-1]


def sized(recipe: Recipe, model: str) -> Recipe:
    """The recipe for another network, which sees images at its own size and at first as much smaller ones."""
    side = spec(model).facts.input_size
    start = recipe.start_size and recipe.start_size * side // (recipe.img_size or side)
    return dataclasses.replace(recipe, model=model, img_size=side, start_size=start)


def trained(name: str, recipe: Recipe, options: argparse.Namespace) -> None:
    """One training and its measurement, as a line."""
    known = {(line["what"], line.get("seed")) for line in finished(options.results)}
    if (name, recipe.seed) in known:
        return
    folder = options.folder / f"{name}-{recipe.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    fields = dataclasses.asdict(recipe)
    pairs = [f"{key}={written(value)}" for key, value in fields.items() if value != "none"]  # which is read as nothing
    command = ["topfive", "train", options.data, *pairs]
    print(f"# {name}, seed {recipe.seed}: {shlex.join(command)}", file=sys.stderr, flush=True)
    try:
        taken = run([*command, "--out", str(folder), "--json"])
        artifact = json.loads(taken.stdout)["artifact"]
        evaluated = run(["topfive", "evaluate", artifact, options.data, "--split", "test", "--json"])
    except subprocess.CalledProcessError as error:
        print(f"# failed with {error.returncode}", file=sys.stderr, flush=True)
        return
    measured = json.loads(evaluated.stdout)
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    append(
        options.results,
        {
            "what": name,
            "seed": recipe.seed,
            "model": recipe.model,
            "command": shlex.join(command),
            "top1": measured["top1"],
            "n": measured["n"],
            "epochs": recipe.epochs,
            "macs": result["macs"],
            "params": result["params"],
            "latency_p50": result["speed"]["latency_p50"],
            "wall_seconds": taken.wall_seconds,
            "processor_seconds": taken.processor_seconds,
        },
    )


def written(value: Any) -> str:
    """A field of a recipe as the command line reads it."""
    if value is None:
        return "none"
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def known_epochs(options: argparse.Namespace) -> int | None:
    """How long the trainings that are there already are: the others are as long."""
    return next((line["epochs"] for line in finished(options.results) if "epochs" in line), None)


def report(options: argparse.Namespace) -> None:
    """Mean and standard deviation of each network over its seeds."""
    for name, rows in grouped(options):
        top1 = [row["top1"] for row in rows]
        mean = sum(top1) / len(top1)
        spread = (sum((one - mean) ** 2 for one in top1) / max(1, len(top1) - 1)) ** 0.5
        print(f"# {name:<10} {mean:.2%} +- {spread:.2%} of {len(top1)}, {rows[0]['macs']:,} multiply-accumulates")


def grouped(options: argparse.Namespace) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    lines = [line for line in finished(options.results) if "top1" in line]
    for name in dict.fromkeys(line["what"] for line in lines):
        yield name, [line for line in lines if line["what"] == name]


if __name__ == "__main__":
    main()
