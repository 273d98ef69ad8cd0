"""What a run decides before its first step, and whether a run that is continued is still the same one."""

from __future__ import annotations

import dataclasses
import platform
from typing import Any

import numpy as np
import torch

from topfive import __version__
from topfive.data import ArrayDataset, ImageDataset, Splits
from topfive.errors import RefusedError, TopfiveError, UsageError
from topfive.models import create_model, spec
from topfive.nn.classifier import Classifier
from topfive.nn.dropout import set_dropout
from topfive.nn.residual import zero_gamma
from topfive.nn.stochastic_depth import set_drop_path
from topfive.preprocess import Preprocess
from topfive.recipe import Recipe, differences, recipe_from
from topfive.spec import ModelSpec
from topfive.train.batches import side_at
from topfive.train.placement import Placement
from topfive.train.policies import policy_from
from topfive.train.recipes import SMALL_SIDE

NEAR = 0.75  # images of at least this share of a network's own size are not scaled up
SAMPLE = 2000  # images that mean and deviation are taken from


def preprocess_for(recipe: Recipe, splits: Splits, given: Preprocess | None = None) -> Preprocess:
    """How this data set is fed to the recipe's network; `given` is what its starting weights were trained with.

    Photographs go through the network's own resize and crop.  Images in memory are all of one size, often smaller than
    the network's: they keep it where the network takes it, are framed in black where they nearly fill a fixed size (28
    in LeNet's 32), and are scaled otherwise.  Mean and deviation are the weights' own, or those of the training images.
    """
    model = spec(recipe.model)
    base = given or model.preprocess
    native = splits.train.images.shape[2] if isinstance(splits.train, ArrayDataset) else None
    if recipe.img_size is not None:
        geometry = dataclasses.replace(base, size=recipe.img_size, pad=0, crop=base.crop if native is None else 1.0)
    elif native is None or given is not None:
        geometry = base
    else:
        geometry = dataclasses.replace(base, crop=1.0, **_natural(model, native))
    if given is not None:
        return geometry
    mean, std = _statistics(splits.train, model.facts.in_channels)
    return dataclasses.replace(geometry, mean=mean, std=std)


