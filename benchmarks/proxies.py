"""How well a short training orders networks as a long one does: the trials of a search, of several kinds.

    python benchmarks/proxies.py [--kind KIND ...] [--seed 0] [--workers 2] [--summary]

The networks are those of benchmarks/found_network.py: all that either of its searches looked at a second time, and
random ones, from good to bad (RANDOM below).  Each is trained at its whole size by the recipe of the search's end, for
three epochs of 30,000 training images of Fashion-MNIST, and judged on 10,000 other training images ("truth"); and for
512 steps, judged on 4,000, as a trial of the search trains it ("trial"), with all of its filters ("wide"), and by the
recipe of the end besides ("wide-muon").  No test image is read.

Appends one JSON line a training to benchmarks/proxies.jsonl and skips what is there; --summary only says how the orders
agree: Spearman's correlation with the truth, and how far below its best the one is that a kind would choose.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import multiprocessing
import statistics
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from typing import Any

from measure import append, finished

RESULTS = Path(__file__).with_suffix(".jsonl")
SEARCHES = Path(__file__).with_name("found_network.jsonl")
JOURNALS = Path(__file__).parents[1] / "runs" / "benchmarks" / "found-network"
RANDOM = 8  # networks of the random search, evenly spaced in its order, beside those that were looked at again


@dataclasses.dataclass(frozen=True)
class Kind:
    """How a trial trains: cells with `filters`, images of `side` pixels, by the recipe for small images or AdamW's."""

    side: int = 16
    filters: int = 8
    muon: bool = False
    epochs: int = 4
    training: int = 8192
    grown: bool = False  # the truth: as a network is trained in the end


KINDS = {
    "truth": Kind(28, 16, True, 3, 30_000, grown=True),
    "trial": Kind(),
    "wide": Kind(filters=16),
    "wide-muon": Kind(filters=16, muon=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--summary", action="store_true")
    options = parser.parse_args()
    if options.summary:
        summary(finished(options.results))
        return
    kinds = options.kind or list(KINDS)
    done = {(line["kind"], line["model"], line["seed"]) for line in finished(options.results)}
    again = networks()
    todo = [key for model in again for kind in kinds if (key := (kind, model, options.seed)) not in done]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, mp_context=context) as pool:
        for number, future in enumerate(as_completed([pool.submit(measured, *key) for key in todo]), 1):
            line = future.result()
            append(options.results, {**line, "again": again[line["model"]]})
            print(f"# {number} of {len(todo)}", file=sys.stderr, flush=True)
    summary(finished(options.results))


def networks() -> dict[str, bool]:
    """By name, whether a search looked at it again; these first."""
    looked, others = [], []
    for line in finished(SEARCHES):
        if "second_look" not in line:
            continue
        search = line["what"].removeprefix("search: ")
        journal = JOURNALS / f"search-{search}" / "journal.jsonl"
        if not journal.is_file():
            raise SystemExit(f"{journal} is not there: python benchmarks/found_network.py comes first")
        trials = [json.loads(row) for row in journal.read_text(encoding="utf-8").splitlines()]
        measured = {trial["trial"]: trial for trial in trials if "measured" in trial}
        looked += [measured[look["trial"]]["model"] for look in line["second_look"]]
        if search == "random":
            order = sorted(measured.values(), key=lambda trial: -trial["measured"]["accuracy"])
            others = [order[(2 * place + 1) * len(order) // (2 * RANDOM)]["model"] for place in range(RANDOM)]
    return {**dict.fromkeys(looked, True), **dict.fromkeys((one for one in others if one not in looked), False)}


def measured(name: str, model: str, seed: int) -> dict[str, Any]:
    """One training in this process, on one thread."""
    import torch

    from topfive.models import spec
    from topfive.recipe import Recipe
    from topfive.search.proxy import Proxy
    from topfive.search.transfer import Transfer
    from topfive.train.recipes.quick import small_images

    torch.set_num_threads(1)
    kind = KINDS[name]
    splits = images(kind)
    reduced = Transfer(kind.side, kind.filters)(model)
    if kind.muon:
        recipe = dataclasses.replace(small_images(spec(reduced), splits), epochs=kind.epochs, model="")
        if not kind.grown:
            short = {"grad_accum_steps": 1, "start_size": None, "model_ema": 0.0, "warmup_epochs": 0.5, "shift": 0}
            recipe = dataclasses.replace(recipe, **short)
    else:
        recipe = Recipe(
            model="",
            epochs=kind.epochs,
            batch_size=64,
            opt="adamw",
            lr=4e-3,
            weight_decay=0.02,
            warmup_epochs=0.5,
            clip_grad=5.0,
            hflip=0.5,
        )
    found = Proxy(splits, recipe)(reduced, seed)
    return {
        "kind": name,
        "model": model,
        "seed": seed,
        "accuracy": found.accuracy,
        "curve": [round(accuracy, 4) for accuracy in found.curve],
        "macs": spec(model).facts.macs,
        "n": len(splits.val),
        "processor_seconds": round(found.seconds, 2),
    }


@cache
def images(kind: Kind) -> Any:
    """What a kind learns from and is judged on, read once a process."""
    from topfive.data import open_data
    from topfive.data.part import within_training
    from topfive.search.settings import in_memory

    validation = 10_000 if kind.grown else 4_000
    splits = within_training(open_data("fashion-mnist"), kind.training, validation)
    return splits if kind.grown else in_memory(splits, kind.side)


def summary(lines: list[dict[str, Any]]) -> None:
    """A row a kind."""
    for name, kind in compared(lines).items():
        orders = ", ".join("-" if math.isnan(order) else f"{order:.2f}" for order in (kind.order, kind.order_again))
        chosen = f"chosen {kind.below:.2f} points below the best"
        print(f"# {name:<10} of {kind.count}: {orders}; {chosen}; {kind.seconds:.0f} s")


@dataclasses.dataclass(frozen=True)
class Compared:
    """How a kind of trial orders `count` networks.

    `order` is Spearman's correlation with the truth, `order_again` that over those that a search looked at again;
    `below` is how far below the best of the truth its choice is, in points; `seconds` of processor time a training.
    """

    count: int
    order: float
    order_again: float
    below: float
    seconds: float


def compared(lines: list[dict[str, Any]]) -> dict[str, Compared]:
    """By kind, of three networks or more."""
    from scipy.stats import spearmanr

    accuracy: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        accuracy[line["kind"]][line["model"]].append(line["accuracy"])
    truth = {model: statistics.mean(found) for model, found in accuracy["truth"].items()}
    again = {line["model"] for line in lines if line["again"]}

    def order(found: dict[str, float]) -> float:
        return float(spearmanr(list(found.values()), [truth[model] for model in found]).statistic)

    kinds = {}
    for kind, by_model in accuracy.items():
        found = {model: statistics.mean(values) for model, values in by_model.items() if model in truth}
        some = {model: value for model, value in found.items() if model in again}
        if len(found) < 3:
            continue
        best = max(found, key=lambda model: found[model])
        kinds[kind] = Compared(
            len(found),
            order(found),
            order(some) if len(some) > 2 else math.nan,
            100 * (max(truth[model] for model in found) - truth[best]),
            statistics.median(line["processor_seconds"] for line in lines if line["kind"] == kind),
        )
    return kinds


if __name__ == "__main__":
    main()
