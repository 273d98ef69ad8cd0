"""What every benchmark writes down and how it counts: a line of JSON a run, processor time of a tree of processes."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNS = Path("runs") / "benchmarks"  # what benchmarks make and what they leave; not tracked
TICK = os.sysconf("SC_CLK_TCK")
PACKAGES = ("topfive", "torch", "torchvision", "timm", "onnxruntime")


def finished(results: Path) -> list[dict[str, Any]]:
    """The lines of earlier runs; a torn last line is none."""
    lines = []
    for line in results.read_text(encoding="utf-8").splitlines() if results.exists() else []:
        try:
            lines.append(json.loads(line))
        except ValueError:
            print(f"{results}: passed over a torn line", file=sys.stderr, flush=True)
    return lines


def append(results: Path, entry: dict[str, Any]) -> None:
    """Write one line, with the hardware and the versions, and show it."""
    line = json.dumps({**entry, **surroundings()})
    torn = results.exists() and not results.read_bytes().endswith(b"\n") and results.stat().st_size > 0
    with open(results, "a", encoding="utf-8") as file:
        file.write(("\n" if torn else "") + line + "\n")
        file.flush()
        os.fsync(file.fileno())
    print(line, flush=True)


def surroundings() -> dict[str, Any]:
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "date": time.strftime("%Y-%m-%d"),
    }


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def tree_seconds() -> float:
    """User and system seconds of this process and all below it, dead ones too once they were waited for; Linux."""
    return sum(_seconds(process) for process in _tree(os.getpid()))


def _tree(process: int) -> Iterator[int]:
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            below = children.read_text().split()
        except OSError:
            continue  # the thread ended meanwhile
        for child in below:
            yield from _tree(int(child))


def _seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # it ended meanwhile, and its parent will count it
    return sum(map(int, fields[11:15])) / TICK  # utime, stime, and those of children that were waited for


@dataclass(frozen=True)
class Done:
    """A command that ended well."""

    stdout: str
    wall_seconds: float
    processor_seconds: float  # user and system, of it and all that it waited for


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> Done:
    """Run in a process of its own; its progress goes to our stderr.  CalledProcessError where it fails."""
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **(environment or {})}) as process:
        assert process.stdout is not None
        stdout = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command), stdout)
    return Done(stdout, round(time.monotonic() - start, 3), round(usage.ru_utime + usage.ru_stime, 3))
