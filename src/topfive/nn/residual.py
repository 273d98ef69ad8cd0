"""Residual branches that start as nothing, so that a deep network starts shallow.

Goyal et al. 2017, arXiv:1706.02677, sec. 5.1; He et al. 2018, arXiv:1812.01187, sec. 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import nn

from topfive.errors import UsageError


@runtime_checkable
class EndsInNorm(Protocol):
    """A block that adds branches to what comes in, and nothing but an activation stands behind their last norms."""

    def last_norms(self) -> Sequence[nn.BatchNorm2d]:
        """One of each branch; none where the block does not add."""
        ...


def last_norm(*parts: nn.Module) -> nn.BatchNorm2d:
    """The last normalisation of `parts` that run one after the other."""
    return [module for part in parts for module in part.modules() if isinstance(module, nn.BatchNorm2d)][-1]


def zero_gamma(model: nn.Module) -> None:
    """Set the scale of each residual branch's last normalisation to 0, so that a new block hands on what comes in."""
    norms = [norm for block in model.modules() if isinstance(block, EndsInNorm) for norm in block.last_norms()]
    if not norms:
        why = "it has no residual branches that end in batch normalisation"
        raise UsageError("cannot start branches at zero in", type(model).__name__, why, "Leave out --zero-gamma")
    for norm in norms:
        nn.init.zeros_(norm.weight)
