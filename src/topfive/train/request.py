"""What a user asks for, completed: run folder, whole recipe and data set, of a new run or a continued one."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from topfive.data import Splits, open_data
from topfive.data.check import Thoroughness
from topfive.data.named import NAMED
from topfive.data.shards import shard_files
from topfive.errors import RefusedError, UsageError
from topfive.evaluate.limits import ANY, Limits
from topfive.models import spec
from topfive.recipe import Recipe, recipe_from
from topfive.train.choice import chosen, whole
from topfive.train.found import with_found
from topfive.train.limited import chosen_within
from topfive.train.loop import Watch
from topfive.train.run import CONFIG, Run, new_folder
from topfive.train.task import task_for


@dataclass(frozen=True)
class DataChoices:
    """How the data are split and what is put up with in them; see `topfive.data.open_data`."""

    split_seed: int = 0
    val_fraction: float = 0.1
    test_fraction: float = 0.1
    max_bad: float = 0.05
    allow_empty: bool = False
    follow_links: bool = False
    check: Thoroughness = "all"


@dataclass(frozen=True)
class _Source(DataChoices):
    """How a run says that its data were asked for."""

    source: str | None = None
    root: str | None = None


_SOURCE = TypeAdapter(_Source)


@dataclass(frozen=True)
class Request:
    """A wish for a run; `settings` are the recipe fields that the user named, `recipe` the one they change.

    `resume`: None for a new run, "" for the one in `out`, else its folder.
    """

    data: str | None = None
    out: Path | None = None
    resume: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    recipe: str | None = None
    data_root: Path | None = None
    choices: DataChoices = field(default_factory=DataChoices)
    limits: Limits = ANY


@dataclass(frozen=True)
class Settled:
    """The answer; `source` is how the data were asked for, for `config.yaml`, `limits` what the file must keep to."""

    folder: Path
    recipe: Recipe
    splits: Splits
    source: dict[str, Any]
    limits: Limits = ANY


def settle(request: Request, watch: Watch) -> Settled:
    """Find the run to continue or plan a new one, and open its data."""
    request = _without_misread_resume(request)
    folder = _folder_to_continue(request)
    config = Run(folder).config if folder is not None else None
    if config is not None:
        assert folder is not None
        settings = _checked(request.settings)
        source = _same_source(folder, config["data"], _source(request))
        limits = _same_limits(folder, Limits(**config.get("limits", {})), request.limits)
        return Settled(folder, recipe_from({**config["recipe"], **settings}), _open(source, watch), source, limits)
    settings = _checked(request.settings)
    source = _source(request)
    splits = _open(source, watch)
    recipe = recipe_for(request.recipe, settings, splits, watch, request.limits)
    name = f"{Path(splits.name).stem}-{recipe.model.partition(':')[0]}"  # of a found one, the kind
    return Settled(folder or new_folder(request.out, name), recipe, splits, source, request.limits)


def recipe_for(
    name: str | None, settings: dict[str, Any], splits: Splits, watch: Watch, limits: Limits = ANY
) -> Recipe:
    """The whole recipe: the named one, or what suits, with the settings put in.

    LimitsError where no network, or not the one that is named, keeps to the limits.
    """
    settings = {**task_for(splits).settings, **settings}
    if limits:
        return chosen_within(limits, name, settings, splits, watch)
    if name is None and "model" not in settings:
        return chosen(splits, settings, watch)
    return whole(name, settings, splits)


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, each of its own validated before any image is read."""
    settings = with_found(settings)
    recipe_from({"model": "any", **settings})
    if "model" in settings:
        spec(settings["model"])
    return settings


def _same_limits(folder: Path, stored: Limits, asked: Limits) -> Limits:
    """The run's own limits; UsageError where others are asked for now."""
    if asked and asked != stored:
        why = f"its limits were {stored.told() or 'none'}, are {asked.told()}"
        raise UsageError("cannot resume", folder, why, "Leave them out, or start anew with another --out")
    return stored


def _same_source(folder: Path, stored: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """How the run's data were asked for; UsageError where it is now asked for others.  Only their root may move."""
    usual = dataclasses.asdict(DataChoices()) | {"source": None, "root": None}
    source = {key: stored.get(key, value) for key, value in asked.items()}
    try:
        _SOURCE.validate_python(source)
    except ValidationError as error:
        first = error.errors()[0]
        why = f"not the configuration of a run (data.{first['loc'][0]}: {first['msg']})"
        raise RefusedError("run", folder / CONFIG, why, "Start anew with another --out") from None
    changed = [key for key, value in asked.items() if key != "root" and value not in (usual[key], source[key])]
    if changed:
        listed = ", ".join(f"{key} was {source[key]}, is {asked[key]}" for key in changed)
        todo = "Leave these out, or start anew with another --out"
        raise UsageError("cannot resume", folder, f"it was begun on other data: {listed}", todo)
    return source if asked["root"] is None else {**source, "root": asked["root"]}


def _without_misread_resume(request: Request) -> Request:
    """In `--resume DATA --out DIR` DATA stands where a run's folder may: where it holds no run, it is the data."""
    if request.resume and request.data is None and request.out and not (Path(request.resume) / CONFIG).exists():
        return dataclasses.replace(request, data=request.resume, resume="")
    return request


def _folder_to_continue(request: Request) -> Path | None:
    if request.resume is None:
        return None
    if request.resume == "":
        if request.out is None:
            raise UsageError("--resume", None, "which run?", "Name its folder: --resume runs/NAME, or give --out")
        return request.out  # starts from step 0 where nothing is there yet
    folder = Path(request.resume)
    if not (folder / CONFIG).exists():
        raise UsageError("cannot resume", folder, "it holds no run", "Look into runs/")
    return folder


def _source(request: Request) -> dict[str, Any]:
    """How the data are asked for, in a form that holds in any working directory."""
    data = request.data
    if data is not None and data not in NAMED and (os.path.lexists(data) or shard_files(data)):
        data = os.path.abspath(data)  # else a name, perhaps misspelt
    return {
        "source": data,
        "root": None if request.data_root is None else os.path.abspath(request.data_root),
        **dataclasses.asdict(request.choices),
    }


def _open(source: dict[str, Any], watch: Watch) -> Splits:
    if source["source"] is None:
        raise UsageError("missing data", None, "a folder, a CSV file or a name is needed", "See: topfive data list")
    choices = {field.name: source[field.name] for field in dataclasses.fields(DataChoices)}
    seed = choices.pop("split_seed")
    splits = open_data(source["source"], data_root=source["root"], seed=seed, progress=watch.loading, **choices)
    for note in splits.notes:
        watch.note(note)
    for skipped in splits.skipped[:10]:
        watch.note(f"skipped {skipped.path}: {skipped.reason}")
    return splits
