"""What a search looks like from outside: the best so far and a bar on a terminal, plain lines elsewhere; on stderr."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from topfive.cli.progress import PLAIN_SECONDS, console
from topfive.errors import shown
from topfive.report.wording import amount, duration
from topfive.search.trial import Failure, Measurement, Trial

BEST = 5  # trials that the table shows
BAR = 24  # characters


@dataclass
class Standing:
    """What is known so far: the trials of networks that were new, the best first, and how the others went."""

    best: list[Trial] = field(default_factory=list)
    evaluated: int = 0
    failed: int = 0
    copies: int = 0

    def add(self, trial: Trial) -> bool:
        """Whether it is the new best."""
        if trial.copy_of is not None:
            self.copies += 1
            return False
        self.evaluated += 1
        if isinstance(trial.outcome, Failure) or trial.reward is None:
            self.failed += 1
            return False
        self.best.append(trial)
        self.best.sort(key=lambda one: (-_reward(one), one.number))
        return self.best[0] is trial

    def counted(self) -> str:
        """In words."""
        parts = [f"{self.evaluated} {'network' if self.evaluated == 1 else 'networks'}"]
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self.copies} proposed again"] if self.copies else []
        return ", ".join(parts)


class SearchProgress:
    """Watches a search (topfive.search.protocols.Watch) that may take `seconds` in all, or `trials`.

    `taken` are the seconds that its former lives took.
    """

    def __init__(self, seconds: float | None, trials: int | None, taken: float = 0.0):
        self.standing = Standing()
        self._console = console()
        self._seconds, self._trials = seconds, trials
        self._begun = time.monotonic() - taken
        self._printed = time.monotonic()
        self._round = 0
        self._live: Live | None = None

    def __enter__(self) -> SearchProgress:
        if self._console.is_terminal:
            self._live = Live(console=self._console, get_renderable=self._drawn, refresh_per_second=2, transient=True)
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def note(self, text: str) -> None:
        self._console.print(f"[dim]{escape(shown(text))}[/]")

    def proposed(self, round: int, count: int) -> None:
        self._round = round

    def finished(self, trial: Trial) -> None:
        best = self.standing.add(trial)
        if self._live is not None:
            return
        if best or time.monotonic() - self._printed >= PLAIN_SECONDS:
            top = f", best {told(self.standing.best[0])}" if self.standing.best else ""
            self._console.print(Text(f"{self.standing.counted()}{top}; {self._left()}"))
            self._printed = time.monotonic()

    def round_done(self, round: int, history: Sequence[Trial]) -> None: ...

    def ended(self, history: Sequence[Trial], why: str) -> None:
        self.__exit__()
        self._console.print(Text(f"searched {self.standing.counted()}: {why}"))

    def _drawn(self) -> Group:
        return Group(trials_table(self.standing.best[:BEST]), self._bar())

    def _bar(self) -> Table:
        done, total = self._done()
        line = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(3):
            line.add_column(no_wrap=True)
        line.add_row(
            Text("searching"),
            ProgressBar(total=max(total, 1e-9), completed=min(done, total), width=BAR),
            Text(f"round {self._round + 1}, {self.standing.counted()}, {self._left()}"),
        )
        return line

    def _done(self) -> tuple[float, float]:
        """How much is done of how much: of the time where it ends by time, else of the trials."""
        if self._seconds is not None:
            return time.monotonic() - self._begun, self._seconds
        return float(self.standing.evaluated), float(self._trials or 1)

    def _left(self) -> str:
        """The time left; by trials as the trials so far took."""
        taken = time.monotonic() - self._begun
        if self._seconds is not None:
            return f"{clock(max(0.0, self._seconds - taken))} left"
        if self._trials is None or not self.standing.evaluated:
            return f"{clock(taken)} taken"
        rest = max(0, self._trials - self.standing.evaluated)
        return f"about {clock(taken / self.standing.evaluated * rest)} left"


def trials_table(trials: Sequence[Trial]) -> Table:
    """The trials that are handed over, as rows in their order; what no trial measured has no column."""
    timed = any(isinstance(trial.outcome, Measurement) and trial.outcome.latency is not None for trial in trials)
    headings = ["Trial", "Reward", "Accuracy", "Params", "MACs", *(["Latency"] if timed else [])]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", expand=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Network", no_wrap=True, overflow="ellipsis", ratio=1)  # what is left
    for trial in trials:
        table.add_row(*map(Text, cells(trial)), Text(shown(trial.model)))
    return table


def cells(trial: Trial) -> list[str]:
    """A measured trial as a row: its number, reward, accuracy, parameters, multiply-accumulates, and any latency."""
    measured = trial.outcome
    assert isinstance(measured, Measurement)
    row = [str(trial.number), f"{_reward(trial):.4f}", f"{measured.accuracy:.2%}"]
    row += [amount(measured.params), amount(measured.macs)]
    return row if measured.latency is None else [*row, duration(measured.latency / 1e3)]


def told(trial: Trial) -> str:
    """A measured trial in a line."""
    assert isinstance(trial.outcome, Measurement)
    number, reward, accuracy, params, macs, *latency = cells(trial)
    worth = accuracy if trial.reward == trial.outcome.accuracy else f"{reward} ({accuracy})"
    return ", ".join([f"{worth} by trial {number}", f"{params} parameters", f"{macs} MACs", *latency])


def clock(seconds: float) -> str:
    """1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _reward(trial: Trial) -> float:
    assert trial.reward is not None
    return trial.reward
