"""`topfive train`: from images to a finished run folder."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from topfive.cli.progress import TrainingProgress
from topfive.cli.recipe_flags import settings_from, with_recipe_flags
from topfive.data import Splits
from topfive.data.check import Thoroughness
from topfive.errors import SkippedError, UsageError, need_to_train
from topfive.recipe import Recipe


def _train(
    data: Annotated[str | None, Argument(help="A folder, a CSV file or a name (topfive data list).")] = None,
    settings: Annotated[
        list[str] | None, Argument(metavar="[KEY=VALUE]...", help="Fields of the recipe; each is a flag too.")
    ] = None,
    recipe: Annotated[
        str | None,
        Option(help="One of quick, paper, bag-of-tricks, modern, fine-tune. Default: what suits images and time."),
    ] = None,
    out: Annotated[Path | None, Option(help="The run folder. Default: runs/DATA-MODEL.")] = None,
    resume: Annotated[
        str | None, Option(metavar="[DIR]", help="Continue the run in DIR, or in --out where no DIR follows.")
    ] = None,
    data_root: Annotated[Path | None, Option(help="Where named data sets lie.")] = None,
    split_seed: Annotated[int, Option(help="Decides which images are held out, where the data do not say.")] = 0,
    val_fraction: Annotated[float, Option(help="Share of images held out to choose the best epoch.")] = 0.1,
    test_fraction: Annotated[float, Option(help="Share of images held out to measure the result.")] = 0.1,
    max_bad: Annotated[float, Option(help="Share of unreadable images that is put up with.")] = 0.05,
    allow_empty: Annotated[bool, Option("--allow-empty", help="Accept classes without images.")] = False,
    follow_links: Annotated[bool, Option("--follow-links", help="Follow links that lead out of the folder.")] = False,
    check: Annotated[
        Thoroughness, Option(help="What is looked at first: all of every image, headers, or none.")
    ] = "all",
    device: Annotated[str | None, Option(help="cpu, cuda, ... Default: cuda where there is one.")] = None,
    threads: Annotated[int | None, Option(help="Threads of an operation. Default: measured.")] = None,
    memory_format: Annotated[str | None, Option(help="channels_last or contiguous. Default: measured.")] = None,
    compiled: Annotated[bool, Option("--compile", help="Compile the network with torch.compile.")] = False,
    workers: Annotated[int | None, Option(help="Threads that decode images. Default: one a core.")] = None,
    checkpoint_seconds: Annotated[float, Option(help="Seconds between checkpoints.")] = 60.0,
    accept_data_change: Annotated[
        bool, Option("--accept-data-change", help="Continue although the images changed.")
    ] = False,
    exact: Annotated[
        bool, Option("--exact", help="Refuse to continue where the result could differ in a bit.")
    ] = False,
    nan: Annotated[
        str, Option(metavar="[stop|skip:N]", help="A loss that is no number: stop, or leave out up to N such steps.")
    ] = "stop",
    track: Annotated[
        str | None, Option(help="Hand the figures to tensorboard, wandb or mlflow too; several with commas.")
    ] = None,
    max_latency: Annotated[
        str | None, Option(metavar="TIME", help="Most for one image on one thread of this machine, e.g. 5ms.")
    ] = None,
    max_size: Annotated[str | None, Option(metavar="BYTES", help="Most for the shipped file, e.g. 4MB.")] = None,
    max_macs: Annotated[
        str | None, Option(metavar="NUMBER", help="Most multiply-accumulates for one image, e.g. 50M.")
    ] = None,
    strict: Annotated[bool, Option("--strict", help="Exit 7 if an image was skipped or stands in two parts.")] = False,
    as_json: Annotated[bool, Option("--json", help="One JSON line on stdout at the end.")] = False,
    **flags: Any,
) -> None:
    """Train a classifier on a folder, a CSV file or a named data set.

    The run folder gets the shipped file, the weights, the report and the recipe.

    With --max-latency, --max-size or --max-macs the shipped file keeps to these limits, or the exit code is 8.

    A run that was stopped or killed goes on with --resume, to the same bits.
    """
    begun = time.monotonic()
    need_to_train()
    import torch

    from topfive.data.places import cache_folder
    from topfive.evaluate.limits import limits_from
    from topfive.train import DataChoices, Request, Run, Silent, Surroundings, fit, joined, settle
    from topfive.train.skip import skips_from
    from topfive.train.track import Tracked, sinks_from

    pairs = list(settings or ())
    if data is not None and "=" in data and not os.path.lexists(data):
        pairs, data = [data, *pairs], None  # as in: topfive train --resume runs/mine key=value
    choices = DataChoices(split_seed, val_fraction, test_fraction, max_bad, allow_empty, follow_links, check)
    limits, skips = limits_from(max_latency, max_size, max_macs), skips_from(nan)
    request = Request(data, out, resume, settings_from(flags, pairs), recipe, data_root, choices, limits)
    with (
        joined(_device(device, torch)) as (team, place),
        TrainingProgress() if team.leads else contextlib.nullcontext(Silent()) as progress,
        contextlib.ExitStack() as every,
    ):
        settled = team.told(lambda: settle(request, progress))
        sinks = sinks_from(track, settled.folder) if track and team.leads else {}
        watch = every.enter_context(Tracked([progress], sinks, dataclasses.asdict(settled.recipe)))
        surroundings = Surroundings(
            threads=_positive("threads", threads),
            channels_last=_channels_last(memory_format),
            compiled=compiled,
            workers=_positive("workers", workers),
            checkpoint_seconds=checkpoint_seconds,
            placement_cache=cache_folder() / "placement.json",
            accept_data_change=accept_data_change,
            exact=exact,
            skips=skips,
            begun=begun,
            source=settled.source,
            limits=settled.limits,
            watch=watch,
            team=team,
        )
        with Run(settled.folder, writes=team.leads) as run:
            report = fit(settled.recipe, settled.splits, run, place, surroundings)
        watch.finished(report)
    if not team.leads:
        return
    if as_json:
        print(json.dumps(report.contract()))
    else:
        print(report.text())
    if report.kept is not None:
        report.kept.check(report.artifact)
    if strict:
        _strictly(settled.splits)


def _strictly(splits: Splits) -> None:
    """Raise SkippedError where not all images could be used as they are."""
    if splits.skipped:
        raise SkippedError("finished, but skipped", splits.name, f"{len(splits.skipped)} images could not be read")
    if splits.leaked:
        why = f"{splits.leaked} images stand in two parts: the figures flatter"
        raise SkippedError("finished, but not clean", splits.name, why, "See: topfive data check")


train = with_recipe_flags(_train, Recipe)


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
