from __future__ import annotations

import pytest
import torch

from topfive.nn.pool import SameMaxPool2d, covering


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7])
def test_same_pooling_by_hand(size: int) -> None:
    """Two zeros are shared out, one goes to the far side; none of them ever is the maximum."""
    x = -1 - torch.rand(1, 1, size, size)
    outputs = (size + 1) // 2
    padding = max(2 * (outputs - 1) + 3 - size, 0)
    start = padding // 2
    given = SameMaxPool2d(3, 2)(x)
    assert given.shape == (1, 1, outputs, outputs)
    for row in range(outputs):
        for column in range(outputs):
            top, left = 2 * row - start, 2 * column - start
            window = x[0, 0, max(top, 0) : top + 3, max(left, 0) : left + 3]
            assert given[0, 0, row, column] == window.max()


def test_covering_pooling_leaves_no_pixel_out() -> None:
    x = torch.zeros(1, 1, 6, 6)
    x[0, 0, 5, 5] = 1
    assert covering()(x)[0, 0].tolist() == [[0, 0, 0], [0, 0, 0], [0, 0, 1]]
