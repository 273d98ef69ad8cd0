"""The run folder: who writes in it, what was decided at its start, and the log of what happened."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import signal
import types
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from topfive import artifact
from topfive.errors import RefusedError, ResourceError, StoppedError, UsageError
from topfive.evaluate.limits import ANY, Limits
from topfive.preprocess import Preprocess
from topfive.recipe import recipe_from
from topfive.train.checkpoint import Checkpoint, load_newest, remove_leftovers, save
from topfive.train.placement import Precision

CONFIG, METRICS, LOCK, CHECKPOINTS = "config.yaml", "metrics.jsonl", ".lock", "checkpoints"


@dataclass
class _Data:
    fingerprint: str
    classes: list[str]


@dataclass(config=ConfigDict(extra="forbid"))
class _Placement:
    threads: Annotated[int, Field(ge=1)]
    channels_last: bool
    precision: Precision = "float32"
    compiled: bool = False
    abreast: Annotated[int, Field(ge=1)] = 1


@dataclass
class _Config:
    """What a run that goes on reads back; anything else in the file is for people."""

    recipe: dict[str, Any]
    data: _Data
    preprocess: Preprocess
    placement: _Placement
    environment: dict[str, str]
    limits: Limits = ANY
    resumed: list[dict[str, Any]] = dataclasses.field(default_factory=list)


_CONFIG = TypeAdapter(_Config)


class Run:
    """One run folder, locked by this process while the context lasts.

    Of many processes that train together one `writes`; the others only read.  `notes` collects what the user should be
    told: checkpoints passed over, a log that could not be written.
    """

    def __init__(self, folder: Path, writes: bool = True):
        self.folder = folder
        self.writes = writes
        self.notes: list[str] = []
        self._lock: IO[str] | None = None

    def __enter__(self) -> Run:
        if not self.writes:
            return self
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = open(self.folder / LOCK, "a+")
        except OSError as error:
            raise ResourceError("cannot write run folder", self.folder, error.strerror or str(error)) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            holder = self._lock.read().strip() or "another process"
            self._lock.close()
            raise ResourceError(
                "run folder", self.folder, f"in use by process {holder}", "Wait for it, or use another --out"
            ) from None
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        for folder in (self.folder, self.folder / CHECKPOINTS):
            remove_leftovers(folder)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._lock is not None:
            self._lock.close()  # which frees the lock, as a kill does

    @property
    def config(self) -> dict[str, Any] | None:
        """What the run decided before its first step, or None where it has not."""
        path = self.folder / CONFIG
        try:
            config = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise RefusedError("run", path, f"cannot be read ({' '.join(str(error).split())})") from None
        try:
            _CONFIG.validate_python(config)
            recipe_from(config["recipe"])
        except (ValidationError, UsageError) as error:
            why = f"not the configuration of a run ({_first(error)})"
            raise RefusedError("run", path, why, "Start anew with another --out") from None
        found: dict[str, Any] = config
        return found

    def write_config(self, config: dict[str, Any]) -> None:
        """Write down, atomically, all that was decided."""
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        self.write("config.yaml", text.encode())

    def write(self, name: str, content: bytes) -> Path:
        """Write one file of the run so that no reader ever finds half of it."""
        path = self.folder / name
        if self.writes:
            artifact.write(path, content)
        return path

    def save(self, checkpoint: Checkpoint) -> None:
        if self.writes:
            save(self.folder / CHECKPOINTS, checkpoint)

    def newest(self) -> Checkpoint | None:
        """The newest undamaged checkpoint; damaged ones are noted."""
        checkpoint, passed_over = load_newest(self.folder / CHECKPOINTS)
        self.notes += passed_over
        return checkpoint

    def log(self, entry: dict[str, Any]) -> str:
        """Append one line to the metrics.

        A log may not kill a run: the first time that it cannot be written, gives the line that says so, else "".
        """
        if not self.writes:
            return ""
        try:
            with open(self.folder / METRICS, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            note = f"metrics are no longer logged: {error.strerror}"
            if note not in self.notes:
                self.notes.append(note)
                return note
        return ""

    def rewind_log(self, step: int) -> None:
        """Drop the lines of steps after `step`, and a torn last line: they will be written again."""
        kept = [entry for entry in self.logged() if entry["step"] <= step]
        if (self.folder / METRICS).is_file():
            self.write(METRICS, "".join(json.dumps(entry) + "\n" for entry in kept).encode())

    def logged(self) -> list[dict[str, Any]]:
        """The metrics so far."""
        path = self.folder / METRICS
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
        return [entry for entry in map(_entry, lines) if entry is not None]


def _entry(line: str) -> dict[str, Any] | None:
    """One line of the metrics; None for a torn one."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("step"), int) else None


def _first(error: ValidationError | UsageError) -> str:
    if isinstance(error, UsageError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'whole'}: {first['msg']}"


def new_folder(wanted: Path | None, name: str) -> Path:
    """`wanted`, which must not hold a run yet, or the first free one of runs/name, runs/name-2, ..."""
    if wanted is not None:
        if (wanted / CONFIG).exists():
            raise UsageError(
                "run folder", wanted, "it already holds a run", "Continue it with --resume, or use another --out"
            )
        if wanted.exists() and not wanted.is_dir():
            raise UsageError("run folder", wanted, "it is a file", "Use another --out")
        return wanted
    return free_folder(name)


def free_folder(name: str) -> Path:
    """The first that does not exist of runs/name, runs/name-2, ..."""
    candidate, number = Path("runs") / name, 1
    while candidate.exists():
        number += 1
        candidate = Path("runs") / f"{name}-{number}"
    return candidate


@dataclasses.dataclass
class Stop:
    """Which signal asked the run to stop, 0 while none has."""

    signal_number: int = 0

    def error(self, folder: Path, step: int) -> StoppedError:
        name = signal.Signals(self.signal_number).name
        return StoppedError(
            self.signal_number,
            folder,
            f"{name} at step {step}, all saved",
            f"Continue with: topfive train --resume {folder}",
        )


@contextlib.contextmanager
def stopping() -> Iterator[Stop]:
    """While this lasts, the first SIGINT, SIGTERM or SIGHUP only asks to stop; a second one stops at once."""
    stop = Stop()
    previous: dict[int, Any] = {}

    def ask(number: int, frame: types.FrameType | None) -> None:
        stop.signal_number = number
        restore()

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)
        previous.clear()

    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            previous[number] = signal.signal(number, ask)
    except ValueError:
        previous.clear()  # not the main thread: whoever is, handles signals
    try:
        yield stop
    finally:
        restore()
