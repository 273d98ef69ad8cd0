"""One bar for work that is counted: on a terminal only, on stderr, gone when the work is done."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Bar:
    """Call it with how much is done, and of how much."""

    def __init__(self, what: str, *, shown: bool = True):
        console = Console(stderr=True)
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        visible = shown and console.is_terminal
        self._progress = Progress(*columns, console=console, transient=True, disable=not visible)
        self._task: TaskID | None = None
        self._what = what

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def __call__(self, done: int, total: int) -> None:
        if self._task is None:
            self._task = self._progress.add_task(self._what, total=total)
        self._progress.update(self._task, completed=done, total=total)
