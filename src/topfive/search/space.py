"""What a search may choose from, as data: a row of decisions, each with the answers it may have."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from topfive.errors import UsageError

Choices = tuple[int, ...]  # one number a decision: the place of its answer


@dataclass(frozen=True)
class Decision:
    """One question about an architecture, and its answers as a person reads them."""

    name: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class SearchSpace:
    """Decisions that are free of each other: any answer to one goes with any answers to the rest.

    `levels` are the numbers of decisions after which an architecture is complete, the last of them all decisions: a
    space of cells that grow block by block has one a block.  `model` names the network of some choices as
    `create_model` knows it, `structure` is a text that two choices share if and only if their networks compute alike.
    `settings` says how the space was made; a journal keeps it and refuses another.
    """

    name: str
    decisions: tuple[Decision, ...]
    model: Callable[[Choices], str] = field(repr=False)
    structure: Callable[[Choices], str] = field(repr=False)
    levels: tuple[int, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many choices there are at the last level, those that compute alike counted apart."""
        return self.size_at(len(self.levels) - 1)

    def size_at(self, level: int) -> int:
        return math.prod(len(decision.answers) for decision in self.decisions[: self.levels[level]])

    def sample(self, rng: np.random.Generator, level: int = -1) -> Choices:
        """Uniformly among the choices at `level`."""
        return tuple(int(rng.integers(len(d.answers))) for d in self.decisions[: self.levels[level]])

    def mutate(self, choices: Choices, rng: np.random.Generator) -> Choices:
        """One decision, chosen uniformly among those that have another answer, gets another answer."""
        open_ones = [place for place in range(len(choices)) if len(self.decisions[place].answers) > 1]
        if not open_ones:
            return choices
        place = int(rng.choice(open_ones))
        other = int(rng.integers(len(self.decisions[place].answers) - 1))
        return (*choices[:place], other + (other >= choices[place]), *choices[place + 1 :])

    def key(self, choices: Choices) -> str:
        """16 hexadecimal digits: equal for choices whose networks compute alike."""
        return hashlib.blake2b(self.structure(self.checked(choices)).encode(), digest_size=8).hexdigest()

    def checked(self, choices: Choices) -> Choices:
        """`choices` themselves.  UsageError where they are none of this space."""
        if len(choices) not in self.levels:
            raise UsageError("choices", str(choices), f"{self.name} has architectures of {self.levels} decisions")
        for decision, choice in zip(self.decisions, choices, strict=False):
            if not 0 <= choice < len(decision.answers):
                why = f"{decision.name} has answers 0 to {len(decision.answers) - 1}, not {choice}"
                raise UsageError("choices", str(choices), why)
        return choices

    def read(self, choices: Choices) -> dict[str, str]:
        """The decisions and their answers in words."""
        return {d.name: d.answers[choice] for d, choice in zip(self.decisions, choices, strict=False)}