def _natural(model: ModelSpec, native: int) -> dict[str, Any]:
    """`size` and `pad` for images of `native` pixels a side."""
    own = model.facts.input_size
    if native >= NEAR * own and takes(model, native):
        return {"size": native, "pad": 0}
    if NEAR * own <= native <= own and (own - native) % 2 == 0:
        return {"size": native, "pad": (own - native) // 2}
    if own > SMALL_SIDE >= native:  # a network for photographs: twice the native size keeps its deep maps alive
        doubled = min(own, max(64, 2 * native))
        return {"size": doubled if takes(model, doubled) else own, "pad": 0}
    return {"size": own, "pad": 0}


def takes(model: ModelSpec, side: int) -> bool:
    """Whether the network accepts images of this size; asked on the meta device."""
    with torch.device("meta"):
        network = create_model(model.name).eval()
        try:
            network(torch.empty(1, model.facts.in_channels, side, side))
        except (TopfiveError, RuntimeError, ValueError):
            return False
    return True


def rehearse(recipe: Recipe, splits: Splits, preprocess: Preprocess) -> None:
    """Raise UsageError where the network cannot learn from images of this size in batches of this size.

    Asked on the meta device, before anything is read or written; so is whether there is such a policy.
    """
    if recipe.aa is not None:
        policy_from(recipe.aa)
    side, batch = preprocess.side, min(recipe.batch_size, len(splits.train))
    batch = max(min(2, batch), batch // recipe.grad_accum_steps)  # of a part
    if recipe.start_size is not None and recipe.start_size > side:
        why = f"{recipe.start_size} pixels do not grow to {side}"
        raise UsageError("--start-size", str(recipe.start_size), why, "Use a smaller one")
    with torch.device("meta"):
        network = build(recipe, splits).train()
        for seen in {side, side_at(recipe, side, 0)}:
            try:
                network(torch.empty(batch, preprocess.channels, seen, seen))
            except (RuntimeError, ValueError) as error:
                why = f"{recipe.model} cannot learn from {batch} images of {seen} pixels at a time ({error})"
                raise UsageError("cannot train", None, why, "Use a larger --img-size or --batch-size") from None


def _statistics(dataset: ImageDataset, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation a channel, on the scale [0, 1], of an even sample of the images, to four decimals."""
    chosen = np.linspace(0, len(dataset) - 1, min(SAMPLE, len(dataset))).astype(int)
    sums, squares, count = np.zeros(3), np.zeros(3), 0
    for i in np.unique(chosen):
        image = dataset[int(i)][0] / 255.0  # [C, H, W]; grey broadcasts to three
        sums += image.sum((1, 2))
        squares += (image**2).sum((1, 2))
        count += image[0].size
    mean = sums / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 1e-4))
    if channels == 1:
        mean, deviation = mean.mean(keepdims=True), deviation.mean(keepdims=True)
    return tuple(round(float(m), 4) for m in mean), tuple(round(float(d), 4) for d in deviation)


def build(recipe: Recipe, splits: Splits) -> Classifier:
    """The network with a head for the classes of the data, in the channels of its own row, dropped out as asked."""
    model = create_model(recipe.model, num_classes=len(splits.classes), sides=recipe.auxiliary)
    if recipe.drop is not None:
        set_dropout(model, recipe.drop)
    if recipe.drop_path is not None:
        set_drop_path(model, recipe.drop_path)
    if recipe.zero_gamma:
        zero_gamma(model)
    return model


def environment(processes: int = 1, device: str = "cpu") -> dict[str, str]:
    """What must be equal, with threads and memory format, for a resumed run to be bit-identical."""
    kind = torch.device(device).type
    return {
        "topfive": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "processes": str(processes),
        "device": torch.cuda.get_device_name(device) if kind == "cuda" else kind,
    }


def configuration(
    recipe: Recipe,
    splits: Splits,
    preprocess: Preprocess,
    placement: Placement,
    source: dict[str, Any],
    processes: int = 1,
    device: str = "cpu",
) -> dict[str, Any]:
    """All that `config.yaml` holds; `source` is how the data were asked for."""
    return {
        "recipe": _plain(dataclasses.asdict(recipe)),
        "digest": recipe.digest(),
        "data": {**source, **_images(splits)},
        "preprocess": _plain(dataclasses.asdict(preprocess)),
        "placement": dataclasses.asdict(placement),
        "environment": environment(processes, device),
    }


def continued(config: dict[str, Any], splits: Splits, differs: list[str], step: int) -> dict[str, Any]:
    """`config` of a run that goes on from `step` with what differs: on record, and from now on the run's own data."""
    resumed = [*config.get("resumed", []), {"step": step, "differs": differs}]
    return {**config, "data": {**config["data"], **_images(splits)}, "resumed": resumed}


def _images(splits: Splits) -> dict[str, Any]:
    return {
        "fingerprint": splits.fingerprint,
        "classes": list(splits.classes),
        "counts": {name: len(part) for name, part in splits.parts()},
        "skipped": [{"path": s.path, "reason": s.reason} for s in splits.skipped],
    }


def check_same(
    config: dict[str, Any],
    recipe: Recipe,
    splits: Splits,
    *,
    accept_data_change: bool = False,
    exact: bool = False,
    processes: int = 1,
    device: str = "cpu",
) -> list[str]:
    """Raise where a continued run would not be the one that was begun.

    The returned lines say why the result may not be bit-identical to an uninterrupted run's; with `exact` that is
    refused too.
    """
    changed = differences(recipe_from(config["recipe"]), recipe)
    if changed:
        listed = ", ".join(f"{key} was {old!r}, is {new!r}" for key, (old, new) in changed.items())
        todo = "Leave these flags out, or start anew with another --out"
        raise UsageError("cannot resume", None, f"the recipe changed: {listed}", todo)
    if config["data"]["classes"] != list(splits.classes):
        old, new = set(config["data"]["classes"]), set(splits.classes)
        parts = [
            f"{word} {', '.join(sorted(names)[:5])}"
            for word, names in (("gone:", old - new), ("new:", new - old))
            if names
        ]
        why = f"the classes changed ({'; '.join(parts) or 'their order'})"
        raise RefusedError("cannot resume", splits.name, why, "Start anew with another --out")
    loose = []
    if config["data"]["fingerprint"] != splits.fingerprint:
        if not accept_data_change:
            todo = "Put them back, or continue all the same with --accept-data-change"
            raise RefusedError("cannot resume", splits.name, "the images are not those the run began with", todo)
        loose.append("the images changed")
    was, now = config["environment"], environment(processes, device)
    loose += [f"{key} {was[key]} -> {value}" for key, value in now.items() if was.get(key, value) != value]
    if loose and exact:
        raise RefusedError("cannot resume exactly", splits.name, ", ".join(loose), "Leave out --exact")
    return [f"not bit-identical to an uninterrupted run: {', '.join(loose)}"] if loose else []


def _plain(value: Any) -> Any:
    """Tuples as lists, for YAML."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value
