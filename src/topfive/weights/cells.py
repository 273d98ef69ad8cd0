"""The layouts of the networks made of cells: NASNet, PNASNet."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from torch import nn

from topfive.nn.pool import SameAvgPool2d, SameMaxPool2d
from topfive.weights.layout import Layout, Rule

_MOBILE, _LARGE = 4, 6  # N
_STEM = 2  # cells


def _nasnet_cell(cells: int, cell: int) -> str:
    """Two of the stem, then `cells` normal ones and a reduction, in turn; every stage is numbered as if it had six."""
    if cell < _STEM:
        return f"cell_stem_{cell}"
    stage, position = divmod(cell - _STEM, cells + 1)
    return f"reduction_cell_{stage}" if position == cells else f"cell_{stage * _LARGE + position}"


def _pnasnet_cell(cell: int) -> str:
    return f"cell_stem_{cell}" if cell < 2 else f"cell_{cell - 2}"


def _rules(cell: Callable[[int], str], stem: str, reduction: str) -> tuple[Rule, ...]:
    """`reduction` stands before the names of a factorized reduction."""

    def within(leaf: str) -> Callable[..., str]:
        return lambda number, *node: f"{cell(number)}.{leaf.format(*node)}"

    twice = (("first", "1"), ("second", "2"))
    return (
        ("stem.conv", f"{stem}.conv"),
        ("stem.norm", f"{stem}.bn"),
        ("cells.#.squeeze.conv", within("conv_1x1.conv")),
        ("cells.#.squeeze.norm", within("conv_1x1.bn")),
        ("cells.#.adjust.conv", within("conv_prev_1x1.conv")),
        ("cells.#.adjust.norm", within("conv_prev_1x1.bn")),
        ("cells.#.adjust.paths.0", within(f"{reduction}path_1.conv")),
        ("cells.#.adjust.paths.1", within(f"{reduction}path_2.conv")),
        ("cells.#.adjust.joined", within(f"{reduction}final_path_bn")),
        *(
            (f"cells.#.nodes.#.{side}.{ours}", within(f"comb_iter_{{}}_{side}.{theirs}"))
            for side in ("left", "right")
            for ours, theirs in (
                *((f"{when}.depthwise", f"separable_{number}.depthwise_conv2d") for when, number in twice),
                *((f"{when}.pointwise", f"separable_{number}.pointwise_conv2d") for when, number in twice),
                *((f"{when}.norm", f"bn_sep_{number}") for when, number in twice),
                ("conv", "conv"),
                ("norm", "bn"),
            )
        ),
        ("head", "last_linear"),
    )


def _has(model: nn.Module, pool: type[nn.Module]) -> bool:
    return any(isinstance(module, pool) for module in model.modules())


def _unless_over_zeros(form: str) -> Callable[[nn.Module], str]:
    """Against the networks that pool as Keras' do; `form` is the one to choose instead."""
    why = f"only Keras' has zeros in its max pools: choose {form}"
    return lambda model: "" if _has(model, SameMaxPool2d) else why


# timm's large network has Cadene's tensors by Cadene's names, and pools otherwise: at a border with a stride its means
# count the zeros.  What is called neither way may be of both, and is taken for what the network computes.
_TIMMS = re.compile(r"nasnetalarge(-dc4a7b8b\.pth|\..*)?")
_CADENES = re.compile(r"nasnetalarge-a1897284\.pth")


def _of_the_other_library(model: nn.Module, named: str) -> str:
    leaves_out = _has(model, SameAvgPool2d)
    if leaves_out and _TIMMS.fullmatch(named):
        return "timm's average pools count the zeros at the border: choose nasnet_a_large"
    if not leaves_out and _CADENES.fullmatch(named):
        return "the average pools of pretrainedmodels leave the padding out: choose nasnet_a_large_paper"
    return ""


NASNET = Layout(
    "timm (or pretrainedmodels)",
    "NASNet-A large",
    marks=("conv0.conv.weight", "cell_stem_1.path_1.conv.weight", "cell_17.conv_1x1.conv.weight"),
    rules=_rules(partial(_nasnet_cell, _LARGE), "conv0", ""),
    differs=_unless_over_zeros("nasnet_a_large, or nasnet_a_large_paper for those of pretrainedmodels"),
    disagrees=_of_the_other_library,
)
NASNET_MOBILE = Layout(
    "pretrainedmodels",
    "NASNet-A mobile",
    marks=("conv0.conv.weight", "cell_stem_1.path_1.conv.weight"),
    rules=_rules(partial(_nasnet_cell, _MOBILE), "conv0", ""),
    differs=_unless_over_zeros("nasnet_a_mobile"),
)
PNASNET = Layout(
    "timm (or pretrainedmodels)",
    "PNASNet",
    marks=("conv_0.conv.weight", "cell_stem_1.conv_prev_1x1.path_1.conv.weight"),
    rules=_rules(_pnasnet_cell, "conv_0", "conv_prev_1x1."),
)

CELLS: tuple[Layout, ...] = (NASNET, NASNET_MOBILE, PNASNET)
