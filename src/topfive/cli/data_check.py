"""`topfive data check`: what is wrong with a data set, as a page and as lines, and what of it is fit to train on."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer import Argument, Option

from topfive import artifact
from topfive.cli.bar import Bar
from topfive.data import clean, write_split
from topfive.data.embed import embedder
from topfive.data.files import Choices
from topfive.data.findings import DETECTORS, Finding, Severity, find, tally
from topfive.data.listing import Files, Listing
from topfive.data.manifest import changes, digests, read_manifest, write_manifest
from topfive.data.survey import Embed, Steps, Survey, survey
from topfive.errors import DataError, ResourceError, SkippedError, UsageError, shown
from topfive.predictor import Predictor

PAGE, LINES, CLEAN = "report.html", "findings.jsonl", "clean.csv"
RANKS: tuple[Severity, ...] = ("error", "warning", "note")
COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}


def check(
    source: Annotated[str, Argument(metavar="DATA", help="A folder, a CSV file, shards or a name.")],
    out: Annotated[Path | None, Option(help="Folder for what is written. Default: checks/<name>.")] = None,
    quick: Annotated[
        bool, Option(help="No embeddings: copies that are cut or strongly changed are not looked for.")
    ] = False,
    manifest: Annotated[
        Path | None,
        Option("--hash", help="sha256 of every file: written where this file is not there, compared where it is."),
    ] = None,
    data_root: Annotated[Path | None, Option(help="Where named sets lie, or a CSV file's paths start.")] = None,
    seed: Annotated[int, Option(help="Decides the parts in clean.csv that the data do not give.")] = 0,
    val_fraction: Annotated[float, Option(help="Share of images for val in clean.csv.")] = 0.1,
    test_fraction: Annotated[float, Option(help="Share of images for test in clean.csv.")] = 0.1,
    max_bad: Annotated[float, Option(help="Share of bad files from which the data are unusable (exit 3).")] = 0.05,
    follow_links: Annotated[bool, Option(help="Follow links that lead out of the folder.")] = False,
    threads: Annotated[int | None, Option(min=1, help="Threads of the engine. Default: one a core.")] = None,
    as_json: Annotated[bool, Option("--json", help="One JSON line a finding on stdout.")] = False,
    strict: Annotated[bool, Option(help="Exit 7 if there is an error or a warning.")] = False,
) -> None:
    """Find bad, double, leaking and mislabelled pictures, and write a page that shows them.

    The data are only read. What is fit to train on is listed in clean.csv, which topfive train takes.
    """
    choices = Choices(seed, val_fraction, test_fraction, max_bad, follow_links=follow_links)
    name = title(source)
    folder = _folder(out, source)
    known = read_manifest(manifest) if manifest is not None and manifest.exists() else None
    with steps() as begin:
        embed = None if quick else built_in(threads)
        found = survey(source, begin, embed, data_root=data_root, follow_links=follow_links)
    detectors = DETECTORS if known is None else (*DETECTORS, changes(known))
    findings = find(found, detectors)
    artifact.write(folder / LINES, "".join(f"{_line(finding)}\n" for finding in findings).encode())
    if manifest is not None and known is None:
        write_manifest(manifest, digests(found))
    unusable = None
    commands = []
    try:
        if found.listing is not None:
            write_split(folder / CLEAN, clean.split(name, found, choices, clean.dropped(findings)))
            commands.append((_train(folder / CLEAN, found.listing, follow_links), "Train"))
    except DataError as error:  # said at the end: until then all else is of use
        unusable = error
    _write_page(folder, name, found, findings, commands)
    if as_json:
        for finding in findings:
            print(_line(finding))
    else:
        _print(found, findings, folder, commands)
    if unusable is not None:
        raise unusable
    bad = [finding for finding in findings if finding.severity != "note"]
    if strict and bad:
        raise SkippedError("finished, but found", source, f"{len(bad)} errors and warnings", f"See {folder / PAGE}")


@contextmanager
def steps() -> Iterator[Steps]:
    """One bar after the other."""
    with ExitStack() as stack:

        def begin(what: str) -> Bar:
            stack.close()
            return stack.enter_context(Bar(what))

        yield begin


def built_in(threads: int | None) -> Embed:
    return embedder(Predictor.load(threads=threads))


def title(source: str) -> str:
    """The name of a folder or file without what surrounds it."""
    return os.path.splitext(os.path.basename(os.path.abspath(source.split("{")[0])))[0].rstrip("-_.") or "data"


def _folder(out: Path | None, source: str) -> Path:
    """Where to write; made if it is not there."""
    folder = out or Path("checks", title(source))
    data = Path(source).resolve()
    if out is None and data.is_dir() and data in folder.resolve().parents:
        raise UsageError("output folder", folder, "it lies within the data", "Name one with --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError("cannot write", folder, error.strerror or str(error), "Name another --out") from None
    return folder


def _write_page(
    folder: Path, name: str, found: Survey, findings: Sequence[Finding], commands: Sequence[tuple[str, str]]
) -> None:
    from topfive.report.findings import write_page

    write_page(folder / PAGE, name, found, findings, commands)


def _line(finding: Finding) -> str:
    fields = asdict(finding)
    line = {"kind": fields["kind"], "path": fields["path"] or None, "class": fields["label"] or None}
    if finding.other:
        line["other"] = finding.other
    return json.dumps({**line, "why": finding.why, "severity": finding.severity})


def _train(file: Path, listing: Listing, follow_links: bool) -> str:
    """The command that trains on the clean pictures."""
    arguments = ["topfive", "train", str(file)]
    if isinstance(listing.store, Files):
        arguments += ["--data-root", listing.store.root]
    return shlex.join(arguments + ["--follow-links"] * follow_links)


def _print(found: Survey, findings: Sequence[Finding], folder: Path, commands: Sequence[tuple[str, str]]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"{len(found):,} images, {len(found.classes):,} classes", style="bold"))
    if findings:
        table = Table("", "how many", "", "the first", box=None, header_style="dim", pad_edge=False)
        first = {finding.kind: finding for finding in reversed(findings)}
        for kind, count in sorted(tally(findings).items(), key=lambda item: RANKS.index(first[item[0]].severity)):
            finding = first[kind]
            about = f"{finding.path or finding.label}: {finding.why}"
            colour = COLOURS[finding.severity]
            table.add_row(kind, f"{count:,}", Text(finding.severity, style=colour), Text(shown(about), overflow="fold"))
        console.print(table)
    else:
        console.print("nothing found")
    console.print(Text(f"page    {shown(folder / PAGE)}\nlines   {shown(folder / LINES)}"))
    for command, why in commands:
        console.print(Text(f"{why.lower():<7} {shown(command)}"))
