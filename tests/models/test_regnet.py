from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from topfive.models.regnet import REGNETY, RegNet, stages, widths


@pytest.mark.parametrize(
    ("name", "expected"),
    [  # the networks as the authors' zoo lists them
        ("regnety_002", [(24, 1), (56, 1), (152, 4), (368, 7)]),
        ("regnety_008", [(64, 1), (128, 3), (320, 8), (768, 2)]),
        ("regnety_016", [(48, 2), (120, 6), (336, 17), (888, 2)]),
        ("regnety_032", [(72, 2), (216, 5), (576, 13), (1512, 1)]),
        ("regnety_320", [(232, 2), (696, 5), (1392, 12), (3712, 1)]),
    ],
)
def test_stages_are_the_published(name: str, expected: list[tuple[int, int]]) -> None:
    row = next(row for row in REGNETY if row.name == name)
    assert stages(row.initial, row.slope, row.multiplier, row.depth, row.group_width) == expected


drawings = st.tuples(
    st.integers(1, 32).map(lambda eights: 8 * eights),
    st.floats(0, 200),
    st.floats(1.5, 3),
    st.integers(1, 30),
    st.sampled_from([1, 8, 16, 24, 56, 112]),
)


@given(drawings)
def test_widths_never_fall_and_every_block_has_a_stage(drawing: tuple[int, float, float, int, int]) -> None:
    initial, slope, multiplier, depth, group_width = drawing
    drawn = widths(initial, slope, multiplier, depth)
    assert drawn == sorted(drawn)
    assert drawn[0] == initial
    assert all(width % 8 == 0 for width in drawn)
    fitted = stages(*drawing)
    assert sum(blocks for _, blocks in fitted) == depth
    assert all(width % min(group_width, width) == 0 for width, _ in fitted)


def test_any_drawing_builds() -> None:
    with torch.device("meta"):
        model = RegNet(16, 30.5, 2.2, 6, 8, num_classes=5, in_channels=1)
        assert model(torch.zeros(1, 1, 65, 65)).shape == (1, 5)
