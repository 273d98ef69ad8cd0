"""Random search: what every strategy has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topfive.search.space import Choices, SearchSpace
from topfive.search.trial import Trial

DRAWS = 100  # a proposal that is wanted; where they bring nothing new, there seems to be no more


@dataclass(frozen=True)
class Random:
    """Uniformly among the choices at the last level; networks that were proposed before are drawn again."""

    def __call__(
        self, space: SearchSpace, history: Sequence[Trial], count: int, rng: np.random.Generator
    ) -> list[Choices]:
        known = {trial.key for trial in history}
        proposals: list[Choices] = []
        for choices in (space.sample(rng) for _ in range(DRAWS * count)):
            if len(proposals) == count:
                break
            if (key := space.key(choices)) not in known:
                known.add(key)
                proposals.append(choices)
        return proposals
