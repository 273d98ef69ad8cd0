"""ShuffleNet's shuffle, its groups and its scale."""

from __future__ import annotations

import pytest
import torch

from topfive.errors import UsageError
from topfive.models.shufflenet import WIDTHS, Downsampling, shuffle, shufflenet_v1


def test_shuffle_deals_the_channels_out() -> None:
    x = torch.arange(6.0).view(1, 6, 1, 1).expand(1, 6, 2, 2)
    assert shuffle(x, 2)[0, :, 0, 0].tolist() == [0, 3, 1, 4, 2, 5]
    assert torch.equal(shuffle(shuffle(x, 2), 3), x)


@pytest.mark.parametrize("groups", WIDTHS)
@pytest.mark.parametrize("scale", [0.25, 0.6, 1.3])
def test_every_scale_is_divisible_by_its_groups(groups: int, scale: float) -> None:
    spec = shufflenet_v1(groups, scale)
    with torch.device("meta"):
        model = spec.build(num_classes=7, in_channels=1)
        assert model(torch.zeros(1, 1, 33, 47)).shape == (1, 7)
    assert spec.name == f"shufflenet_v1_x{scale}_g{groups}".replace(".", "_")


def test_cost_stays_whatever_the_groups() -> None:
    """Table 1: the widths are chosen so."""
    costs = [shufflenet_v1(groups).facts.macs for groups in WIDTHS]
    assert max(costs) / min(costs) < 1.07


def test_groups_without_a_width_are_refused() -> None:
    with pytest.raises(UsageError, match="1, 2, 3, 4, 8"):
        shufflenet_v1(5)


def test_the_first_unit_has_one_ungrouped_convolution() -> None:
    unit = Downsampling(24, 240, 3)
    assert (unit.reduce.conv.groups, unit.expand.conv.groups) == (1, 3)
    assert unit.expand.conv.out_channels == 240 - 24
    assert [len(list(part.children())) for part in (unit.reduce, unit.depthwise, unit.expand)] == [3, 2, 2]
