"""What a run looks like from outside: a bar on a terminal, plain lines elsewhere, a line an epoch; on stderr."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import IO, Any, Self, cast

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from topfive.errors import shown

PLAIN_SECONDS = 10.0  # between two lines of progress where there is no terminal


def console() -> Console:
    """stderr: stdout is for answers."""
    return Console(file=cast(IO[str], Forgiving(sys.stderr)), highlight=False, soft_wrap=True, quiet=sys.stderr is None)


class Forgiving:
    """A stream whose reader may go away or whose disk may be full: a run does not die of what it has to say."""

    def __init__(self, stream: IO[str]):
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class TrainingProgress:
    """Watches a training run (topfive.train.loop.Watch)."""

    def __init__(self) -> None:
        self._console = console()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._loss: float | None = None
        self._printed = time.monotonic()
        self._total = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop_bar()

    def note(self, text: str) -> None:
        self._console.print(f"[dim]{escape(shown(text))}[/]")

    def loading(self, done: int, total: int) -> None:
        self._advance("reading images", done, total, "")
        if done == total:
            self._stop_bar()

    def started(self, step: int, total: int) -> None:
        self._stop_bar()
        self._total = total
        self.note(f"training from step {step} to {total}" if step else f"training {total} steps")

    def stepped(self, step: int, loss: float) -> None:
        self._loss = loss if self._loss is None else 0.95 * self._loss + 0.05 * loss
        self._advance("training", step, self._total, f"loss {self._loss:.3f}")

    def epoch(self, entry: dict[str, Any]) -> None:
        line = f"epoch {entry['epoch']:>3}  loss {entry['train_loss']:.4f}"
        for key, name in (("val_top1", "top-1"), ("val_map", "mAP")):
            if key in entry:
                line += f"  val {name} {entry[key]:.2%}  val nll {entry['val_nll']:.4f}"
        if "side" in entry:
            line += f"  at {entry['side']} pixels"
        self.line(f"{line}  lr {entry['lr']:.2e}  {entry['seconds']:.0f} s")

    def line(self, text: str) -> None:
        """What stays to be read, above the bar."""
        self._console.print(text, markup=False)
        self._printed = time.monotonic()

    def _advance(self, what: str, done: int, total: int, detail: str) -> None:
        if not self._console.is_terminal:
            if time.monotonic() - self._printed >= PLAIN_SECONDS:
                self._console.print(f"{what} {done}/{total} {detail}".rstrip())
                self._printed = time.monotonic()
            return
        if self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[detail]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
                refresh_per_second=4,
            )
            self._task = self._bar.add_task(what, total=total, detail=detail)
            self._bar.start()
        assert self._task is not None
        self._bar.update(self._task, completed=done, detail=detail)

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None
