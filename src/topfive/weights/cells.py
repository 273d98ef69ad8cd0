"""The layouts of the networks made of cells: NASNet, PNASNet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

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


NASNET = Layout(
    "timm",
    "NASNet-A large",
    marks=("conv0.conv.weight", "cell_stem_1.path_1.conv.weight", "cell_17.conv_1x1.conv.weight"),
    rules=_rules(partial(_nasnet_cell, _LARGE), "conv0", ""),
)
NASNET_MOBILE = Layout(
    "pretrainedmodels",
    "NASNet-A mobile",
    marks=("conv0.conv.weight", "cell_stem_1.path_1.conv.weight"),
    rules=_rules(partial(_nasnet_cell, _MOBILE), "conv0", ""),
)
PNASNET = Layout(
    "timm",
    "PNASNet",
    marks=("conv_0.conv.weight", "cell_stem_1.conv_prev_1x1.path_1.conv.weight"),
    rules=_rules(_pnasnet_cell, "conv_0", "conv_prev_1x1."),
)

CELLS: tuple[Layout, ...] = (NASNET, NASNET_MOBILE, PNASNET)
