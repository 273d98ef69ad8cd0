"""What is searched on given images and how, as data: what `config.yaml` keeps, and the plan that it makes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import numpy as np
import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from topfive import artifact
from topfive.data import ArrayDataset, ImageDataset, Splits
from topfive.data.part import part, within_training
from topfive.errors import RefusedError
from topfive.preprocess import Preprocess
from topfive.recipe import Recipe
from topfive.search import finals
from topfive.search.admission import Limits
from topfive.search.objective import objective_named
from topfive.search.plan import Plan
from topfive.search.protocols import Evaluator
from topfive.search.proxy import Proxy
from topfive.search.second import SHARE, amounts
from topfive.search.spaces import space_named
from topfive.search.strategies import strategy_named
from topfive.search.transfer import Reduced, Transfer
from topfive.train.loading import load_pixels
from topfive.train.placement import available_cores
from topfive.train.request import DataChoices

CONFIG = "config.yaml"

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Settings:
    """Everything that decides which trials a search makes.

    The networks of `space` are for images of `side` pixels in `channels`.  A trial sees `training` images of
    `trial_side` pixels `epochs` times, its cells with `trial_filters`, and is judged on `validation` others; all of
    them are training images of the data, of which `fingerprint` is the digest.  `max_latency` is in seconds.
    """

    space: str
    side: Count
    channels: Count
    strategy: str
    objective: str
    max_latency: Positive | None = None
    max_macs: Count | None = None
    trial_side: Count
    trial_filters: Count | None = None
    training: Count
    validation: Count
    epochs: Count
    batch_size: Count
    seed: Annotated[int, Field(ge=0)] = 0
    round: Count
    fingerprint: str

    def plan(self, splits: Splits) -> Plan:
        """UsageError where a name is not known or the parts do not go together."""
        images = in_memory(within_training(splits, self.training, self.validation), self.trial_side)
        transfer = Transfer(self.trial_side, self.trial_filters)
        return Plan(
            space=space_named(self.space, self.side, self.channels),
            strategy=strategy_named(self.strategy, self.seed),
            evaluate=Reduced(Proxy(images, self.recipe(splits)), transfer, len(splits.classes), self.max_latency),
            objective=objective_named(self.objective, *self.target),
            seed=self.seed,
            round=self.round,
            admit=Limits(self.side, len(splits.classes), self.channels, max_macs=self.max_macs),
            asked=dataclasses.asdict(self),
        )

    def closer(self, splits: Splits) -> Evaluator:
        """Of the second look: networks at their whole size, by the recipe of the search's end."""
        seen, bytes_each = self.epochs * self.training, self.side**2 * self.channels
        learning, judging, epochs = amounts(len(splits.train), bytes_each, seen)
        images = in_memory(within_training(splits, learning, judging), self.side)
        base = finals.recipe_of(finals.base_for(splits), splits, epochs, None, seed=0)
        recipe = dataclasses.replace(base, model="", img_size=None)  # the network's own
        return Reduced(Proxy(images, recipe), Transfer(), len(splits.classes), self.max_latency)

    @property
    def target(self) -> tuple[str, float | None]:
        """The cost that an objective may weigh, in the unit of a measurement: milliseconds, multiply-accumulates."""
        if self.max_latency is not None:
            return "latency", 1e3 * self.max_latency
        return "macs", None if self.max_macs is None else float(self.max_macs)

    def recipe(self, splits: Splits) -> Recipe:
        """Of every trial: what teaches any network something in so few steps."""
        return Recipe(
            model="",
            epochs=self.epochs,
            batch_size=self.batch_size,
            opt="adamw",
            lr=4e-3,
            weight_decay=0.02,
            warmup_epochs=min(0.5, self.epochs),
            clip_grad=5.0,
            hflip=0.5 if splits.mirror else 0.0,
        )


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Budget:
    """When it is over: seconds of all of it, evaluated networks, and seconds of each of the two trainings after it."""

    time: Positive | None = None
    trials: Count | None = None
    train_time: Annotated[float, Field(ge=0, allow_inf_nan=False)]

    @property
    def search_seconds(self) -> float | None:
        """What is left for the search, once the second look has its share."""
        return None if self.time is None else max(1.0, (1 - SHARE) * (self.time - 2 * self.train_time))


@dataclass(frozen=True, kw_only=True)
class Source(DataChoices):
    """How the data were asked for, in a form that holds in any working directory."""

    source: str
    root: str | None = None


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Config:
    source: Source
    settings: Settings
    budget: Budget


_CONFIG = TypeAdapter(Config)


def write_config(folder: Path, config: Config) -> None:
    text = yaml.safe_dump(_CONFIG.dump_python(config, mode="json"), sort_keys=False, allow_unicode=True)
    artifact.write(folder / CONFIG, text.encode())


def read_config(folder: Path) -> Config:
    """RefusedError where there is none, or none of a search."""
    path = folder / CONFIG
    todo = "Name a folder that topfive search DATA wrote"
    try:
        return _CONFIG.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RefusedError("search", folder, f"it holds no search: it has no {CONFIG}", todo) from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else " ".join(str(error).split())
        raise RefusedError("search", path, f"it is not the configuration of a search ({why[:200]})", todo) from None


def in_memory(splits: Splits, side: int) -> Splits:
    """Images of any size read once and kept at `side` pixels, so that no trial decodes or shrinks one; none to test."""
    val = _kept(splits.val, side)
    return dataclasses.replace(splits, train=_kept(splits.train, side), val=val, test=part(val, np.arange(0)))


def _kept(dataset: ImageDataset, side: int) -> ImageDataset:
    channels = len(dataset.images[0]) if isinstance(dataset, ArrayDataset) else 3
    middle = (0.5,) * channels  # no pixel is normalised here
    preprocess = Preprocess(size=side, crop=1.0, mean=middle, std=middle)
    pixels, _ = load_pixels(dataset, preprocess, available_cores())
    return ArrayDataset(pixels.numpy(), dataset.labels, dataset.classes, "image")
