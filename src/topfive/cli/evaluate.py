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
from topfive.data import ImageDataset
from topfive.errors import SkippedError, UsageError, nearest, shown
from topfive.evaluate import Evaluation, LabelEvaluation, Views, evaluate_labels, match_classes, short_sides
from topfive.evaluate import evaluate as measure
from topfive.evaluate.source import SPLITS, open_measured
from topfive.predictor import BATCH_SIZE, Predictor

WORST = 5  # classes that are listed


def evaluate(
    artifact: Annotated[Path, Argument(help="A model.onnx that topfive wrote.")],
    data: Annotated[str, Argument(help="A folder, a CSV file or a name (topfive data list).")],
    split: Annotated[
        str | None, Option(help="train, val, test or all. Default: test, or val where the folder has that alone.")
    ] = None,
    crops: Annotated[int, Option(help="Views of an image that are averaged: 1, 10 or 144.")] = 1,
    scales: Annotated[
        str | None,
        Option(
            help="Average over these, e.g. 1.0,1.14: factors of the short side that images are scaled to, or pixels."
        ),
    ] = None,
    mirror: Annotated[bool, Option("--mirror", help="Average with the mirror image; 10 and 144 crops do.")] = False,
    data_root: Annotated[Path | None, Option(help="Where named data sets lie.")] = None,
    seed: Annotated[int, Option(help="Decides which images are held out, where the data do not say.")] = 0,
    val_fraction: Annotated[float, Option(help="Share of images held out for val, as in training.")] = 0.1,
    test_fraction: Annotated[float, Option(help="Share of images held out for test, as in training.")] = 0.1,
    max_bad: Annotated[float, Option(help="Share of unreadable images that is put up with.")] = 0.05,
    follow_links: Annotated[bool, Option("--follow-links", help="Follow links that lead out of the folder.")] = False,
    as_json: Annotated[bool, Option("--json", help="One JSON line on stdout.")] = False,
    strict: Annotated[bool, Option(help="Exit 7 if an image could not be read.")] = False,
    threads: Annotated[int | None, Option(min=1, help="Threads of the engine. Default: one a core.")] = None,
    batch_size: Annotated[int, Option(min=1, help="Images at a time.")] = BATCH_SIZE,
) -> None:
    """Measure an artifact on labelled images.

    Top-1, top-5, negative log-likelihood and calibration error; of several labels an image, mAP and F1.

    The images may be of some of its classes only, called by name or synset.

    A folder without a train part is measured whole, one of classes as training divides it.
    """
    if crops not in (1, 10, 144):
        raise UsageError("--crops", str(crops), "there are 1, 10 or 144", "Choose one of them")
    if split not in (None, *SPLITS):
        raise UsageError("--split", split, f"there are {', '.join(SPLITS)}", nearest(split, SPLITS))
    predictor = Predictor.load(artifact, threads, batch_size)
    preprocess = predictor.preprocess
    if scales is not None and crops == 144:
        raise UsageError("--scales", scales, "144 crops have four scales of their own", "Leave it out")
    shorts = short_sides(scales, preprocess) if scales is not None else ()
    views = Views(cast(Literal[1, 10, 144], crops), shorts, mirror)
    with Bar("reading images") as bar:
        found = open_measured(
            data,
            split,
            data_root=data_root,
            seed=seed,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            max_bad=max_bad,
            follow_links=follow_links,
            short_side=max(shorts, default=preprocess.resize_side),
            progress=bar,
        )
    match_classes(predictor.labels, found.dataset.classes)  # before anything is said of them
    for note in (*found.notes, *_subset(predictor, found.dataset)):
        Console(stderr=True, highlight=False, soft_wrap=True).print(Text(shown(note), style="dim"))
    with Bar("evaluating") as bar:
        run = measure if predictor.activation == "softmax" else evaluate_labels
        result: Evaluation | LabelEvaluation = run(predictor, found.dataset, views, bar)
    if as_json:
        print(json.dumps({"data": data, "split": found.split, **_figures(result)}))
    else:
        _print(result, f"{found.name}, {found.split}")
    skipped = found.skipped + result.skipped
    if strict and skipped:
        why = f"{len(skipped)} images could not be read, the first is {shown(skipped[0].path)}: {skipped[0].reason}"
        raise SkippedError("finished, but skipped", data, why)


def _subset(predictor: Predictor, dataset: ImageDataset) -> list[str]:
    """What is to be said where the images are not of all classes."""
    present, known = len(dataset.classes), len(predictor.labels)
    return [f"the data has {present:,} of the model's {known:,} classes; all of them compete"] * (present < known)


def _figures(result: Evaluation | LabelEvaluation) -> dict[str, float]:
    several = isinstance(result, LabelEvaluation)
    names = ["n", "mean_average_precision", "micro_f1", "macro_f1"] if several else ["n", "top1", "top5", "nll", "ece"]
    return {name: getattr(result, name) for name in names}


def _print(result: Evaluation | LabelEvaluation, title: str) -> None:
    console = Console(highlight=False)
    console.print(Text(f"{shown(title)}: {result.n:,} images", style="bold"))
    if isinstance(result, LabelEvaluation):
        _print_labels(result, console)
    else:
        _print_classes(result, console)
    if result.skipped:
        console.print(f"  {len(result.skipped)} images could not be read and are not counted")


def _print_classes(result: Evaluation, console: Console) -> None:
    for name, value, interval in (
        ("top-1", result.top1, result.top1_interval),
        ("top-5", result.top5, result.top5_interval),
    ):
        console.print(f"  {name}  {value:7.2%}   95% interval {interval.low:.2%} to {interval.high:.2%}")
    console.print(f"  nll    {result.nll:7.4f}   nats\n  ece    {result.ece:7.4f}   15 bins")
    table = Table("class", "images", "precision", "recall", "F1", title=f"the {WORST} classes with the lowest F1")
    present = [score for score in result.per_class if score.support]
    for score in sorted(present, key=lambda score: score.f1)[:WORST]:
        values = (f"{value:.2%}" for value in (score.precision, score.recall, score.f1))
        table.add_row(Text(shown(score.name)), f"{score.support:,}", *values)
    console.print(table)


def _print_labels(result: LabelEvaluation, console: Console) -> None:
    console.print(f"  mAP       {result.mean_average_precision:7.2%}   mean of the classes' average precision")
    console.print(f"  micro-F1  {result.micro_f1:7.2%}   all labels together\n  macro-F1  {result.macro_f1:7.2%}")
    table = Table("class", "images", "AP", "precision", "recall", "F1", title=f"the {WORST} classes with the lowest AP")
    present = [score for score in result.per_class if score.support]
    for score in sorted(present, key=lambda score: score.average_precision)[:WORST]:
        values = (f"{x:.2%}" for x in (score.average_precision, score.precision, score.recall, score.f1))
        table.add_row(Text(shown(score.name)), f"{score.support:,}", *values)
    console.print(table)
