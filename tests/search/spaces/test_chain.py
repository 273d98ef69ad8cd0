"""Chains as a space: one name for all orders of the same layers, and another for other layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from topfive.models import create_model
from topfive.models.neural_architecture_search import Layer, read
from topfive.nn.measure import count_params
from topfive.search.spaces import space_named
from topfive.search.spaces.chain import ordered

SPACE = space_named("chain-strides")


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Layer, ...]:
    """Few kinds of layers, so that many are alike."""
    layers: list[Layer] = []
    for number in range(draw(st.integers(1, 7))):
        sees = draw(st.lists(st.integers(1, number), unique=True, max_size=2)) if number else []
        layers.append(Layer(1, 1, draw(st.sampled_from([8, 16])), 1, tuple(sorted(sees))))
    return tuple(layers)


def shuffled(layers: tuple[Layer, ...], rng: np.random.Generator) -> tuple[Layer, ...]:
    """The same graph in another order that has sources first."""
    number: dict[int, int] = {}
    rows: list[Layer] = []
    while len(rows) < len(layers):
        ready = [i for i, one in enumerate(layers, 1) if i not in number and all(j in number for j in one.inputs)]
        chosen = int(rng.choice(ready))
        rows.append(replace(layers[chosen - 1], inputs=tuple(sorted(number[j] for j in layers[chosen - 1].inputs))))
        number[chosen] = len(rows)
    return tuple(rows)


@given(graphs(), st.integers(0, 2**32))
def test_the_order_of_layers_does_not_matter(layers: tuple[Layer, ...], seed: int) -> None:
    assert ordered(shuffled(layers, np.random.default_rng(seed))) == ordered(layers)


@given(graphs())
def test_ordering_is_one_of_the_orders(layers: tuple[Layer, ...]) -> None:
    """As many layers of each kind, as many connections, and nothing more to do."""
    again = ordered(layers)
    assert sorted(layer.filters for layer in again) == sorted(layer.filters for layer in layers)
    assert sum(len(layer.inputs) for layer in again) == sum(len(layer.inputs) for layer in layers)
    assert ordered(again) == again


def test_sharing_is_no_copying() -> None:
    """What sees one layer twice over differs from what sees two that are alike."""
    alike = Layer(3, 3, 8), Layer(3, 3, 8)
    one = ordered((*alike, Layer(1, 1, 8, 1, (1,)), Layer(1, 1, 8, 1, (1,))))
    two = ordered((*alike, Layer(1, 1, 8, 1, (1,)), Layer(1, 1, 8, 1, (2,))))
    assert one != two


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(range(20)))
def test_choices_give_the_layers_that_they_name(seed: int, level: int) -> None:
    choices = SPACE.sample(np.random.default_rng(seed), level)
    network = read(SPACE.model(choices))
    answers = SPACE.read(choices)
    assert len(network.layers) == level + 1
    assert SPACE.structure(choices) == network.name
    assert sum(len(layer.inputs) for layer in network.layers) == list(answers.values()).count("yes")
    for part in ("height", "width", "filters", "stride"):
        wanted = sorted(int(answers[f"layer {number} {part}"]) for number in range(1, level + 2))
        assert sorted(getattr(layer, part) for layer in network.layers) == wanted


def test_the_papers_sizes() -> None:
    """Sec. 4.1: 4 heights, 4 widths, 4 numbers of filters a layer, and a question about each pair of layers."""
    assert space_named("chain").size == 4**45 * 2**105
    assert SPACE.size == (4**3 * 3) ** 20 * 2**190


def test_a_small_chain_is_built() -> None:
    space = space_named("chain-small", side=28, channels=1)
    choices = space.sample(np.random.default_rng(1))
    model = create_model(space.model(choices))
    assert (model.num_classes, model.in_channels) == (10, 1)
    assert count_params(model) < 100_000
