"""`topfive train`: from images to a finished run folder."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from topfive.cli.progress import TrainingProgress
from topfive.errors import SkippedError, UsageError, need


def train(
    context: typer.Context,
    data: Annotated[str | None, Argument(help="A folder, a CSV file or a name (topfive data list).")] = None,
    model: Annotated[str | None, Option(help="A network (topfive models). Default: what suits the images.")] = None,
    out: Annotated[Path | None, Option(help="The run folder. Default: runs/DATA-MODEL.")] = None,
    resume: Annotated[
        str | None, Option(metavar="[DIR]", help="Continue the run in DIR, or in --out where no DIR follows.")
    ] = None,
    epochs: Annotated[int | None, Option(help="Passes over the training images.")] = None,
    batch_size: Annotated[int | None, Option(help="Images a step.")] = None,
    lr: Annotated[float | None, Option(help="The highest learning rate.")] = None,
    opt: Annotated[str | None, Option(help="sgd, rmsprop or adamw.")] = None,
    momentum: Annotated[float | None, Option(help="Of sgd and rmsprop.")] = None,
    weight_decay: Annotated[float | None, Option(help="Of weights; biases and norms have none.")] = None,
    sched: Annotated[str | None, Option(help="cosine, step or constant.")] = None,
    warmup_epochs: Annotated[float | None, Option(help="Epochs over which the rate rises.")] = None,
    decay_epochs: Annotated[float | None, Option(help="Epochs between the falls of --sched step.")] = None,
    decay_rate: Annotated[float | None, Option(help="Factor of each fall of --sched step.")] = None,
    clip_grad: Annotated[float | None, Option(help="Largest norm of the gradient; 0: any.")] = None,
    loss: Annotated[str | None, Option(help="cross_entropy, or rbf_mse for lenet5_original.")] = None,
    smoothing: Annotated[float | None, Option(help="Label smoothing.")] = None,
    model_ema: Annotated[float | None, Option(help="Decay of the averaged weights; 0: no average.")] = None,
    amp: Annotated[bool | None, Option("--amp/--no-amp", help="Half precision where it is safe.")] = None,
    shift: Annotated[int | None, Option(help="Largest random shift, in pixels.")] = None,
    scale: Annotated[str | None, Option(help="Range of random crops, e.g. 0.35,1.")] = None,
    hflip: Annotated[float | None, Option(help="Probability of mirroring.")] = None,
    img_size: Annotated[int | None, Option(help="Pixels a side that the network sees.")] = None,
    weights: Annotated[
        str | None, Option(help="Start from these: imagenet, torchvision, timm, hub:OWNER/NAME or a file.")
    ] = None,
    seed: Annotated[int | None, Option(help="Decides every random draw.")] = None,
    data_root: Annotated[Path | None, Option(help="Where named data sets lie.")] = None,
    split_seed: Annotated[int, Option(help="Decides which images are held out, where the data do not say.")] = 0,
    val_fraction: Annotated[float, Option(help="Share of images held out to choose the best epoch.")] = 0.1,
    test_fraction: Annotated[float, Option(help="Share of images held out to measure the result.")] = 0.1,
    max_bad: Annotated[float, Option(help="Share of unreadable images that is put up with.")] = 0.05,
    allow_empty: Annotated[bool, Option("--allow-empty", help="Accept classes without images.")] = False,
    follow_links: Annotated[bool, Option("--follow-links", help="Follow links that lead out of the folder.")] = False,
    device: Annotated[str | None, Option(help="cpu, cuda, ... Default: cuda where there is one.")] = None,
    threads: Annotated[int | None, Option(help="Threads of an operation. Default: measured.")] = None,
    memory_format: Annotated[str | None, Option(help="channels_last or contiguous. Default: measured.")] = None,
    workers: Annotated[int | None, Option(help="Threads that decode images. Default: one a core.")] = None,
    checkpoint_seconds: Annotated[float, Option(help="Seconds between checkpoints.")] = 60.0,
    accept_data_change: Annotated[
        bool, Option("--accept-data-change", help="Continue although the images changed.")
    ] = False,
    exact: Annotated[
        bool, Option("--exact", help="Refuse to continue where the result could differ in a bit.")
    ] = False,
    strict: Annotated[bool, Option("--strict", help="Exit 7 if any image had to be skipped.")] = False,
    as_json: Annotated[bool, Option("--json", help="One JSON line on stdout at the end.")] = False,
) -> None:
    """Train a classifier on a folder, a CSV file or a named data set.

    The run folder gets the shipped file, the weights, the report and the recipe.

    A run that was stopped or killed goes on with --resume, to the same bits.
    """
    need("torch", "train")
    import torch

    from topfive.data.places import cache_folder
    from topfive.train import DataChoices, Recipe, Request, Run, Surroundings, fit, settle

    fields = {field.name for field in dataclasses.fields(Recipe)}
    settings = {name: value for name, value in context.params.items() if name in fields and value is not None}
    choices = DataChoices(split_seed, val_fraction, test_fraction, max_bad, allow_empty, follow_links)
    request = Request(data, out, resume, _ranges(settings), data_root, choices)
    with TrainingProgress() as progress:
        settled = settle(request, progress)
        surroundings = Surroundings(
            threads=_positive("threads", threads),
            channels_last=_channels_last(memory_format),
            workers=_positive("workers", workers),
            checkpoint_seconds=checkpoint_seconds,
            placement_cache=cache_folder() / "placement.json",
            accept_data_change=accept_data_change,
            exact=exact,
            source=settled.source,
            watch=progress,
        )
        with Run(settled.folder) as run:
            report = fit(settled.recipe, settled.splits, run, _device(device, torch), surroundings)
    if as_json:
        print(json.dumps(report.contract()))
    else:
        print(report.text())
    skipped = settled.splits.skipped
    if strict and skipped:
        raise SkippedError("finished, but skipped", settled.splits.name, f"{len(skipped)} images could not be read")


def _ranges(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with "0.35,1" as a pair of numbers."""
    if "scale" not in settings:
        return settings
    try:
        low, high = (float(part) for part in settings["scale"].split(","))
    except ValueError:
        raise UsageError("--scale", settings["scale"], "not two numbers", "Use e.g. --scale 0.35,1") from None
    return {**settings, "scale": (low, high)}


def _channels_last(memory_format: str | None) -> bool | None:
    if memory_format not in (None, "channels_last", "contiguous"):
        raise UsageError("--memory-format", memory_format, "it is channels_last or contiguous")
    return None if memory_format is None else memory_format == "channels_last"


def _positive(flag: str, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise UsageError(f"--{flag}", str(value), "at least 1 is needed")
    return value


def _device(wanted: str | None, torch: Any) -> str:
    if wanted is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=wanted)
    except (RuntimeError, AssertionError) as error:
        raise UsageError("--device", wanted, str(error).splitlines()[0], "Use --device cpu") from None
    return wanted
