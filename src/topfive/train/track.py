"""Trackers: the figures of a run handed to TensorBoard, Weights & Biases or MLflow too, beside the run's own files.

Nothing is handed on unless it is asked for.  A tracker that fails is given up and said once; the run goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from topfive.errors import TopfiveError, UsageError, nearest, need
from topfive.train.finish import Report
from topfive.train.loop import Watch

EVERY = 10  # steps between two losses that are handed on
FINAL = ("n", "top1", "top5", "nll", "ece", "mean_average_precision", "micro_f1", "macro_f1")  # of an evaluation


class Sink(Protocol):
    """Where figures go; whatever it raises means that it is of no more use."""

    def start(self, settings: Mapping[str, Any], step: int) -> None:
        """The run begins, or goes on, after `step` steps."""
        ...

    def record(self, figures: Mapping[str, float], step: int) -> None: ...

    def finish(self, completed: bool) -> None: ...


class TensorBoard:
    """Event files in the run's folder `tensorboard`; what a killed run wrote after its last checkpoint is hidden."""

    def __init__(self, folder: Path):
        need("tensorboard", "track")
        self._folder = folder / "tensorboard"

    def start(self, settings: Mapping[str, Any], step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(self._folder), purge_step=step + 1 if step else None)
        rows = "\n".join(f"| {name} | {value} |" for name, value in settings.items())
        self._writer.add_text("recipe", f"| setting | value |\n| --- | --- |\n{rows}", step)

    def record(self, figures: Mapping[str, float], step: int) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def finish(self, completed: bool) -> None:
        self._writer.close()


class WeightsAndBiases:
    """A run of the project `topfive` (or WANDB_PROJECT); a run that goes on is a new one in the same group."""

    def __init__(self, folder: Path):
        self._wandb: Any = need("wandb", "track-wandb")
        self._folder = folder

    def start(self, settings: Mapping[str, Any], step: int) -> None:
        name = self._folder.name
        self._run = self._wandb.init(
            project=os.environ.get("WANDB_PROJECT", "topfive"),
            name=name,
            group=name,
            dir=str(self._folder),
            config=dict(settings),
            settings={"silent": True},
        )

    def record(self, figures: Mapping[str, float], step: int) -> None:
        self._run.log(dict(figures), step=step)

    def finish(self, completed: bool) -> None:
        self._run.finish(exit_code=0 if completed else 1)


class MLflow:
    """A run of MLflow's, in the run's own `mlruns.db` where MLFLOW_TRACKING_URI names no other place."""

    def __init__(self, folder: Path):
        self._mlflow: Any = need("mlflow", "track-mlflow")
        self._folder = folder

    def start(self, settings: Mapping[str, Any], step: int) -> None:
        place = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self._folder.absolute() / 'mlruns.db'}"
        self._mlflow.set_tracking_uri(place)
        self._mlflow.start_run(run_name=self._folder.name)
        self._mlflow.log_params(dict(settings))

    def record(self, figures: Mapping[str, float], step: int) -> None:
        self._mlflow.log_metrics(dict(figures), step=step)

    def finish(self, completed: bool) -> None:
        self._mlflow.end_run("FINISHED" if completed else "FAILED")


SINKS: dict[str, Callable[[Path], Sink]] = {"tensorboard": TensorBoard, "wandb": WeightsAndBiases, "mlflow": MLflow}


def sinks_from(text: str, folder: Path) -> dict[str, Sink]:
    """The sinks that "tensorboard" or "tensorboard,wandb" names, for the run in `folder`.

    UsageError where a name is unknown or its package is missing.
    """
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in SINKS:
            raise UsageError("--track", name, f"there are {', '.join(SINKS)}", nearest(name, SINKS))
    return {name: SINKS[name](folder) for name in names}


class Tracked:
    """A watch that hands on what it sees: to other watches, and as figures to sinks, while the context lasts.

    `loss` every ten steps, an epoch's figures by their names in `metrics.jsonl`, and in the end those of `finished` as
    `test/top1` and the like.
    """

    def __init__(self, watches: Sequence[Watch], sinks: Mapping[str, Sink], settings: Mapping[str, Any]):
        self._watches, self._sinks, self._settings = watches, dict(sinks), settings
        self._step, self._begun = 0, False

    def __enter__(self) -> Tracked:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._begun:
            self._each(lambda sink: sink.finish(completed=kind is None))

    def note(self, text: str) -> None:
        for watch in self._watches:
            watch.note(text)

    def loading(self, done: int, total: int) -> None:
        for watch in self._watches:
            watch.loading(done, total)

    def started(self, step: int, total: int) -> None:
        self._step, self._begun = step, True
        self._each(lambda sink: sink.start(self._settings, step))
        for watch in self._watches:
            watch.started(step, total)

    def stepped(self, step: int, loss: float) -> None:
        self._step = step
        if step % EVERY == 0:
            self._record({"loss": loss})
        for watch in self._watches:
            watch.stepped(step, loss)

    def epoch(self, entry: dict[str, Any]) -> None:
        self._step = entry["step"]
        self._record({name: value for name, value in entry.items() if name != "step"})
        for watch in self._watches:
            watch.epoch(entry)

    def finished(self, report: Report) -> None:
        """The shipped file was measured."""
        measured = report.evaluation
        self._record({f"{report.split}/{name}": getattr(measured, name) for name in FINAL if hasattr(measured, name)})

    def _record(self, figures: Mapping[str, Any]) -> None:
        numbers = {name: float(value) for name, value in figures.items() if isinstance(value, int | float)}
        self._each(lambda sink: sink.record(numbers, self._step))

    def _each(self, act: Callable[[Sink], None]) -> None:
        for name, sink in list(self._sinks.items()):
            try:
                act(sink)
            except Exception as error:  # other people's code, networks and disks
                del self._sinks[name]
                why = str(error) if isinstance(error, TopfiveError) else f"{type(error).__name__}: {error}"
                self.note(f"{name} gets no more figures: {' '.join(why.split())[:200]}")
