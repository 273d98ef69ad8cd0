"""NASNet and PNASNet: the paper's counts, N and F at other values, drop-path by schedule, the auxiliary head."""

from __future__ import annotations

import pytest
import torch

from topfive.models import spec
from topfive.models.nasnet import NASNET_A, NASNet, nasnet, plan, sides
from topfive.models.pnasnet import PNASNET_5
from topfive.nn.measure import count_params
from topfive.nn.stochastic_depth import StochasticDepth


@pytest.mark.parametrize(
    ("name", "millions"), [("nasnet_a_mobile", 564), ("pnasnet5_mobile", 588), ("nasnet_a_large", 23_800)]
)
def test_the_papers_multiply_accumulates_within_a_hundredth(name: str, millions: int) -> None:
    assert spec(name).facts.macs / 1e6 == pytest.approx(millions, rel=0.01)


def test_the_shapes_are_those_of_the_paper() -> None:
    """4 @ 1056: after the stem and each cell, at 224 pixels."""
    seen: list[tuple[int, ...]] = []
    with torch.device("meta"):
        model = spec("nasnet_a_mobile").build(num_classes=1000, in_channels=3)
        for cell in model.cells:
            cell.register_forward_hook(lambda _, __, maps: seen.append((maps.shape[1], maps.shape[2])))
        model(torch.zeros(1, 3, 224, 224))
    assert seen == [
        *((44, 56), (88, 28)),
        *[(264, 28)] * 4,
        (352, 14),
        *[(528, 14)] * 4,
        (704, 7),
        *[(1056, 7)] * 4,
    ]


@pytest.mark.parametrize("genotype", [NASNET_A, PNASNET_5])
@pytest.mark.parametrize(("cells", "filters"), [(1, 4), (2, 9), (3, 12)])
def test_any_number_of_cells_and_filters(genotype: object, cells: int, filters: int) -> None:
    small = nasnet(genotype, cells, filters, stem_channels=8, size=32)  # type: ignore[arg-type]
    assert small.preprocess.side == small.facts.input_size == 32
    model = small.build(num_classes=3, in_channels=1).eval()
    assert len(model.cells) == 4 + 3 * cells
    for height, width in ((3, 3), (31, 46)):
        with torch.no_grad():
            assert model(torch.zeros(2, 1, height, width)).isfinite().all()


def rates(model: NASNet) -> list[float]:
    return [next(m.rate * m.grown for m in cell.modules() if isinstance(m, StochasticDepth)) for cell in model.cells]


def test_drop_path_grows_with_depth_and_with_time() -> None:
    model = NASNet(plan(NASNET_A, 1, 4), num_classes=3, in_channels=1, stem_channels=4, drop_rate=0.7)
    assert rates(model) == pytest.approx([0.7 * index / 7 for index in range(1, 8)])
    model.progress(0.5)
    assert rates(model) == pytest.approx([0.35 * index / 7 for index in range(1, 8)])
    model.progress(0)
    assert set(rates(model)) == {0}
    assert max(rates(spec("nasnet_a_large").build(num_classes=2, in_channels=1))) == pytest.approx(0.3)  # type: ignore[arg-type]


def test_the_auxiliary_head_is_on_the_last_cell_before_the_last_reduction() -> None:
    torch.manual_seed(0)
    settings = {"num_classes": 3, "in_channels": 1, "stem_channels": 4}
    plain = NASNet(plan(NASNET_A, 1, 4), **settings)
    model = NASNet(plan(NASNET_A, 1, 4), **settings)
    model.add_sides(sides(plan(NASNET_A, 1, 4), 128))
    assert plain.auxiliary(torch.zeros(1, 1, 32, 32)) == []
    assert model.side_places == ("cells.4",)
    assert model.side_weight == 0.4
    added = 48 * 128 + 2 * 128 + 128 * 768 * 2 * 2 + 2 * 768 + 768 * 3 + 3
    assert count_params(model) == count_params(plain) + added
    for size in (33, 64, 128):
        (logits,) = model.auxiliary(torch.randn(2, 1, size, size))
        assert logits.shape == (2, 3)
    model.reset_head(5)
    (logits,) = model.auxiliary(torch.randn(2, 1, 64, 64))
    assert logits.shape == (2, 5)
    logits.square().mean().backward()
    assert all(parameter.grad is not None for parameter in model.sides.parameters())
    assert all(parameter.grad is None for parameter in model.cells[-1].parameters())


@pytest.mark.parametrize(("size", "side"), [(224, 4), (331, 6)])
def test_the_auxiliary_map_is_the_papers(size: int, side: int) -> None:
    with torch.device("meta"):
        model = NASNet(plan(NASNET_A, 1, 4), num_classes=3, in_channels=3, stem_channels=4).eval()
        model.add_sides(sides(plan(NASNET_A, 1, 4), size))
        assert model.sides[0].side == side
        shapes: list[torch.Size] = []
        model.sides[0].reduce.register_forward_hook(lambda _, __, maps: shapes.append(maps.shape))
        model.auxiliary(torch.zeros(1, 3, size, size))
    assert shapes == [(1, 128, side, side)]
