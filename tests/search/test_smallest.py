"""The cheapest network of a space."""

from __future__ import annotations

import pytest

from topfive.errors import LimitsError
from topfive.models import spec
from topfive.search.smallest import check_limit, smallest
from topfive.search.spaces.cells import Size, distinct, pnas

SPACE = pnas("tiny", ("separable_3x3", "max_3x3"), 1, Size(1, 4, 8, 1))


def test_no_network_is_cheaper():
    costs = [spec(SPACE.model(choices)).facts.macs for choices in distinct(SPACE, 0)]
    least = spec(SPACE.model(smallest(SPACE))).facts.macs
    assert least == min(costs) < max(costs)
    check_limit(SPACE, least)
    with pytest.raises(LimitsError, match=f"Use --max-macs {least} or more"):
        check_limit(SPACE, least - 1)
