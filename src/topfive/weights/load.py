"""`load_weights`: everything is checked first, and only then is anything written into the network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from topfive import builtin
from topfive.errors import RefusedError, UsageError, shown
from topfive.labels import Labels
from topfive.models import create_model, list_models
from topfive.nn.classifier import Classifier
from topfive.nn.stochastic_depth import StochasticDepth
from topfive.preprocess import Preprocess
from topfive.weights.families import LAYOUTS
from topfive.weights.files import refused
from topfive.weights.layout import natural
from topfive.weights.source import BUILTIN, Contents, read

OWN = "topfive"
_HEAD = "head."
_COUNTER = "num_batches_tracked"  # batch normalisation's own, absent from artifacts and from old checkpoints
_ENOUGH = 0.5  # share of the names that must agree before a source is taken for the same kind of network
_OWN_MARKS = ("stem.conv.weight", "stages.0.0.conv.weight", "trunk.conv1.weight", "trunk.c1.weight")


@dataclass(frozen=True)
class Loaded:
    """What `load_weights` did.

    `matched` tensors were written; `fresh` are those left as they were, because the source has a head for another
    number of classes.  `preprocess` and `labels` are the source's own, None where it does not say.
    """

    layout: str
    path: Path | None
    matched: int
    fresh: tuple[str, ...] = ()
    preprocess: Preprocess | None = None
    labels: Labels | None = None
    architecture: str = ""

    def summary(self) -> str:
        """One line for the user."""
        origin = "a state dict" if self.path is None else BUILTIN if self.path == builtin.PATH else shown(self.path)
        made_for = f", made for {shown(self.architecture)}" if self.architecture else ""
        left = f"; fresh, for another number of classes: {', '.join(self.fresh)}" if self.fresh else ""
        return f"weights {origin} ({self.layout} names{made_for}): {self.matched} tensors loaded{left}"


def load_weights(model: Classifier, source: Mapping[str, Any] | str | os.PathLike[str]) -> Loaded:
    """Write the weights of `source` into `model`: a state dict, a file of torch or safetensors, an artifact, a folder.

    The names may be ours, torchvision's, timm's or efficientnet-pytorch's; the arithmetic stays that of `model`.
    RefusedError, with nothing written, names the first tensor that does not fit.
    """
    target = model.state_dict()
    if any(tensor.is_meta for tensor in target.values()):
        raise UsageError(
            "model", None, "it is on the meta device, which holds no numbers", "Create it on the processor"
        )
    contents = read(source)
    _check_builtin(model, contents)
    layout, names = _recognised(model, target, contents)
    fitted, fresh = _fitted(target, names, contents)
    with torch.no_grad():
        for name, tensor in fitted.items():
            target[name].copy_(tensor)
    return Loaded(
        layout,
        contents.path,
        len(fitted),
        fresh,
        contents.preprocess,
        contents.labels,
        contents.architecture,
    )


def _recognised(model: Classifier, target: Mapping[str, Tensor], contents: Contents) -> tuple[str, dict[str, str]]:
    """The layout whose names agree best with those of the source, and its name for each tensor of ours."""
    given = contents.tensors
    if not given:
        raise _misfit(contents, next(iter(target)), "nothing is in it")
    candidates = [(OWN, {name: name for name in target})]
    candidates += [(layout.library, names) for layout in LAYOUTS if (names := layout.names(target)) is not None]
    best = max(candidates, key=lambda candidate: _agreement(candidate[1], given))
    if len(given.keys() & set(best[1].values())) < _ENOUGH * min(len(given), len(target)):
        known = set(target) if best[0] == OWN else set(best[1].values())
        first = next((name for name in sorted(map(str, given), key=natural) if name not in known), next(iter(given)))
        whose = _whose(contents)
        raise _misfit(contents, first, f"not in {type(model).__name__}; {whose}", "Create the network they belong to")
    return best


def _agreement(names: Mapping[str, str], given: Mapping[Any, Any]) -> float:
    expected = set(names.values())
    return len(expected & given.keys()) / len(expected | given.keys())


def _whose(contents: Contents) -> str:
    """What the names of the source look like."""
    if contents.architecture:
        return f"the weights are for {shown(contents.architecture)}"
    for layout in LAYOUTS:
        if all(mark in contents.tensors for mark in layout.marks):
            return f"the names are those of {layout}"
    if any(mark in contents.tensors for mark in _OWN_MARKS):
        return "the names are topfive's own, for another network"
    return "the names are of no layout that topfive knows"


def _fitted(
    target: Mapping[str, Tensor], names: Mapping[str, str], contents: Contents
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """What to write, by our names, in our precision; and what stays as it is."""
    given = contents.tensors
    expected = set(names.values())
    unknown = sorted((str(name) for name in given if name not in expected), key=natural)
    other_head = _has_other_head(target, names, given)
    wanted = {name: theirs for name, theirs in names.items() if theirs in given or not name.endswith(_COUNTER)}
    fresh = tuple(name for name in wanted if other_head and name.startswith(_HEAD))
    fitted: dict[str, Tensor] = {}
    for name, theirs in wanted.items():
        if theirs not in given:
            aside = f", and `{shown(unknown[0])}` is unknown" if unknown else ""
            raise _misfit(contents, theirs, f"it is missing{aside}")
        tensor = given[theirs]
        if name in fresh:
            continue
        if (why := _unlike(target[name], tensor)) is not None:
            raise _misfit(contents, theirs, why)
        fitted[name] = tensor.reshape(target[name].shape)
    if unknown:
        raise _misfit(contents, unknown[0], "the network has no such tensor")
    for name, tensor in fitted.items():
        fitted[name] = tensor = tensor.to(target[name].dtype)
        if not bool(torch.isfinite(tensor).all()):
            raise _misfit(contents, names[name], "it holds numbers that are not finite")
        if name.endswith("running_var") and bool((tensor < 0).any()):
            raise _misfit(contents, names[name], "it holds a negative variance")
    return fitted, fresh


def _unlike(ours: Tensor, theirs: Any) -> str | None:
    """Why `theirs` cannot stand for `ours`, None where it can."""
    if not isinstance(theirs, Tensor):
        return f"it is a {type(theirs).__name__}, not a tensor"
    if theirs.layout != torch.strided or theirs.is_quantized or theirs.is_meta:
        return "it is sparse, quantised or without numbers"
    if theirs.is_floating_point() != ours.is_floating_point() or theirs.is_complex() or theirs.dtype.itemsize == 1:
        return f"it is of type {_bare(theirs.dtype)}, and {_bare(ours.dtype)} is needed"
    as_convolution = theirs.ndim == 4 and ours.ndim == 2  # a linear layer that sees the whole map
    shape = (len(theirs), theirs[0].numel()) if as_convolution and len(theirs) else tuple(theirs.shape)
    if shape != tuple(ours.shape):
        return f"its shape is {list(theirs.shape)}, and {list(ours.shape)} is needed"
    return None


def _bare(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _has_other_head(target: Mapping[str, Tensor], names: Mapping[str, str], given: Mapping[Any, Any]) -> bool:
    """Whether the heads differ in nothing but the number of classes, the first size of each of their tensors."""
    pairs = [(tensor, given.get(names[name])) for name, tensor in target.items() if name.startswith(_HEAD)]
    counts = set()
    for ours, theirs in pairs:
        if not isinstance(theirs, Tensor) or theirs.ndim == 0 or theirs.is_meta:
            return False
        if (
            theirs.shape[1:].numel() != ours.shape[1:].numel()
            or theirs.dtype.is_floating_point != ours.is_floating_point()
        ):
            return False
        counts.add((len(theirs), len(ours)))
    return len(counts) == 1 and not any(theirs == ours for theirs, ours in counts)


def _check_builtin(model: Classifier, contents: Contents) -> None:
    """The built-in weights are for one network in one arithmetic, which the names of tensors do not show."""
    if contents.path != builtin.PATH or contents.architecture not in list_models():
        return
    with torch.device("meta"):
        meant = create_model(contents.architecture, in_channels=model.in_channels)
    if list(_arithmetic(model)) != list(_arithmetic(meant)):
        raise RefusedError(
            "weights",
            BUILTIN,
            f"the built-in weights are for {contents.architecture}, and the network is another",
            f"Choose --model {contents.architecture}, or give a file of weights for the network",
        )


def _arithmetic(model: nn.Module) -> Iterator[str]:
    """Every layer but the head, with the settings that decide what it computes in evaluation."""
    for name, module in model.named_modules():
        is_leaf = not any(True for _ in module.children())
        if is_leaf and name != "head" and not isinstance(module, nn.Dropout | StochasticDepth):
            yield f"{name}: {module}"


def _misfit(
    contents: Contents, name: str, why: str, todo: str = "Create the network they were made for"
) -> RefusedError:
    return refused(contents.path, f"first misfit `{shown(name)}`: {why}", todo)
