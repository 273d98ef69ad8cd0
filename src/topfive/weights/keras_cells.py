"""The names that keras.applications gives to the layers of NASNet."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from topfive.weights.keras_arithmetic import zeros_in_pools
from topfive.weights.layout import Layout, Rule

_STEM = ("stem_1", "stem_2")


def _cell(cells: int, number: int) -> tuple[str, str]:
    """The kind of our cell `number` and Keras' name for it: the stem's two, then `cells` and a reduction, in turn."""
    if number < len(_STEM):
        return "reduction", _STEM[number]
    stage, position = divmod(number - len(_STEM), cells + 1)
    done = cells * stage
    if position == cells:
        return "reduction", f"reduce_{done + cells}"
    return "normal", str(done + position + min(stage, 1))  # the second reduction takes no number


def _nasnet(cells: int, form: str) -> Layout:
    """Of `cells` in each of three stages; `form` is our network that computes as Keras' does."""

    def differs(model: nn.Module) -> str:
        return "" if zeros_in_pools(model) else f"Keras' reductions pool over zeros at the border: choose {form}"

    def within(leaf: str) -> Callable[[int], str]:
        def name(number: int) -> str:
            kind, cell = _cell(cells, number)
            return leaf.format(kind=kind, cell=cell)

        return name

    def separable(side: str, layer: str, leaf: str) -> Callable[[int, int], str]:
        def name(number: int, node: int) -> str:
            kind, cell = _cell(cells, number)
            place = 4 if kind == "reduction" and node == 4 else node + 1  # the reduction's fifth is called its fourth
            return f"separable_conv_{layer}_{kind}_{side}{place}_{cell}{leaf}"

        return name

    nodes: list[Rule] = []
    for side in ("left", "right"):
        for ours, number in (("first", "1"), ("second", "2")):
            there = f"cells.#.nodes.#.{side}.{ours}"
            nodes += [
                (f"{there}.depthwise", separable(side, number, ".depthwise")),
                (f"{there}.pointwise", separable(side, number, ".pointwise")),
                (f"{there}.norm", separable(side, f"{number}_bn", "")),
            ]
    return Layout(
        "keras",
        f"NASNet of {cells} cells a stage",
        marks=("stem_conv1.weight", "reduction_conv_1_stem_1.weight", f"reduction_conv_1_reduce_{cells}.weight"),
        rules=(
            ("stem.conv", "stem_conv1"),
            ("stem.norm", "stem_bn1"),
            ("cells.#.squeeze.conv", within("{kind}_conv_1_{cell}")),
            ("cells.#.squeeze.norm", within("{kind}_bn_1_{cell}")),
            ("cells.#.adjust.conv", within("adjust_conv_projection_{cell}")),
            ("cells.#.adjust.norm", within("adjust_bn_{cell}")),
            ("cells.#.adjust.paths.0", within("adjust_conv_1_{cell}")),
            ("cells.#.adjust.paths.1", within("adjust_conv_2_{cell}")),
            ("cells.#.adjust.joined", within("adjust_bn_{cell}")),
            *nodes,
            ("head", "predictions"),
        ),
        differs=differs,
    )


NASNET = (_nasnet(4, "tf_nasnet_a_mobile"), _nasnet(6, "tf_nasnet_a_large"))
