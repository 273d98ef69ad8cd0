"""The names of Cadene's pretrainedmodels, where they are not those of another library.

Most are torchvision's with another name for the head, and for the hidden layers; ResNeXt comes from Torch 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from topfive.weights.descendants import DENSENET
from topfive.weights.families import ALEXNET, RESNET, VGG
from topfive.weights.inceptions import INCEPTION_V3, SQUEEZENET
from topfive.weights.layout import Layout, Rule

LIBRARY = "pretrainedmodels"
_HIDDEN = (("hidden.fc6", "linear0"), ("hidden.fc7", "linear1"), ("head", "last_linear"))


def _headed(layout: Layout, head: str) -> Layout:
    rules = tuple(rule for rule in layout.rules if rule[0] != "head")
    return replace(layout, library=LIBRARY, marks=(*layout.marks, f"{head}.weight"), rules=(*rules, ("head", head)))


def _flat(layouts: Iterable[Layout]) -> tuple[Layout, ...]:
    """Those whose features lie below `_features`."""
    return tuple(
        replace(
            layout,
            library=LIBRARY,
            marks=(*(f"_{mark}" for mark in layout.marks if mark.startswith("features.")), "linear0.weight"),
            rules=(*(_underscored(rule) for rule in layout.rules if rule[0].startswith(("trunk", "stages"))), *_HIDDEN),
        )
        for layout in layouts
    )


def _underscored(rule: Rule) -> Rule:
    ours, theirs = rule
    if isinstance(theirs, str):
        return ours, f"_{theirs}"
    return ours, lambda *numbers: f"_{theirs(*numbers)}"


def _resnext(stage: int, block: int) -> str:
    return f"features.{stage + 4}.{block}.0"


RESNEXT = Layout(
    LIBRARY,
    "ResNeXt",
    marks=("features.0.weight", "features.4.0.0.0.0.0.weight", "last_linear.weight"),
    rules=(
        ("stem.conv", "features.0"),
        ("stem.norm", "features.1"),
        ("stages.#.#.branch.2.conv", lambda stage, block: f"{_resnext(stage, block)}.0.1"),
        ("stages.#.#.branch.2.norm", lambda stage, block: f"{_resnext(stage, block)}.0.2"),
        ("stages.#.#.branch.#.conv", lambda stage, block, part: f"{_resnext(stage, block)}.0.0.{3 * part}"),
        ("stages.#.#.branch.#.norm", lambda stage, block, part: f"{_resnext(stage, block)}.0.0.{3 * part + 1}"),
        ("stages.#.#.shortcut.conv", lambda stage, block: f"{_resnext(stage, block)}.1.0"),
        ("stages.#.#.shortcut.norm", lambda stage, block: f"{_resnext(stage, block)}.1.1"),
        ("head", "last_linear"),
    ),
)

CADENE = (
    *_flat((ALEXNET, *(layout for layout in VGG if layout.library == "torchvision"))),
    *(_headed(layout, "last_linear") for layout in (RESNET, DENSENET, INCEPTION_V3)),
    _headed(SQUEEZENET, "last_conv"),
    RESNEXT,
)

_FOLLOWED = re.compile(r"((?:layer[1-4]\.\d{1,3}\.)?)(?:conv([123])|(downsample)\.0)\.bias")


def without_offsets(state: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Without the biases of `fbresnet152`'s convolutions, which the normalisation after each takes off again.

    That is exact: each is taken off the running mean instead.  What does not fit stays, and is refused as unknown.
    """
    if "last_linear.weight" not in state or "conv1.bias" not in state:
        return state
    folded = dict(state)
    for name in [name for name in folded if isinstance(name, str)]:
        if (match := _FOLLOWED.fullmatch(name)) is None:
            continue
        block, number, shortcut = match.groups()
        mean = f"{block}downsample.1.running_mean" if shortcut else f"{block}bn{number}.running_mean"
        bias, offset = folded[name], folded.get(mean)
        if isinstance(bias, Tensor) and isinstance(offset, Tensor) and bias.shape == offset.shape:
            folded[mean] = offset - bias
            del folded[name]
    return folded


_CAFFE = "cafferesnet101"  # its tensors have the names and shapes of another ResNet's


def differs(path: Path) -> str:
    """Why a file that has a name of pretrainedmodels is of no network here, "" where nothing says so."""
    if path.name.startswith(_CAFFE):
        return f"{_CAFFE} pools from the edge on, as Caffe does, and sees blue, green, red: no network here does"
    return ""
