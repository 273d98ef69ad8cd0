"""`topfive doctor`: what is installed here, and whether it is fit for use."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer import Option

from topfive import __version__
from topfive.errors import RefusedError, ResourceError, TopfiveError, shown

PYTHON = (3, 11)
SAFER_ARCHIVES = {(3, 11): 13, (3, 12): 11, (3, 13): 4}  # the patch release from which tarfile is repaired
DISK_BYTES = 200_000_000  # a run writes a few checkpoints
EXTRA = "train"
# What decides the speed of a network on a processor: vectors, half precision and eight-bit products.
FEATURES = (
    *("avx", "avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"),
    *("asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve"),
)
COLOURS = {"ok": "green", "too old": "red", "missing": "red", "not installed": "yellow", "advice": "yellow"}


@dataclass(frozen=True)
class Package:
    """`needed` is the oldest version that will do; `extra` "" is the core."""

    name: str
    version: str | None
    needed: str
    extra: str

    @property
    def status(self) -> str:
        if self.version is None:
            return "not installed" if self.extra else "missing"
        return "ok" if _numbers(self.version) >= _numbers(self.needed) else "too old"


def doctor(as_json: Annotated[bool, Option("--json", help="One JSON line on stdout.")] = False) -> None:
    """Say what is installed here and whether it is fit for use.

    Exits with 0 where topfive can do its work, with 4 where the classifier that comes with it is damaged or answers
    wrongly, with 5 where a package is missing or too old or the disk is full.  The training extra may be missing.
    """
    packages = _packages()
    machine = _machine()
    classifier, wrong = _classifier()
    problems = [f"{each.name} {each.version or ''}".strip() + f" is {each.status}" for each in packages if _bad(each)]
    if sys.version_info[:2] < PYTHON:
        problems.append(f"Python {platform.python_version()} is too old")
    if not packages:
        problems.append("topfive's own package data are missing")
    if machine["disk_free"] < DISK_BYTES:
        problems.append(f"the disk has only {_size(machine['disk_free'])} left")
    report: dict[str, Any] = {
        "fit": not problems and wrong is None,
        "problems": problems + ([wrong] if wrong is not None else []),
        "topfive": __version__,
        "python": {"version": platform.python_version(), "advice": _advice()},
        "packages": [{**asdict(each), "status": each.status} for each in packages],
        "machine": machine,
        "data": _data(),
        "cache": _cache(),
        "classifier": classifier,
    }
    if as_json:
        print(json.dumps(report))
    else:
        _print(report)
    if wrong is not None:
        raise RefusedError("not fit for use", None, "; ".join(report["problems"]), "Reinstall topfive")
    if problems:
        raise ResourceError("not fit for use", None, "; ".join(problems), "Run: pip install --upgrade topfive")


def _packages() -> list[Package]:
    """What topfive's own metadata ask for, beside what is installed."""
    try:
        lines = metadata.requires("topfive") or []
    except metadata.PackageNotFoundError:
        return []
    found = []
    for line in lines:
        match = re.match(r"([\w.-]+)>=([\d.]+)(?:.*extra == ['\"](\w+)['\"])?", line)
        if match is not None and match[3] in (None, EXTRA):
            found.append(Package(match[1], _version(match[1]), match[2], match[3] or ""))
    return found


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """(2, 14, 1) of "2.14.1+cpu", (2, 10) of "2.10rc1" and of "2.10.0"."""
    match = re.match(r"\d+(\.\d+)*", version)
    parts = [int(part) for part in match[0].split(".")] if match is not None else [0]
    while parts[-1:] == [0]:
        parts.pop()
    return tuple(parts)


def _bad(package: Package) -> bool:
    return package.status in ("missing", "too old")


def _advice() -> str:
    patch = SAFER_ARCHIVES.get(sys.version_info[:2], 0)
    if sys.version_info[2] >= patch:
        return ""
    return f"{'.'.join(map(str, sys.version_info[:2]))}.{patch} reads archives more safely"


def _machine() -> dict[str, Any]:
    """Sizes are in bytes; `memory` is None where the system does not say."""
    here = Path.cwd()
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "features": _features(),
        "cores": os.cpu_count() or 1,
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory": _memory("MemTotal"),
        "memory_available": _memory("MemAvailable"),
        "folder": str(here),
        "disk_free": shutil.disk_usage(here).free,
        "writable": os.access(here, os.W_OK),
    }


