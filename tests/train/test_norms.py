from __future__ import annotations

import pytest
import torch
from torch import nn

from topfive.train.norms import keep_pace


def momentum_after(steps: int, momentum: float | None) -> float | None:
    norm = nn.BatchNorm2d(3, momentum=momentum)
    keep_pace(nn.Sequential(norm), steps)
    return norm.momentum


@pytest.mark.parametrize(
    ("steps", "momentum", "expected"),
    [(400, 0.01, 0.075), (10, 0.01, 0.1), (3000, 0.01, 0.01), (100_000, 0.01, 0.01), (10, 0.3, 0.3), (10, None, None)],
)
def test_only_what_is_too_slow_for_the_run_is_hastened(steps, momentum, expected):
    assert momentum_after(steps, momentum) == expected


def test_the_start_is_forgotten_at_the_end_of_a_short_run():
    """And would not be without: the sabotage is to leave the momentum alone."""
    far = torch.randn(64, 3, 2, 2) + 5
    remembered = {}
    for hastened in (True, False):
        norm = nn.BatchNorm2d(3, momentum=0.01)
        if hastened:
            keep_pace(norm, 100)
        for _ in range(100):
            norm(far)
        remembered[hastened] = float((norm.running_mean - far.mean((0, 2, 3))).abs().max())
    assert remembered[True] < 0.001 < 1 < remembered[False]
