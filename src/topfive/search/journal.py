"""The journal of a search: its log, its checkpoint, and what searchers that work side by side share.

It is a file of JSON lines.  The first, the head, says what is searched and how; then there is one line for each round
with its proposals, one for each trial evaluated, and now and then one for the time alone.  `at` is what the search has
taken until then, in seconds of all its lives.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from topfive.errors import RefusedError, ResourceError, UsageError, shown
from topfive.search import head as heads
from topfive.search.lines import Failed, Line, Measured, Passed, Proposed, parse
from topfive.search.logfile import Claims, LogFile
from topfive.search.space import Choices
from topfive.search.trial import Measurement, Result

CLAIMS = ".claims"


class MemoryJournal:
    """A journal that is gone with its process."""

    def __init__(self) -> None:
        self.name = "in memory"
        self.rounds: list[tuple[Choices, ...]] = []
        self.results: dict[int, Result] = {}
        self.seconds = 0.0
        self.notes: list[str] = []

    def refresh(self) -> None: ...

    def propose(self, round: int, proposals: Sequence[Choices], seconds: float) -> None:
        self.rounds.append(tuple(proposals))

    def claim(self, trial: int) -> bool:
        return True

    def record(self, result: Result, seconds: float) -> None:
        self.results[result.trial] = result

    def tick(self, seconds: float) -> None: ...


@contextlib.contextmanager
def journal_in(folder: Path, head: Mapping[str, Any]) -> Iterator[FileJournal]:
    """The journal in `folder`, begun with `head` where there is none yet.

    UsageError where the one there was begun with another head, RefusedError where it is damaged or newer than this
    program.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError("cannot write folder", folder, error.strerror or str(error)) from None
    path = folder / heads.JOURNAL
    with contextlib.closing(LogFile(path)) as file, contextlib.closing(Claims(folder / CLAIMS)) as claims:
        yield FileJournal(path, file, claims, head)


class FileJournal:
    """A journal that outlives its process and that others may share."""

    def __init__(self, path: Path, file: LogFile, claims: Claims, head: Mapping[str, Any]):
        self.name = str(path.parent)
        self.rounds: list[tuple[Choices, ...]] = []
        self.results: dict[int, Result] = {}
        self.seconds = 0.0
        self.path = path
        self._file = file
        self._claims = claims
        self._lines = 1
        with file.alone():
            lines = file.lines()
            if lines:
                heads.check(heads.parse(lines[0], path), head, path)
                self._take(lines[1:])
            else:
                file.append(dict(head))

    @property
    def notes(self) -> list[str]:
        return [f"{shown(self.path)}: torn lines dropped: {self._file.torn}"] if self._file.torn else []

    def refresh(self) -> None:
        self._take(self._file.lines())

    def propose(self, round: int, proposals: Sequence[Choices], seconds: float) -> None:
        """Write down what a round tries; UsageError where the journal knows it, and otherwise."""
        with self._file.alone():
            self.refresh()
            if round == len(self.rounds):
                self._write(Proposed(round, tuple(proposals), seconds))
                self.rounds.append(tuple(proposals))
        if self.rounds[round] != tuple(proposals):
            raise UsageError(
                "search", self.path, f"round {round} now proposes {_unlike(proposals, self.rounds[round])}",
                "The strategy or the space was changed since. Start anew with another --out",
            )  # fmt: skip

    def claim(self, trial: int) -> bool:
        """Whether this process may evaluate `trial`: nobody else is at it, and nobody has done it."""
        if not self._claims.take(trial):
            return False
        self.refresh()
        if trial in self.results:
            self._claims.free(trial)
            return False
        return True

    def record(self, result: Result, seconds: float) -> None:
        """Write down what came of a trial and free the claim on it."""
        common = result.trial, result.key, result.model
        with self._file.alone():
            self.refresh()
            if result.trial not in self.results:  # a refusal may be found by two at once
                if isinstance(result.outcome, Measurement):
                    self._write(Measured(*common, result.outcome, seconds))
                else:
                    self._write(Failed(*common, result.outcome, seconds))
                self.results[result.trial] = result
        self._claims.free(result.trial)

    def tick(self, seconds: float) -> None:
        """Write down the time alone."""
        with self._file.alone():
            self.refresh()
            self._write(Passed(seconds))

    def _write(self, line: Line) -> None:
        self._file.append(dataclasses.asdict(line))
        self._lines += 1
        self.seconds = max(self.seconds, line.at)

    def _take(self, lines: Sequence[bytes]) -> None:
        for text in lines:
            self._lines += 1
            try:
                line = parse(text)
                self._place(line)
            except ValueError as error:
                raise RefusedError(
                    "journal", self.path, f"line {self._lines} is damaged ({error})",
                    "Cut the file off before that line, or start anew with another --out",
                ) from None  # fmt: skip
            self.seconds = max(self.seconds, line.at)

    def _place(self, line: Line) -> None:
        """ValueError where the line is none that can come here."""
        if isinstance(line, Proposed):
            if line.round != len(self.rounds):
                raise ValueError(f"round {line.round} after {len(self.rounds)} rounds")
            self.rounds.append(line.proposals)
        elif isinstance(line, Measured | Failed):
            if line.trial in self.results:
                raise ValueError(f"trial {line.trial} a second time")
            if line.trial >= sum(map(len, self.rounds)):
                raise ValueError(f"trial {line.trial}, which no round proposes")
            outcome = line.measured if isinstance(line, Measured) else line.failed
            self.results[line.trial] = Result(line.trial, line.key, line.model, outcome)


def _unlike(now: Sequence[Choices], before: Sequence[Choices]) -> str:
    if len(now) != len(before):
        return f"{len(now)} architectures where the journal has {len(before)}"
    place = next(place for place, (one, other) in enumerate(zip(now, before, strict=True)) if one != other)
    return f"{now[place]} where the journal has {before[place]}"
