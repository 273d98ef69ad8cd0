"""Every error a user can meet: what failed, where, why, and what to do next, in one line with its exit code."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
from collections.abc import Iterable
from types import ModuleType

MAXIMUM_SHOWN = 300  # characters of a path or name that go into one message
# What a training uses up to its report and its shipped file.
TRAIN = ("torch", "torchvision", "safetensors", "onnx", "onnxscript", "onnx_ir", "jinja2")


class TopfiveError(Exception):
    """Base of all errors meant for the user.  `str()` is the line `<what> <where>: <why>. <todo>`."""

    exit_code = 1

    def __init__(self, what: str, where: str | os.PathLike[str] | None = None, why: str = "", todo: str = ""):
        self.what, self.where, self.why, self.todo = what, where, why, todo
        super().__init__(self._line())

    def _line(self) -> str:
        head = self.what if self.where is None else f"{self.what} {shown(self.where)}"
        line = f"{head}: {self.why}" if self.why else head
        return f"{line}{'' if line.endswith(('.', '?')) else '.'} {self.todo}" if self.todo else line

    def __reduce__(self) -> tuple[type[TopfiveError], tuple[str, str | os.PathLike[str] | None, str, str]]:
        return type(self), (self.what, self.where, self.why, self.todo)  # survives a worker process


class UsageError(TopfiveError):
    """A flag, name or setting that cannot be meant."""

    exit_code = 2


class DataError(TopfiveError):
    """A data set or an image that cannot be used."""

    exit_code = 3


class RefusedError(TopfiveError):
    """A model file, checkpoint or artifact that is damaged, foreign or unsafe."""

    exit_code = 4


class ResourceError(TopfiveError):
    """Disk, memory, a lock or a port is not to be had."""

    exit_code = 5


class DivergedError(TopfiveError):
    """Training left the finite numbers."""

    exit_code = 6


class SkippedError(TopfiveError):
    """Finished, but some inputs were skipped and `--strict` asks for none."""

    exit_code = 7


class LimitsError(TopfiveError):
    """The stated limits on time, size or latency cannot be met."""

    exit_code = 8


class StoppedError(TopfiveError):
    """A signal asked the run to stop, and it did, with everything saved; `exit_code` is 128 + the signal."""

    def __init__(self, signal_number: int, where: str | os.PathLike[str], why: str, todo: str):
        super().__init__("stopped", where, why, todo)
        self.exit_code = 128 + signal_number

    def __reduce__(self) -> tuple[type[TopfiveError], tuple[int, str | os.PathLike[str], str, str]]:  # type: ignore[override]
        assert self.where is not None
        return type(self), (self.exit_code - 128, self.where, self.why, self.todo)


def shown(text: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    """A path or name as it is safe to print on a terminal, cut where it is very long."""
    safe = escaped(os.fsdecode(text))
    return safe if len(safe) <= MAXIMUM_SHOWN else safe[: MAXIMUM_SHOWN - 3] + "..."


def escaped(text: str) -> str:
    """`text` with control, bidirectional and undecodable characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def nearest(name: str, known: Iterable[str]) -> str:
    """The sentence "did you mean 'x'?" for the known name closest to `name`, or "" where none is near."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {matches[0]!r}?" if matches else ""


def need(module: str, extra: str) -> ModuleType:
    """Import `module`, or say in one line which extra of topfive brings it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise _missing(module, extra) from None


def need_to_train() -> None:
    """All that a training ends with has to be there when it begins: UsageError, before any hour is spent."""
    need("torch", "train")
    for module in TRAIN:
        if importlib.util.find_spec(module) is None:
            raise _missing(module, "train")


def _missing(module: str, extra: str) -> UsageError:
    advice = f"Install it with: pip install 'topfive[{extra}]'"
    return UsageError("missing package", module, "this command needs it", advice)
