"""Networks of a paper, made deeper, wider and for larger images."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.errors import UsageError
from topfive.models import list_models, spec
from topfive.models.efficientnet import LARGEST, Multiplied, read
from topfive.nn.rounding import deepened

factors = st.integers(1, LARGEST * 100).map(lambda hundredths: hundredths / 100)
SCALED = [name for name in list_models() if spec(name).scale is not None]


def params(depth: float, width: float, side: int, base: str) -> int:
    return spec(Multiplied(depth, width, side, base).name).facts.params


@given(st.builds(Multiplied, factors, factors, st.integers(1, 8192), st.sampled_from(SCALED)))
def test_a_name_says_all(multiplied: Multiplied) -> None:
    assert read(multiplied.name) == multiplied


@given(st.text())
def test_any_other_text_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        spec(f"scaled:{text}")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("factor", ["0", "00.5", "1.0", "33", ".5", "1e3", "nan"])
def test_a_factor_is_written_in_one_way(factor: str) -> None:
    with pytest.raises(UsageError, match="factors above 0"):
        spec(f"scaled:d{factor}-w1-s32:resnet20_cifar")


def test_names_within_names_have_an_end() -> None:
    with pytest.raises(UsageError):
        spec("scaled:d1-w1-s32:" * 2000 + "resnet20_cifar")


@pytest.mark.parametrize("base", ["lenet5", "vgg11", "nothing", "scaled:d1-w1-s32:densenet121"])
def test_what_cannot_be_scaled_is_refused(base: str) -> None:
    with pytest.raises(UsageError):
        spec(f"scaled:d1.2-w1-s32:{base}")


@pytest.mark.parametrize(
    "base",
    [
        "resnet20_cifar",
        "mobilenet_v1_025",
        "mobilenet_v2_140",
        "mnasnet_small",
        "efficientnet_b0",
        "efficientnet_lite0",
    ],
)
def test_factors_of_one_change_nothing(base: str) -> None:
    facts = spec(base).facts
    again = spec(Multiplied(1, 1, facts.input_size, base).name).facts
    assert (again.params, again.macs, again.num_classes) == (facts.params, facts.macs, facts.num_classes)


@pytest.mark.parametrize(
    ("base", "depth", "width", "side", "scaled"),
    [
        ("efficientnet_b0", 1.1, 1, 240, "efficientnet_b1"),
        ("efficientnet_b0", 1.2, 1.1, 260, "efficientnet_b2"),
        ("efficientnet_lite0", 1.1, 1, 240, "efficientnet_lite1"),
        ("resnet20_cifar", 3, 1, 32, "resnet56_cifar"),
        ("mobilenet_v1", 1, 0.5, 224, "mobilenet_v1_050"),
    ],
)
def test_published_networks_are_scaled_ones(base: str, depth: float, width: float, side: int, scaled: str) -> None:
    ours, published = spec(Multiplied(depth, width, side, base).name).facts, spec(scaled).facts
    assert (ours.params, ours.macs) == (published.params, published.macs)


def test_a_scaled_network_is_scaled_from_the_papers() -> None:
    """Twice 1.5 is 3, whatever rounding did between."""
    once = Multiplied(1.5, 1.1, 32, "resnet20_cifar").name
    assert params(2, 1.1, 32, once) == params(3, 1.21, 32, "resnet20_cifar")


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.floats(1, 8))
def test_stages_together_are_deepened_by_the_factor(depths: list[int], factor: float) -> None:
    deeper = deepened(depths, factor)
    assert len(deeper) == len(depths)
    assert sum(deeper) == int(factor * sum(depths) + 0.5)
    assert all(new >= old for new, old in zip(deeper, depths, strict=True))


def test_a_stage_keeps_a_block() -> None:
    assert deepened((1, 1, 4), 0.25) == (1, 1, 1)
    assert deepened((3, 3, 3), 1) == (3, 3, 3)
    assert deepened((2, 2, 2, 2), 1.2) == (2, 3, 2, 3)
