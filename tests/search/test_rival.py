"""Hand-made networks at a given cost."""

from __future__ import annotations

import pytest

from topfive.errors import UsageError
from topfive.models import efficientnet, spec
from topfive.nn.measure import count_facts
from topfive.search.rival import TOLERANCE, rival


@pytest.mark.parametrize(
    ("base", "macs", "side"),
    [("resnet20_cifar", 5_000_000, 28), ("resnet20_cifar", 60_000_000, 32), ("mobilenet_v2", 12_000_000, 64)],
)
def test_the_cost_is_met(base, macs, side):
    found = rival(base, macs, side, num_classes=7)
    multiplied = efficientnet.read(found.model)
    build = spec(base).scale(depth=multiplied.depth, width=multiplied.width)
    assert count_facts(build, side, 7, 3).macs == found.macs
    assert found.off == pytest.approx(abs(found.macs - macs) / macs)
    assert found.off <= TOLERANCE
    assert (multiplied.base, multiplied.side) == (base, side)


def test_where_width_alone_is_too_coarse_the_depth_changes():
    depths = {efficientnet.read(rival("resnet20_cifar", macs, 28, 10).model).depth for macs in (400_000, 31_000_000)}
    assert depths > {1.0}


def test_a_cost_that_nothing_has_gets_the_nearest():
    found = rival("resnet20_cifar", 1000, 28, num_classes=10)
    assert found.off > TOLERANCE
    assert found.macs < 300_000


def test_a_network_without_widths_is_refused():
    with pytest.raises(UsageError, match="no factors"):
        rival("alexnet", 10**7, 224, 10)
