"""`topfive predict`: what is in photographs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from rich.console import Console
from rich.text import Text
from typer import Argument, Option

from topfive.cli.bar import Bar
from topfive.cli.paths import image_files
from topfive.errors import SkippedError, need, shown
from topfive.predictor import BATCH_SIZE, Prediction, Predictor, Refusal

BAR = 20  # characters of a probability of 1


def predict(
    paths: Annotated[list[str], Argument(metavar="PATH...", help="Images; a folder stands for all images below it.")],
    model: Annotated[
        str | None, Option(help="An artifact, or with --weights a network. Default: the built-in ImageNet classifier.")
    ] = None,
    weights: Annotated[
        str | None, Option(metavar="SOURCE", help="torchvision, timm, imagenet, hub:OWNER/NAME or a file; needs torch.")
    ] = None,
    top: Annotated[int, Option(min=1, help="How many classes to name.")] = 5,
    as_json: Annotated[bool, Option("--json", help="One JSON line a path on stdout.")] = False,
    strict: Annotated[bool, Option(help="Exit 7 if a file could not be read.")] = False,
    threads: Annotated[int | None, Option(min=1, help="Threads of the engine. Default: one a core.")] = None,
    batch_size: Annotated[int, Option(min=1, help="Images at a time.")] = BATCH_SIZE,
) -> None:
    """Name what is in photographs.

    A file that is no image is named and passed over; the rest goes on.
    """
    predictor = Predictor.load(_shipped(weights, model) if weights is not None else model, threads, batch_size)
    files = list(image_files(paths))
    refused = 0
    with Bar("predicting", shown=not sys.stdout.isatty()) as bar:
        for done, result in enumerate(predictor.predict(files, top), start=1):
            refused += isinstance(result, Refusal)
            _print_json(result) if as_json else _print(result)
            bar(done, len(files))
    if strict and refused:
        raise SkippedError("finished, but not read", None, f"{refused} of {len(files)} files are no images")


def _shipped(weights: str, model: str | None) -> Path:
    """The artifact of the weights, made where it is not yet in the cache."""
    need("torch", "train")
    from topfive.export.cache import shipped

    return shipped(weights, model)


def _print_json(result: Prediction | Refusal) -> None:
    if isinstance(result, Refusal):
        answer: dict[str, object] = {"error": result.reason}
    else:
        answer = {"predictions": [asdict(item) for item in result.top]}
    print(json.dumps({"path": result.source, **answer}), flush=True)


def _print(result: Prediction | Refusal) -> None:
    if isinstance(result, Refusal):
        _console(stderr=True).print(Text(f"{shown(str(result.source))}: {shown(result.reason)}", style="red"))
        return
    console = _console(stderr=False)
    console.print(Text(shown(str(result.source)), style="bold"))
    if not result.top:
        console.print(Text("  no class reaches its threshold", style="dim"))
    width = max((len(shown(item.label)) for item in result.top), default=0)
    for item in result.top:
        bar = "█" * round(BAR * item.probability)
        console.print(
            Text(f"  {item.probability:6.1%}  {shown(item.label):<{width}}  "), Text(bar, style="cyan"), sep=""
        )


def _console(stderr: bool) -> Console:
    return Console(stderr=stderr, highlight=False, soft_wrap=True)
