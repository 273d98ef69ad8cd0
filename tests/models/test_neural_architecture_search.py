"""Chains of convolutions: their names, what is refused, how maps are joined, and the network of figure 7."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from topfive.errors import UsageError
from topfive.models import create_model, spec
from topfive.models.neural_architecture_search import FIGURE_7, Chain, Layer, Network, joined, read, unseen


@st.composite
def networks(draw: st.DrawFn) -> Network:
    layers: list[Layer] = []
    for number in range(draw(st.integers(1, 6))):
        sees = draw(st.lists(st.integers(1, number), unique=True)) if number else []
        height, width = (draw(st.integers(0, 49)) * 2 + 1 for _ in range(2))
        filters, stride = draw(st.integers(1, 2048)), draw(st.integers(1, 8))
        layers.append(Layer(height, width, filters, stride, tuple(sorted(sees))))
    return Network(draw(st.integers(1, 8192)), draw(st.sampled_from([1, 3])), tuple(layers))


@given(networks())
def test_a_name_says_all_of_a_network(network: Network) -> None:
    assert read(network.name) == network


@given(networks(), st.data())
def test_a_changed_name_is_another_network_or_none(network: Network, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(network.name)))
    inserted = data.draw(st.sampled_from([*"0123456789csx@:., \n", "\u0661", "\x00", ""]))
    text = network.name[:place] + inserted + network.name[place + data.draw(st.integers(0, 2)) :]
    try:
        understood = read(text)
    except UsageError as error:
        lines = str(error).splitlines()
    else:
        lines = [""]
        assert understood.name.partition(":")[2] == text.partition(":")[2]
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ("", "HEIGHTxWIDTHxFILTERS"),
        ("3x3", "HEIGHTxWIDTHxFILTERS"),
        ("3x4x8", "not both odd"),
        ("3x3x2049", "at most 64 layers of 2048 filters"),
        ("3x3x8@1", "layers before it"),
        ("3x3x8,3x3x8,3x3x8@2.1", "in order"),
        (",".join(["3x3x8"] * 65), "at most 64 layers"),
    ],
)
def test_what_is_no_layer_is_refused(rows: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        spec(f"chain:s32-c3:{rows}")


def test_images_have_a_largest_size() -> None:
    with pytest.raises(UsageError, match="8192 pixels"):
        spec("chain:s8193-c3:3x3x8")


def test_figure_7_has_the_papers_parameters() -> None:
    """Table 1: 15 layers, 4.2 million."""
    facts = spec(FIGURE_7.name).facts
    assert len(FIGURE_7.layers) == 15
    assert facts.params == sum(
        (layer.height * layer.width * (sum(FIGURE_7.layers[i - 1].filters for i in layer.inputs) or 3) + 2)
        * layer.filters
        for layer in FIGURE_7.layers
    ) + 10 * (48 + 1)
    assert round(facts.params / 1e6, 1) == 4.2
    assert unseen(FIGURE_7.layers) == [15]


def test_smaller_maps_get_zeros_to_the_right_and_below() -> None:
    small, large = torch.ones(1, 2, 2, 3), 2 * torch.ones(1, 1, 3, 4)
    both = joined([small, large])
    assert both.shape == (1, 3, 3, 4)
    assert torch.equal(both[:, :2, :2, :3], small)
    assert both[:, :2].sum() == small.sum()
    assert torch.equal(both[:, 2:], large)


def test_layers_see_what_their_name_says() -> None:
    """Two layers see the image; the third sees both; the fourth, unseen like the third, sees the first."""
    torch.manual_seed(0)
    model = create_model("chain:s32-c3:3x3x4,1x5x6s2,3x1x5@1.2,1x1x2s3@1").eval()
    assert isinstance(model, Chain)
    images = torch.randn(2, 3, 9, 7)
    first, second = model.blocks[0](images), model.blocks[1](images)
    third, fourth = model.blocks[2](joined([first, second])), model.blocks[3](first)
    assert second.shape == (2, 6, 5, 4)
    assert fourth.shape == (2, 2, 3, 3)
    assert torch.equal(model.features(images), joined([third, fourth]))
    assert model(images).shape == (2, 10)


@settings(max_examples=10, deadline=None)
@given(networks())
def test_every_network_is_built_and_counted(network: Network) -> None:
    facts = spec(network.name).facts
    assert facts.input_size == network.side
    assert facts.params > 0
    assert facts.in_channels == network.channels
