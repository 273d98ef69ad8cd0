"""`topfive evaluate`: an artifact measured on labelled images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer import Argument, Option

from topfive.cli.bar import Bar
from topfive.data import open_data
from topfive.errors import DataError, SkippedError, UsageError, nearest, shown
from topfive.evaluate import Evaluation
from topfive.evaluate import evaluate as measure
from topfive.predictor import BATCH_SIZE, Predictor

WORST = 5  # classes that are listed


def evaluate(
    artifact: Annotated[Path, Argument(help="A model.onnx that topfive wrote.")],
    data: Annotated[str, Argument(help="A folder, a CSV file or a name (topfive data list).")],
    split: Annotated[str, Option(help="train, val or test.")] = "test",
    crops: Annotated[int, Option(help="Views of an image that are averaged: 1, 10 or 144.")] = 1,
    data_root: Annotated[Path | None, Option(help="Where named data sets lie.")] = None,
    seed: Annotated[int, Option(help="Decides which images are held out, where the data do not say.")] = 0,
    val_fraction: Annotated[float, Option(help="Share of images held out for val, as in training.")] = 0.1,
    test_fraction: Annotated[float, Option(help="Share of images held out for test, as in training.")] = 0.1,
    as_json: Annotated[bool, Option("--json", help="One JSON line on stdout.")] = False,
    strict: Annotated[bool, Option(help="Exit 7 if an image could not be read.")] = False,
    threads: Annotated[int | None, Option(min=1, help="Threads of the engine. Default: one a core.")] = None,
    batch_size: Annotated[int, Option(min=1, help="Images at a time.")] = BATCH_SIZE,
) -> None:
    """Measure an artifact on labelled images: top-1, top-5, negative log-likelihood and calibration error."""
    if crops not in (1, 10, 144):
        raise UsageError("--crops", str(crops), "there are 1, 10 or 144", "Choose one of them")
    if split not in ("train", "val", "test"):
        raise UsageError("--split", split, "there are train, val and test", nearest(split, ("train", "val", "test")))
    predictor = Predictor.load(artifact, threads, batch_size)
    with Bar("reading images") as bar:
        splits = open_data(
            data,
            data_root=data_root,
            seed=seed,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            short_side=predictor.preprocess.resize_side,
            progress=bar,
        )
    dataset = dict(splits.parts())[split]
    if not len(dataset):
        others = ", ".join(f"{name} {len(part):,}" for name, part in splits.parts())
        raise DataError("data set", data, f"its {split} split is empty ({others})", "Choose another --split")
    with Bar("evaluating") as bar:
        result = measure(predictor, dataset, cast(Literal[1, 10, 144], crops), bar)
    if as_json:
        figures = {"n": result.n, "top1": result.top1, "top5": result.top5, "nll": result.nll, "ece": result.ece}
        print(json.dumps({"data": data, "split": split, **figures}))
    else:
        _print(result, f"{splits.name}, {split}")
    if strict and result.skipped:
        first = result.skipped[0]
        why = f"{len(result.skipped)} images could not be read, the first is {shown(first.path)}: {first.reason}"
        raise SkippedError("finished, but skipped", data, why)


def _print(result: Evaluation, title: str) -> None:
    console = Console(highlight=False)
    console.print(Text(f"{shown(title)}: {result.n:,} images", style="bold"))
    for name, value, interval in (
        ("top-1", result.top1, result.top1_interval),
        ("top-5", result.top5, result.top5_interval),
    ):
        console.print(f"  {name}  {value:7.2%}   95% interval {interval.low:.2%} to {interval.high:.2%}")
    console.print(f"  nll    {result.nll:7.4f}   nats\n  ece    {result.ece:7.4f}   15 bins")
    if result.skipped:
        console.print(f"  {len(result.skipped)} images could not be read and are not counted")
    table = Table("class", "images", "precision", "recall", "F1", title=f"the {WORST} classes with the lowest F1")
    present = [score for score in result.per_class if score.support]
    for score in sorted(present, key=lambda score: score.f1)[:WORST]:
        values = (f"{value:.2%}" for value in (score.precision, score.recall, score.f1))
        table.add_row(Text(shown(score.name)), f"{score.support:,}", *values)
    console.print(table)
