"""When a search ends, and the time that it has taken."""

from __future__ import annotations

import time
from dataclasses import dataclass

from topfive.search.protocols import Journal
from topfive.train.run import Stop

PATIENCE = 20  # rounds
TICK_SECONDS = 10  # the most of its time that a killed search forgets


@dataclass(frozen=True)
class Ends:
    """A search ends after `trials` evaluated networks, those refused or known before not counted, after `seconds` of
    all its lives, where what runs is still waited for, or after `patience` rounds that measured nothing new.
    """

    trials: int | None = None
    seconds: float | None = None
    patience: int = PATIENCE


class Clock:
    """The seconds of a search, those of its former lives included, and whether anything more may begin."""

    def __init__(self, journal: Journal, ends: Ends, stop: Stop):
        self.ends = ends
        self._journal = journal
        self._stop = stop
        self._begun = time.monotonic() - journal.seconds

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._begun, 3)

    @property
    def stopped(self) -> bool:
        """Whether a signal asked to stop: what runs is not waited for."""
        return self._stop.signal_number != 0

    @property
    def over(self) -> bool:
        return self.stopped or (self.ends.seconds is not None and self.seconds >= self.ends.seconds)

    def tick(self) -> None:
        """Write the time down where nothing else has been for a while."""
        if self.seconds - self._journal.seconds >= TICK_SECONDS:
            self._journal.tick(self.seconds)
