"""The page of `data check`: what was found, with the pictures, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topfive import artifact
from topfive.data.clean import DROPPED, DROPPED_WHOLLY
from topfive.data.findings import Finding, Severity
from topfive.data.listing import UNASSIGNED
from topfive.data.split import NAMES
from topfive.data.survey import Survey
from topfive.images import ImageError, decode
from topfive.report.data import part, rows
from topfive.report.page import document
from topfive.report.picture import THUMBNAIL, data_uri, is_small
from topfive.report.section import Section

MAXIMUM_SHOWN = 24  # findings of a kind with their pictures; a folder of rubble must not make a page of 100 MB
MAXIMUM_LISTED = 200  # findings of a kind after those

TITLES = {
    "unreadable": ("Unreadable", "They give no picture and are skipped by training. Replace them."),
    "label-conflict": ("One picture, two classes", "One of the two classes is wrong, or the classes overlap. Decide."),
    "leak": ("In two parts", "The model would be judged on what it was trained on. Take the one in training out."),
    "changed": ("Changed", "They are not the files of the manifest. Restore them, or write a new manifest."),
    "missing": ("Missing", "The manifest has them, and the data set does not."),
    "unlisted": ("Not in the manifest", "They came after it was written."),
    "duplicate": (
        "Duplicates",
        "They count twice in training, and in the figures where they stand in a part that judges.",
    ),
    "near-duplicate": ("Near-duplicates", "The same picture again. Harmless as long as all versions stay in one part."),
    "blank": ("Blank", "Nothing can be learnt from them."),
    "tiny": ("Tiny", "Much smaller than the others; scaled up they are a blur."),
    "thin": ("Thin", "Training sees the square in their middle, which shows little of them."),
    "imbalance": ("Rare classes", "Take more pictures of them, or train with class weights."),
    "wrong-extension": ("Wrong extensions", "They are read by their contents here; other programs may refuse them."),
    "grey": ("Without colour", "If one class has most of them, a model learns that instead."),
    "huge": ("Huge", "They take long to decode; smaller copies would serve as well."),
    "animated": ("Several frames", "Only the first frame is used."),
    "exif": ("EXIF", "Orientation is applied here, always. Remove positions before you share the data."),
}
ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True)
class View:
    """A thumbnail as the picture template takes it; `uri` is "" where there is none."""

    uri: str
    crisp: bool


@dataclass(frozen=True)
class Row:
    """A kind of finding in the table of contents."""

    kind: str
    title: str
    severity: Severity
    count: int
    advice: str
    is_dropped: bool


@dataclass(frozen=True)
class About:
    """The head of the page; `commands` are what to do next, each with why."""

    name: str
    images: int
    classes: int
    size: int
    commands: Sequence[tuple[str, str]]


def write_page(
    path: str | os.PathLike[str],
    name: str,
    survey: Survey,
    findings: Sequence[Finding],
    commands: Sequence[tuple[str, str]] = (),
) -> None:
    """Write the page to `path`, whole or not at all; ResourceError if it cannot be, UsageError without jinja2."""
    artifact.write(path, render(name, survey, findings, commands).encode("utf-8"))


def render(name: str, survey: Survey, findings: Sequence[Finding], commands: Sequence[tuple[str, str]] = ()) -> str:
    """The page; equal surveys and findings give equal pages."""
    by_kind: dict[str, list[Finding]] = {}
    for finding in sorted(findings, key=lambda finding: ORDER[finding.severity]):
        by_kind.setdefault(finding.kind, []).append(finding)
    size = sum(survey.contents.stamp(index)[0] for index in range(len(survey)))
    about = About(name, len(survey), len(survey.classes), max(0, size), commands)
    sections = [_summary(survey, by_kind)]
    sections += [_kind(survey, kind, found) for kind, found in by_kind.items()]
    return document(f"{name}: data check", [*sections, _classes(survey)], "findings_about.html", about)


def _summary(survey: Survey, by_kind: dict[str, list[Finding]]) -> Section:
    listed = [
        Row(kind, TITLES[kind][0], found[0].severity, len(found), TITLES[kind][1], kind in DROPPED | DROPPED_WHOLLY)
        for kind, found in by_kind.items()
    ]
    totals = {severity: sum(row.count for row in listed if row.severity == severity) for severity in ORDER}
    return Section("found", "Found", "findings_summary.html", {"rows": listed, "totals": totals, "notes": survey.notes})


def _kind(survey: Survey, kind: str, found: Sequence[Finding]) -> Section:
    title, advice = TITLES[kind]
    places = {path: index for index, path in enumerate(survey.paths)}
    pictured = [] if kind in ("unreadable", "missing", "imbalance") else found[:MAXIMUM_SHOWN]
    rest = found[len(pictured) :]
    view = {
        "advice": advice,
        "paired": any(finding.other for finding in pictured),
        "shown": [
            (finding, [_thumbnail(survey, places, path) for path in (finding.other, finding.path) if path])
            for finding in pictured
        ],
        "listed": rest[:MAXIMUM_LISTED],
        "total": len(found),
        "with_paths": any(finding.path for finding in rest),
        "with_others": any(finding.other for finding in rest),
    }
    return Section(kind, f"{title} ({len(found):,})", "findings.html", view)


def _thumbnail(survey: Survey, places: dict[str, int], path: str) -> View:
    content = survey.contents.read(places[path])
    try:
        pixels = decode(content, short_side=THUMBNAIL // 2).pixels if isinstance(content, bytes) else None
    except ImageError:
        pixels = None
    return View("", False) if pixels is None else View(data_uri(pixels), is_small(pixels))


def _classes(survey: Survey) -> Section:
    good = np.array([not glance.reason for glance in survey.glances], np.bool_)
    counted = {
        "not yet split" if number == UNASSIGNED else NAMES[number]: np.bincount(
            survey.labels[good & (survey.parts == number)], minlength=len(survey.classes)
        ).astype(np.int64)
        for number in np.unique(survey.parts).tolist()
    }
    balance = {name: counts for name, counts in counted.items() if counts.sum()}
    view = {
        "parts": [part(name, counts) for name, counts in balance.items()],
        "rows": rows(survey.classes, balance) if balance else [],
        "total": len(survey.classes),
    }
    return Section("classes", "Images of each class", "findings_classes.html", view)
