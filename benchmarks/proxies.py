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
import multiprocessing
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from typing import Any

from measure import append, finished

RESULTS = Path(__file__).with_suffix(".jsonl")
SEARCHES = Path(__file__).with_name("found_network.jsonl")
JOURNALS = Path(__file__).parents[1] / "runs" / "benchmarks" / "found-network"
RANDOM = 8  # networks of the random search, evenly spaced in its order, beside those that were looked at again


KINDS = ("truth", "trial", "wide", "wide-muon")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", action="append", choices=KINDS, help="default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--summary", action="store_true")
    options = parser.parse_args()
    if options.summary:
        summary(finished(options.results))
        return
    kinds = options.kind or KINDS
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


def measured(kind: str, model: str, seed: int) -> dict[str, Any]:
    """One training in this process, on one thread."""
    import torch

    from topfive.models import spec

    torch.set_num_threads(1)
    evaluate, images = evaluator(kind)
    found = evaluate(model, seed)
    return {
        "kind": kind,
        "model": model,
        "seed": seed,
        "accuracy": found.accuracy,
        "curve": [round(accuracy, 4) for accuracy in found.curve],
        "macs": spec(model).facts.macs,
        "n": images,
        "processor_seconds": round(found.seconds, 2),
    }


@cache
def evaluator(kind: str) -> tuple[Any, int]:
    """What trains and judges a network, and on how many images; these are read once a process."""
    from topfive.data import open_data
    from topfive.data.part import within_training
    from topfive.models import spec
    from topfive.search.choice import settings_for
    from topfive.search.finals import base_for
    from topfive.search.proxy import Proxy
    from topfive.train.fit import Silent
    from topfive.train.recipes.quick import quick

    data = open_data("fashion-mnist")
    end = quick(spec(base_for(data)), data)
    if kind == "truth":
        splits = within_training(data, 30_000, 10_000)
        return Proxy(splits, dataclasses.replace(end, model="", epochs=3)), len(splits.val)
    settings = settings_for(data, {}, Silent())
    wide = settings if kind == "trial" else dataclasses.replace(settings, trial_filters=None)
    evaluate = wide.plan(data).evaluate
    if kind == "wide-muon":
        once = {"grad_accum_steps": 1, "start_size": None, "model_ema": 0.0, "warmup_epochs": 0.5, "shift": 0}
        recipe = dataclasses.replace(end, model="", epochs=settings.epochs, **once)
        evaluate = dataclasses.replace(evaluate, evaluate=dataclasses.replace(evaluate.evaluate, recipe=recipe))
    return evaluate, settings.validation


def summary(lines: list[dict[str, Any]]) -> None:
    """A row a kind, over all networks that it trained."""
    for name, kind in compared(lines, lambda line: True).items():
        chosen = f"chosen {kind.below:.2f} points below the best"
        print(f"# {name:<10} of {kind.count}: {kind.order:.2f}; {chosen}; {kind.seconds:.0f} s")


@dataclasses.dataclass(frozen=True)
class Compared:
    """How a kind of short training orders `count` networks.

    `order` is Spearman's correlation with the truth; `below` is how far below the best of the truth its choice is, in
    points; `seconds` of processor time a training.
    """

    count: int
    order: float
    below: float
    seconds: float


def compared(lines: Sequence[dict[str, Any]], wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Compared]:
    """By kind, over those of its lines that are wanted, where they are of three networks or more."""
    from scipy.stats import spearmanr

    accuracy: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in filter(wanted, lines):
        accuracy[line["kind"]][line["model"]].append(line["accuracy"])
    truth = {model: statistics.mean(found) for model, found in accuracy.pop("truth").items()}
    kinds = {}
    for kind, by_model in accuracy.items():
        found = {model: statistics.mean(values) for model, values in by_model.items() if model in truth}
        if len(found) < 3:
            continue
        best = max(found, key=lambda model: found[model])
        kinds[kind] = Compared(
            len(found),
            float(spearmanr(list(found.values()), [truth[model] for model in found]).statistic),
            100 * (max(truth[model] for model in found) - truth[best]),
            statistics.median(line["processor_seconds"] for line in lines if line["kind"] == kind),
        )
    return kinds


if __name__ == "__main__":
    main()
