from __future__ import annotations

import random

import pytest

from topfive.weights.layout import Layout, natural

RULES = (
    ("stem.conv", "conv1"),
    ("stages.0.#.conv", lambda block: f"first.{block}"),
    ("stages.#.#.conv", lambda stage, block: f"layer{stage + 1}.{block}"),
)
OURS = ["stem.conv.weight", "stages.0.0.conv.weight", "stages.0.1.conv.bias", "stages.1.0.conv.weight"]


def test_the_first_rule_that_fits_names_the_module_and_the_leaf_stays() -> None:
    assert Layout("a library", "a family", (), RULES).names(OURS) == {
        "stem.conv.weight": "conv1.weight",
        "stages.0.0.conv.weight": "first.0.weight",
        "stages.0.1.conv.bias": "first.1.bias",
        "stages.1.0.conv.weight": "layer2.0.weight",
    }


@pytest.mark.parametrize("stranger", ["head.weight", "stem.conv.norm.weight", "xstem.conv.weight", "stages.x.0.conv.a"])
def test_a_tensor_without_a_rule_makes_it_another_network(stranger: str) -> None:
    assert Layout("a library", "a family", (), RULES).names([*OURS, stranger]) is None


def test_through_counts_the_blocks_of_all_stages_by_number_in_any_order() -> None:
    ours = [f"stages.{stage}.{block}.conv.weight" for stage in range(11) for block in range(12)]
    random.Random(3).shuffle(ours)
    layout = Layout("", "", (), (("stages.#.#.conv", lambda stage, block: f"{stage}.{block}"),), through=True)
    names = layout.names(ours)
    assert names is not None
    assert names["stages.0.11.conv.weight"] == "0.11.weight"
    assert names["stages.2.10.conv.weight"] == "2.34.weight"
    assert names["stages.10.11.conv.weight"] == "10.131.weight"


def test_natural_order_is_that_of_numbers() -> None:
    assert sorted(["a.10.b", "a.9.b", "a.b", "a", "a.²"], key=natural) == ["a", "a.b", "a.²", "a.9.b", "a.10.b"]
