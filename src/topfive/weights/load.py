"""`load_weights`: everything is checked first, and only then is anything written into the network."""

from __future__ import annotations

import os
import re
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
from topfive.weights.files import refused
from topfive.weights.layout import natural
from topfive.weights.recognise import Match, recognise, whose
from topfive.weights.source import BUILTIN, Contents, read

_CLASSES = re.compile(r"(sides\.\d+\.)?head\.")  # whose first size is the number of classes
_TOPS = ("head.", "hidden.", "sides.")  # what a backbone lacks: the hidden layers only where it lacks the head too
_COUNTER = "num_batches_tracked"  # batch normalisation's own, absent from artifacts and from old checkpoints
_ENOUGH = 0.5  # share of common names from which on a source is taken for the same kind of network
_ADVICE = "Create the network that they were made for"
_OTHER, _ABSENT = "for another number of classes", "absent there"


@dataclass(frozen=True)
class Loaded:
    """What `load_weights` did.

    `matched` tensors were written; `fresh` are those left as they were, and `because` says why: the source has a head
    for another number of classes, or none, as backbones have.  `preprocess` and `labels` are the source's own, None
    where it does not say, and `architecture` is the network that it names, "" where it names none.
    """

    layout: str
    path: Path | None
    matched: int
    fresh: tuple[str, ...] = ()
    because: str = ""
    preprocess: Preprocess | None = None
    labels: Labels | None = None
    architecture: str = ""

    def summary(self) -> str:
        """One line for the user."""
        origin = "a state dict" if self.path is None else BUILTIN if self.path == builtin.PATH else shown(self.path)
        made_for = f", made for {shown(self.architecture)}" if self.architecture else ""
        left = f"; fresh, {self.because}: {', '.join(self.fresh)}" if self.fresh else ""
        return f"weights {origin} ({self.layout} names{made_for}): {self.matched} tensors loaded{left}"


def load_weights(model: Classifier, source: Mapping[str, Any] | str | os.PathLike[str]) -> Loaded:
    """Write the weights of `source` into `model`: a state dict, a file of torch, safetensors or Keras, an artifact, a
    folder.

    The names may be ours, or those of torchvision, timm, efficientnet-pytorch, pretrainedmodels or keras.applications;
    the arithmetic stays that of `model`.  Half and double precision are converted.  RefusedError, with nothing written,
    names the first tensor that does not fit.
    """
    target = model.state_dict()
    if any(tensor.is_meta for tensor in target.values()):
        raise UsageError("model", None, "it is on the meta device, which holds no numbers", "Create it on another")
    contents = read(source)
    _check_builtin(model, contents)
    match = _matched(model, target, contents)
    fresh, because = _left_out(target, match, contents)
    fitted = _fitted(target, match, contents, fresh)
    with torch.no_grad():
        for name, tensor in fitted.items():
            target[name].copy_(tensor)
    return Loaded(
        layout=match.library,
        path=contents.path,
        matched=len(fitted),
        fresh=fresh,
        because=because,
        preprocess=contents.preprocess,
        labels=contents.labels,
        architecture=contents.architecture,
    )


def _matched(model: Classifier, target: Mapping[str, Tensor], contents: Contents) -> Match:
    """The layout of the source, or a refusal where it is plainly that of another network."""
    given = contents.tensors
    if not given:
        raise _misfit(contents, next(iter(target)), "it is missing, as everything is")
    match = recognise(target, given)
    if match.share >= _ENOUGH:
        if match.layout is not None and (why := match.layout.objection(model, contents.named)):
            raise refused(contents.path, f"the names fit, but not the arithmetic. {why}", "")
        return match
    known = set(target) | set(match.names.values() if match.layout is not None else ())
    first = min((str(name) for name in given if name not in known), key=natural, default=str(next(iter(given))))
    named = contents.architecture
    meant = f"the weights are for {shown(named)}" if named else whose(given)
    raise _misfit(contents, first, f"{type(model).__name__} has no such tensor; {meant}")


def _left_out(target: Mapping[str, Tensor], match: Match, contents: Contents) -> tuple[tuple[str, ...], str]:
    """The tensors that stay fresh, and why: tops that the source has not at all, heads for other classes."""
    absent: list[str] = []
    for top in _TOPS:
        names = [name for name in target if name.startswith(top)]
        alone = top == "hidden." and not absent
        if not alone and not any(match.names[name] in contents.tensors for name in names):
            absent += names
    judges = [name for name in target if _CLASSES.match(name) and name not in absent]
    other, counts = [], set()
    for name in judges:
        ours, theirs = target[name], contents.tensors.get(match.names[name])
        if not isinstance(theirs, Tensor) or theirs.ndim == 0 or ours.shape[1:].numel() != theirs.shape[1:].numel():
            break
        counts.add((len(ours), len(theirs)))
    else:
        other = judges if len(counts) == 1 and all(ours != theirs for ours, theirs in counts) else []
    reasons = (_OTHER if other else "", _ABSENT if absent else "")
    return (*other, *absent), " or ".join(filter(None, reasons))


