"""What is searched and how."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from topfive.search.admission import everything
from topfive.search.head import FORMAT
from topfive.search.protocols import Admission, Evaluator, Objective, Strategy
from topfive.search.space import SearchSpace


@dataclass(frozen=True)
class Plan:
    """All that the row of trials depends on, and nothing else: no executor, no number of workers, no end.

    `round` architectures are proposed at a time.  `asked` is whatever the caller needs to make the same plan again,
    as JSON; like everything here it may not change while the search lasts.
    """

    space: SearchSpace
    strategy: Strategy
    evaluate: Evaluator
    objective: Objective
    seed: int = 0
    round: int = 8
    admit: Admission = everything
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def head(self) -> dict[str, Any]:
        """The first line of the journal, as JSON."""
        return {
            "format": FORMAT,
            "space": {"name": self.space.name, "settings": dict(self.space.settings)},
            "strategy": in_words(self.strategy),
            "evaluator": in_words(self.evaluate),
            "objective": in_words(self.objective),
            "admission": in_words(self.admit),
            "seed": self.seed,
            "round": self.round,
            "asked": dict(self.asked),
        }


def in_words(part: Callable[..., Any]) -> str:
    """A part of a search with its settings, as far as it tells them: dataclasses tell the fields that they show."""
    if dataclasses.is_dataclass(part):
        return repr(part)
    return getattr(part, "__qualname__", type(part).__qualname__)
