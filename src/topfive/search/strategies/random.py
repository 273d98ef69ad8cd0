"""Random search: what every strategy has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topfive.search.space import Choices, SearchSpace
from topfive.search.trial import Trial

DRAWS = 100  # without a new network, until there seem to be no more


def propose(space: SearchSpace, history: Sequence[Trial], count: int, rng: np.random.Generator) -> list[Choices]:
    """Uniformly among the choices at the last level; networks that were proposed before are drawn again."""
    known = {trial.key for trial in history}
    proposals: list[Choices] = []
    while len(proposals) < count:
        for _ in range(DRAWS):
            choices = space.sample(rng)
            if (key := space.key(choices)) not in known:
                break
        else:
            return proposals
        known.add(key)
        proposals.append(choices)
    return proposals