def _fitted(
    target: Mapping[str, Tensor], match: Match, contents: Contents, fresh: tuple[str, ...]
) -> dict[str, Tensor]:
    """What to write, by our names and in our precision."""
    given, expected = contents.tensors, set(match.names.values())
    aside = match.layout.aside if match.layout is not None else ()
    strangers = (str(name) for name in given if name not in expected)
    unknown = sorted((name for name in strangers if not name.startswith(aside)), key=natural)
    fitted: dict[str, Tensor] = {}
    for name, theirs in match.names.items():
        if name in fresh or (theirs not in given and name.endswith(_COUNTER)):
            continue
        if theirs not in given:
            instead = f", and `{shown(unknown[0])}` is unknown" if unknown else ""
            raise _misfit(contents, theirs, f"it is missing{instead}")
        if (why := _unlike(target[name], given[theirs])) is not None:
            raise _misfit(contents, theirs, why)
        fitted[name] = given[theirs].detach().reshape(target[name].shape)
    if unknown:
        raise _misfit(contents, unknown[0], "the network has no such tensor")
    for name, tensor in fitted.items():  # last, because it reads every number
        fitted[name] = tensor.to(target[name].dtype)
        if (why := _impossible(name, fitted[name])) is not None:
            raise _misfit(contents, match.names[name], why)
    return fitted


def _unlike(ours: Tensor, theirs: Any) -> str | None:
    """Why `theirs` cannot stand for `ours`, None where it can."""
    if not isinstance(theirs, Tensor):
        return f"it is a {type(theirs).__name__}, not a tensor"
    if theirs.layout != torch.strided or theirs.is_quantized or theirs.is_meta:
        return "it is sparse, quantised or without numbers"
    of_one_kind = theirs.is_floating_point() == ours.is_floating_point() and not theirs.is_complex()
    if not of_one_kind or theirs.dtype.itemsize == 1:
        return f"it is of type {_bare(theirs.dtype)}, and {_bare(ours.dtype)} is needed"
    # A linear layer and a convolution of the whole map, or of one place, have the same numbers in the same order.
    as_linear = theirs.ndim == 4 and ours.ndim == 2
    as_convolution = theirs.ndim == 2 and ours.ndim == 4 and ours.shape[2:] == (1, 1)
    as_vector = theirs.ndim == 3 and ours.ndim == 1  # a scale of channels, held as a map of one place
    given, needed = (tuple(t.shape) for t in (theirs, ours))
    if as_linear or as_convolution or as_vector:
        given, needed = ((t.shape[0], t.shape[1:].numel()) for t in (theirs, ours))
    if given != needed:
        return f"its shape is {list(theirs.shape)}, and {list(ours.shape)} is needed"
    return None


def _impossible(name: str, tensor: Tensor) -> str | None:
    if not bool(torch.isfinite(tensor).all()):
        return "it holds numbers that are not finite"
    if name.endswith("running_var") and bool((tensor < 0).any()):
        return "it holds a negative variance"
    return None


def _bare(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _check_builtin(model: Classifier, contents: Contents) -> None:
    """The built-in weights are for one network in one arithmetic, which the names of tensors do not show."""
    if contents.path != builtin.PATH or contents.architecture not in list_models():
        return
    with torch.device("meta"):
        meant = create_model(contents.architecture, in_channels=model.in_channels)
    if list(_arithmetic(model)) != list(_arithmetic(meant)):
        why = f"the built-in weights are for {contents.architecture}, and the network is another"
        todo = f"Choose --model {contents.architecture}, or give a file of weights for the network"
        raise RefusedError("weights", BUILTIN, why, todo)


def _arithmetic(model: nn.Module) -> Iterator[str]:
    """Every layer but the head, with the settings that decide what it computes in evaluation."""
    for name, module in model.named_modules():
        is_leaf = not any(True for _ in module.children())
        if is_leaf and name != "head" and not isinstance(module, nn.Dropout | StochasticDepth):
            yield f"{name}: {module}"


def _misfit(contents: Contents, name: str, why: str) -> RefusedError:
    return refused(contents.path, f"first misfit `{shown(name)}`: {why}", _ADVICE)
