"""MobileNet's two multipliers against the paper's formula."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from topfive.models import create_model
from topfive.models.mobilenet import cost, mobilenet_v1, resolution, tf_layer


@given(alpha=st.floats(0.01, 2), rho=st.floats(0.05, 1.5))
def test_the_papers_formula_counts_what_is_computed(alpha: float, rho: float) -> None:
    assert mobilenet_v1(alpha, rho).facts.macs == cost(alpha, rho)


@pytest.mark.parametrize(
    ("alpha", "rho", "millions"),  # tables 6 and 7
    [(1, 1, 569), (0.75, 1, 325), (0.5, 1, 149), (0.25, 1, 41), (1, 192 / 224, 418), (1, 160 / 224, 290)],
)
def test_the_formula_gives_the_papers_tables(alpha: float, rho: float, millions: int) -> None:
    assert abs(cost(alpha, rho) / 1e6 - millions) < 1


def test_cost_falls_as_alpha_and_rho_squared() -> None:
    """Sec. 3.3 and 3.4: near enough, for the stem, the depthwise part and the head do not."""
    assert cost(0.5) / cost() == pytest.approx(0.25, rel=0.06)
    assert cost(1, 0.5) / cost() == pytest.approx(0.25, rel=0.06)


def test_a_network_at_odd_multipliers_runs() -> None:
    spec = mobilenet_v1(0.3, 0.3, layer=tf_layer)
    assert spec.preprocess.side == spec.facts.input_size == resolution(0.3) == 67
    model = spec.build(num_classes=5, in_channels=1).eval()
    assert model(torch.zeros(2, 1, 67, 67)).shape == (2, 5)


@pytest.mark.parametrize("name", ["mobilenet_v1", "tf_mobilenet_v1", "shufflenet_v1_x0_5_g3", "shufflenet_v2_x0_5"])
def test_any_size_will_do(name: str) -> None:
    model = create_model(name, num_classes=3).eval()
    for height, width in ((1, 1), (31, 32), (47, 96)):
        with torch.no_grad():
            assert model(torch.zeros(1, 3, height, width)).isfinite().all()
