"""Networks of found cells: their names, what is refused, and the two forms of the network."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from topfive.errors import UsageError
from topfive.models import create_model, spec
from topfive.nn import found
from topfive.nn.cell import OPERATIONS
from topfive.nn.found import FAMILIES, Found, Size
from topfive.nn.genotype import Edge, Node
from topfive.nn.measure import count_params
from topfive.preprocess import LARGEST_SIDE

NAME = "pnas:n1-f8-s16-c1:separable_3x3@0+max_3x3@1,identity@2+average_3x3@0"
PAIR = "nasnet:n1-f8-s16-c3:3x3@0++max_5x5@1,1x1@2+identity@2:average_3x3@0+1x7_7x1@1"


@st.composite
def cells(draw: st.DrawFn, most: int = 4) -> tuple[Node, ...]:
    def edge(states: int) -> Edge:
        return Edge(draw(st.sampled_from(sorted(OPERATIONS))), draw(st.integers(0, states - 1)))

    count = draw(st.integers(1, most))
    return tuple(
        Node(edge(state), edge(state), draw(st.sampled_from(["add", "concatenate"]))) for state in range(2, 2 + count)
    )


@st.composite
def networks(draw: st.DrawFn) -> Found:
    family = draw(st.sampled_from(sorted(FAMILIES)))
    size = Size(
        draw(st.integers(1, 99)),
        draw(st.integers(4, 9999)),
        draw(st.integers(4, LARGEST_SIDE)),
        draw(st.sampled_from([1, 3])),
    )
    return Found(family, size, tuple(draw(cells()) for _ in range(FAMILIES[family].wirings)))


@given(networks())
def test_a_name_says_all_of_a_network(network: Found) -> None:
    assert found.read(network.name) == network


@given(networks(), st.data())
def test_a_changed_name_is_another_network_or_none(network: Found, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(network.name)))
    inserted = data.draw(st.sampled_from([*"0123456789abcxn_-:@+, \n\t.", "\u0661", "\x00", "++", ""]))
    dropped = data.draw(st.integers(0, 2))
    text = network.name[:place] + inserted + network.name[place + dropped :]
    try:
        assert found.read(text).name == text
    except UsageError as error:
        lines = str(error).splitlines()
    else:
        return
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("pnas", "unknown model"),
        ("pnas:", "FAMILY:SIZE:CELL"),
        (NAME + ":identity@0+identity@1", "one for pnas"),
        (PAIR.rpartition(":")[0], "two cells for nasnet"),
        (NAME.replace("n1", "n0"), "n1-f16-s28-c1"),
        (NAME.replace("n1", "n01"), "n1-f16-s28-c1"),
        (NAME.replace("c1", "c2"), "n1-f16-s28-c1"),
        (NAME.replace("f8", "f3"), "at least 4 filters"),
        (NAME.replace("s16", "s9999"), "4 to 8192 pixels"),
        (NAME.replace("@1", "@01"), "leading zeros"),
        (NAME.replace("@1", "@2"), "state 2 is made from 2"),
        (NAME.replace("max_3x3", "max_3x2"), "did you mean 'max_3x3'"),
        (NAME.replace("+max", "*max"), "OPERATION@STATE"),
        (NAME + ",", "OPERATION@STATE"),
        (NAME + ",identity@0+identity@1" * 19, "at most 20"),
    ],
)
def test_what_is_no_name_is_told_why(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        spec(name)


@pytest.mark.parametrize("name", [NAME, PAIR, NAME.replace("s16", "s70"), PAIR.replace("s16", "s80")])
def test_a_network_is_built_by_its_name(name: str) -> None:
    row = spec(name)
    assert row.name == name
    model = create_model(name)
    assert count_params(model) == row.facts.params
    assert (model.in_channels, row.preprocess.channels) == (row.facts.in_channels, row.facts.in_channels)
    images = torch.randn(2, row.facts.in_channels, row.facts.input_size, row.facts.input_size)
    model(images).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_small_images_keep_their_size_until_the_second_stage() -> None:
    """A stem of three times F, all nodes of a cell joined, no dropout; photographs go through two reductions more."""
    shapes: list[tuple[int, ...]] = []
    with torch.device("meta"):
        model = create_model(NAME)
        for part in (model.stem, *model.cells):
            part.register_forward_hook(lambda _, __, maps: shapes.append(tuple(maps.shape[1:3])))
        model(torch.zeros(1, 1, 16, 16))
        photographs = create_model(NAME.replace("s16", "s65"))
    assert shapes == [(24, 16), (16, 16), (32, 8), (64, 4)]
    assert model.dropout.p == 0
    assert (len(photographs.cells), photographs.dropout.p) == (5, 0.5)
    assert spec(NAME.replace("s16", "s65")).sides is not None


def test_the_output_of_nasnets_cells_is_what_no_node_takes() -> None:
    genotype = found.read(PAIR).genotype
    assert (genotype.normal.output, genotype.reduce.output) == ((3,), (2,))
    assert (genotype.normal.width, genotype.reduce.width) == (1, 1)
    alone = found.read(PAIR.replace(",1x1@2+identity@2", "")).genotype.normal
    assert (alone.output, alone.width) == ((2,), 2)  # joined channels are twice as many


@settings(max_examples=6)
@given(cells(3), cells(3), st.sampled_from([(8, 8), (9, 12), (4, 5)]))
def test_any_pair_of_cells_computes(normal: tuple[Node, ...], reduce: tuple[Node, ...], sides: tuple[int, int]) -> None:
    model = create_model(Found("nasnet", Size(1, 4, 8, 1), (normal, reduce)).name, num_classes=3).eval()
    assert model(torch.zeros(1, 1, *sides)).shape == (1, 3)