def _features() -> list[str]:
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", _text("/proc/cpuinfo"), re.MULTILINE)
    present = set(found[1].split()) if found is not None else set()
    return [feature for feature in FEATURES if feature in present]


def _memory(entry: str) -> int | None:
    found = re.search(rf"^{entry}:\s*(\d+) kB$", _text("/proc/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found is not None else None


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""  # not Linux


def _data() -> dict[str, Any]:
    from topfive.data.named import NAMED, find
    from topfive.data.places import DEBIAN, data_folder

    sets = {}
    for named in NAMED.values():
        folder = find(named, None)
        sets[named.name] = str(folder) if folder is not None else None if named.layouts else "in the package"
    return {"looked_in": [str(data_folder()), str(DEBIAN)], "sets": sets}


def _cache() -> dict[str, Any]:
    from topfive.data.places import cache_folder

    folder = cache_folder()
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return {"folder": str(folder), "files": len(sizes), "bytes": sum(sizes)}


def _classifier() -> tuple[dict[str, Any], str | None]:
    """The built-in classifier read, its sha256 compared, its golden images answered; and what is wrong with it."""
    from topfive import builtin
    from topfive.artifact import read
    from topfive.engine import OnnxEngine

    found: dict[str, Any] = {"path": str(builtin.PATH), "sha256": None, "golden": 0, "difference": None}
    try:
        model = read(builtin.PATH)
        found |= {"sha256": model.digest, "golden": len(model.golden)}
        if model.digest != builtin.SHA256:
            return found, f"built-in classifier {builtin.PATH}: not the file that was shipped"
        found["difference"] = OnnxEngine(model, threads=1).verify()
    except TopfiveError as error:
        return found, str(error)
    except ImportError:  # onnxruntime is missing or broken; the package's own line says which
        return found, "built-in classifier: onnxruntime cannot be loaded"
    return found, None


def _print(report: dict[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table("Package", "Installed", "Needed", "For", "", box=None, pad_edge=False, header_style="bold")
    advice = report["python"]["advice"]
    table.add_row("topfive", report["topfive"], "", "", Text("ok", style="green"))
    table.add_row(
        *("Python", report["python"]["version"], ".".join(map(str, PYTHON)), ""),
        Text(f"ok, but {advice}" if advice else "ok", style=COLOURS["advice" if advice else "ok"]),
    )
    for each in report["packages"]:
        use = "training" if each["extra"] else ""
        status = Text(each["status"], style=COLOURS[each["status"]])
        table.add_row(each["name"], each["version"] or "-", each["needed"], use, status)
    console.print(table)
    if any(each["status"] == "not installed" for each in report["packages"]):
        console.print(Text(f"\nTo train and export: pip install 'topfive[{EXTRA}]'"))

    machine, classifier, cache = report["machine"], report["classifier"], report["cache"]
    features = " ".join(machine["features"]) or "features unknown"
    memory = f"{_size(machine['memory_available'])} of {_size(machine['memory'])} free"
    disk = f"{_size(machine['disk_free'])} free in {shown(machine['folder'])}"
    good = classifier["difference"] is not None
    verdict = (
        f"{classifier['golden']} golden images answered, {classifier['difference']:.1e} off" if good else "damaged"
    )
    lines = {
        "Processor": f"{machine['processor']}, {features}",
        "Cores": f"{machine['usable_cores']} of {machine['cores']} usable",
        "Memory": memory,
        "Disk": disk if machine["writable"] else f"{disk}, which cannot be written",
        "Data sets": f"in {' and '.join(map(shown, report['data']['looked_in']))}",
        **{f"  {name}": shown(where) if where else "not here" for name, where in report["data"]["sets"].items()},
        "Cache": f"{shown(cache['folder'])}, {cache['files']} files, {_size(cache['bytes'])}",
        "Classifier": verdict,
    }
    console.print()
    for name, text in lines.items():
        console.print(Text.assemble((f"{name:<16}", "bold"), text))
    if report["fit"]:
        console.print(Text("\nfit for use", style="bold green"))


def _size(count: int | None) -> str:
    if count is None:
        return "unknown"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
