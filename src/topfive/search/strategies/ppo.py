"""Proximal policy optimisation, as NASNet's controller was taught.

Schulman et al. 2017, arXiv:1707.06347, eq. 7; Zoph et al. 2017, arXiv:1707.07012, appendix A.
"""

from __future__ import annotations

import torch
from torch import Tensor

from topfive.search.strategies.policy_gradient import PolicyGradient, Settings

CLIP = 0.2


def strategy(seed: int) -> PolicyGradient:
    return PolicyGradient(
        Settings(loss, hidden=100, layers=1, spread=0.1, learning_rate=0.00035, updates=4, decay=0.95, entropy=1e-5),
        seed,
    )


def loss(now: Tensor, before: Tensor, advantages: Tensor) -> Tensor:
    """The lesser of the gain with the ratio of probabilities as it is and clipped to 1 +- CLIP."""
    ratio = torch.exp(now - before)
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - CLIP, 1 + CLIP) * advantages).mean()
