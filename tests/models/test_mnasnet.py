"""MnasNet's blocks: A1 by its name, the ways around a block, and what is refused."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from topfive.errors import UsageError
from topfive.models import create_model, spec
from topfive.models.mnasnet import A1_NAME, OPERATIONS, SKIPS, Bare, Block, Network, Pooled, read
from topfive.models.mobilenet_v2 import MobileNetV2

SMALL = "mnasnet:s28-c1-stem8x1-last32:{}"


@st.composite
def networks(draw: st.DrawFn) -> Network:
    blocks = st.builds(
        Block,
        operation=st.sampled_from(sorted(OPERATIONS)),
        kernel=st.sampled_from([3, 5, 7]),
        squeezed=st.booleans(),
        skip=st.sampled_from(sorted(SKIPS)),
        channels=st.integers(1, 9999),
        depth=st.integers(1, 99),
        stride=st.sampled_from([1, 2]),
    )
    many = st.integers(1, 9999)
    return Network(
        side=draw(st.integers(1, 8192)),
        channels=draw(st.sampled_from([1, 3])),
        stem_channels=draw(many),
        stem_stride=draw(st.sampled_from([1, 2])),
        last_channels=draw(many),
        blocks=tuple(draw(st.lists(blocks, min_size=1, max_size=8))),
    )


@given(networks())
def test_a_name_says_all_of_a_network(network: Network) -> None:
    assert read(network.name) == network


@given(networks(), st.data())
def test_a_changed_name_is_another_network_or_none(network: Network, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(network.name)))
    inserted = data.draw(st.sampled_from([*"0123456789ckns_x-:, \n", "_se", "\u0661", "\x00", ""]))
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
    "blocks", ["", "mb6", "mb4_k3_c8_n1_s1", "mb6_k4_c8_n1_s1", "mb6_k3_c8_n0_s1", "mb6_k3_id_c8_n1_s1"]
)
def test_what_is_no_block_is_refused(blocks: str) -> None:
    with pytest.raises(UsageError, match="block"):
        spec(SMALL.format(blocks))


def test_a1_is_a1_by_its_name() -> None:
    """Parameters, multiply-accumulates, and the answers to the same weights."""
    told, published = spec(A1_NAME), spec("mnasnet_a1")
    assert (told.facts.params, told.facts.macs) == (published.facts.params, published.facts.macs)
    one, other = create_model(A1_NAME).eval(), create_model("mnasnet_a1").eval()
    one.load_state_dict(other.state_dict())
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(one(images), other(images))


def test_the_ways_around_a_block() -> None:
    """The second layer of each block keeps its channels, and so has a way around."""
    x = torch.randn(2, 16, 8, 8)
    for text, around in [("", x), ("_pool", F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)), ("_bare", 0 * x)]:
        for operation in OPERATIONS:
            model = create_model(SMALL.format(f"{operation}_k5_se{text}_c16_n2_s2")).eval()
            assert isinstance(model, MobileNetV2)
            block = model.get_submodule("stages.0.1")
            inner = block.block if isinstance(block, Bare | Pooled) else block
            assert torch.allclose(block(x), inner.branch(x) + around), (operation, text)  # type: ignore[operator]


def test_where_channels_change_nothing_is_added() -> None:
    states = [create_model(SMALL.format(f"mb3_k3{text}_c16_n1_s1")) for text in ("", "_pool", "_bare")]
    for other in states[1:]:
        assert list(states[0].state_dict()) == list(other.state_dict())


def test_pooling_has_the_stride_of_its_block() -> None:
    model = create_model(SMALL.format("sep_k3_pool_c8_n1_s2"))
    assert isinstance(model.get_submodule("stages.0.0"), Pooled)
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
