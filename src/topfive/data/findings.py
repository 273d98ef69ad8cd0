"""What is wrong with a data set, or may be: every detector looks at the survey and says what it finds."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from topfive.data.listing import UNASSIGNED
from topfive.data.split import NAMES, TRAIN
from topfive.data.survey import SMALLEST_COMPARED, Survey

Severity = Literal["error", "warning", "note"]

TINY = SMALLEST_COMPARED  # pixels of the shorter side; below it little is to be recognised
HUGE_PIXELS = 24_000_000  # a camera's full frame: costs a second an epoch and is scaled down to a hundredth
THIN = 8  # the longer side over the shorter one; the middle square of such a picture is not what it shows
GREY = 5  # levels: colours this near to grey are the codec's
GREY_SHARE = 0.2  # of a data set's pictures, up to which grey ones are the exception
RARE = 0.1  # of the largest class's images, below which a class is rare
FEW = 10  # images of a class to train on, below which it is hardly learnt
SUFFIXES = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif"},
    "MPO": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"},
    "PNG": {".png", ".apng"},
    "WEBP": {".webp"},
    "GIF": {".gif"},
    "BMP": {".bmp"},
    "TIFF": {".tif", ".tiff"},
    "PPM": {".pbm", ".pgm", ".ppm", ".pnm", ".pfm"},
}


@dataclass(frozen=True)
class Finding:
    """`path` "" speaks of the class as a whole; `other` is the second picture of a pair, "" where there is none."""

    kind: str
    path: str
    label: str
    why: str
    severity: Severity
    other: str = ""


Detector = Callable[[Survey], Iterator[Finding]]


def unreadable(survey: Survey) -> Iterator[Finding]:
    """Files that give no picture: truncated, empty, no images at all, over the limits, forbidden or gone."""
    for skipped in survey.skipped:
        yield Finding("unreadable", skipped.path, "", skipped.reason, "error")
    for index, glance in enumerate(survey.glances):
        if glance.reason:
            yield _about(survey, index, "unreadable", glance.reason, "error")


def conflicts(survey: Survey) -> Iterator[Finding]:
    """One picture under two classes."""
    for pair in pairs(survey):
        if survey.labels[pair.kept] != survey.labels[pair.index]:
            other = survey.classes[survey.labels[pair.kept]]
            yield _pair(survey, pair, "label-conflict", f"{pair.how}, and that one is {other}", "error")


def leaks(survey: Survey) -> Iterator[Finding]:
    """One picture in two parts, so that a model is judged on what it was trained on."""
    for pair in pairs(survey):
        part, other = survey.parts[pair.index], survey.parts[pair.kept]
        if survey.labels[pair.kept] == survey.labels[pair.index] and part != other:
            why = f"{pair.how}, and that one is in {NAMES[other]}, this one in {NAMES[part]}"
            yield _pair(survey, pair, "leak", why, "error")


def duplicates(survey: Survey) -> Iterator[Finding]:
    """One picture twice, byte for byte, in one class and part."""
    for pair in pairs(survey):
        if pair.is_exact and _is_within(survey, pair):
            yield _pair(survey, pair, "duplicate", pair.how, "warning")


def near_duplicates(survey: Survey) -> Iterator[Finding]:
    """One picture twice, encoded anew, scaled, lit otherwise, mirrored or cut, in one class and part."""
    for pair in pairs(survey):
        if not pair.is_exact and _is_within(survey, pair):
            yield _pair(survey, pair, "near-duplicate", pair.how, "note")


def blank(survey: Survey) -> Iterator[Finding]:
    """Pictures of one colour."""
    for index, glance in enumerate(survey.glances):
        if not glance.reason and survey.is_blank(index):
            yield _about(survey, index, "blank", "it shows nothing but one tone", "warning")


def wrong_extensions(survey: Survey) -> Iterator[Finding]:
    """Names that promise another format; the contents decide here, but not with every program."""
    for index, glance in enumerate(survey.glances):
        suffix = os.path.splitext(survey.paths[index])[1].lower()
        if not glance.reason and suffix and suffix not in SUFFIXES.get(glance.format, {suffix}):
            yield _about(survey, index, "wrong-extension", f"it is {glance.format}, and named {suffix}", "note")


def tiny(survey: Survey) -> Iterator[Finding]:
    """Pictures much smaller than the others."""
    sides = [min(glance.width, glance.height) for glance in survey.glances if not glance.reason]
    if not sides or np.median(sides) < TINY:
        return  # small pictures are what this data set consists of
    for index, glance in enumerate(survey.glances):
        if not glance.reason and min(glance.width, glance.height) < TINY:
            yield _about(survey, index, "tiny", f"{glance.width} x {glance.height} pixels", "warning")


def huge(survey: Survey) -> Iterator[Finding]:
    """Pictures that cost far more to decode than they give."""
    for index, glance in enumerate(survey.glances):
        if glance.width * glance.height >= HUGE_PIXELS:
            yield _about(survey, index, "huge", f"{glance.width:,} x {glance.height:,} pixels", "note")


def thin(survey: Survey) -> Iterator[Finding]:
    """Pictures so long that the square cut from their middle shows little of them."""
    for index, glance in enumerate(survey.glances):
        if not glance.reason and max(glance.width, glance.height) >= THIN * min(glance.width, glance.height):
            yield _about(survey, index, "thin", f"{glance.width} x {glance.height} pixels", "warning")


def grey(survey: Survey) -> Iterator[Finding]:
    """Grey pictures where the others are coloured: a model may learn the lack of colour instead of the thing."""
    good = [i for i, glance in enumerate(survey.glances) if not glance.reason and not survey.is_blank(i)]
    found = [index for index in good if survey.glances[index].chroma < GREY]
    if len(found) > GREY_SHARE * len(good):
        return
    for index in found:
        yield _about(survey, index, "grey", "it has no colour, and nearly all others have", "note")


def animated(survey: Survey) -> Iterator[Finding]:
    """Files of several pictures, of which only the first is used."""
    for index, glance in enumerate(survey.glances):
        if glance.frames > 1:
            yield _about(survey, index, "animated", f"{glance.frames} frames; the first is used", "note")


def exif_surprises(survey: Survey) -> Iterator[Finding]:
    """What is written beside the pixels and may be taken otherwise elsewhere, or is nobody's business."""
    for index, glance in enumerate(survey.glances):
        tags, said = glance.exif, []
        if glance.reason:
            continue
        if tags.is_damaged:
            said.append("its EXIF is damaged")
        if tags.orientation is not None and not 1 <= tags.orientation <= 8:
            said.append(f"its orientation is {tags.orientation}, which means nothing")
        elif tags.orientation is not None and tags.orientation > 1:
            said.append("it is turned by its EXIF orientation, which not every program heeds")
        if tags.is_located:
            said.append("it says where it was taken (GPS)")
        if said:
            yield _about(survey, index, "exif", "; ".join(said), "note")


def imbalance(survey: Survey) -> Iterator[Finding]:
    """Classes that are rare beside the largest, or have hardly an image, among those to train on."""
    good = np.array([not glance.reason for glance in survey.glances], np.bool_)
    used = good & ((survey.parts == TRAIN) | (survey.parts == UNASSIGNED))
    counts = np.bincount(survey.labels[used], minlength=len(survey.classes))
    for label, count in enumerate(counts.tolist()):
        if count < FEW:
            why = f"{count} images to train on"
        elif count < RARE * counts.max():
            why = f"{count} images to train on, and {counts.max()} of {survey.classes[int(counts.argmax())]}"
        else:
            continue
        yield Finding("imbalance", "", survey.classes[label], why, "warning")


DETECTORS: tuple[Detector, ...] = (
    *(unreadable, conflicts, leaks, duplicates, near_duplicates, blank, tiny, thin, imbalance),
    *(wrong_extensions, grey, huge, animated, exif_surprises),
)


def find(survey: Survey, detectors: Sequence[Detector] = DETECTORS) -> tuple[Finding, ...]:
    """All findings, in the order of the detectors and then of the images."""
    return tuple(finding for detector in detectors for finding in detector(survey))


@dataclass(frozen=True)
class Pair:
    """Image `index` shows what image `kept` shows."""

    index: int
    kept: int
    is_exact: bool
    how: str


def pairs(survey: Survey) -> list[Pair]:
    """Every copy with the picture that it is a copy of: of both, the one in the part that judges, then the larger one.

    Of several equal files each is paired with the best of them alone, but with one of another class where there is one.
    """
    found = []
    groups: dict[bytes, list[int]] = {}
    for index, glance in enumerate(survey.glances):
        if not glance.reason:
            groups.setdefault(glance.sha256, []).append(index)
    for group in groups.values():
        first, *rest = sorted(group, key=lambda index: _rank(survey, index))
        stranger = next((index for index in rest if survey.labels[index] != survey.labels[first]), None)
        found += [Pair(index, first, True, "the same file, byte for byte") for index in rest]
        if stranger is not None:
            own = [index for index in rest if survey.labels[index] == survey.labels[first]]
            found += [Pair(index, stranger, True, "the same file, byte for byte") for index in own]
    for alike in survey.alike:
        kept, index = sorted((alike.first, alike.second), key=lambda index: _rank(survey, index))
        how = f"the same picture{', mirrored' * alike.is_mirrored} (likeness {alike.likeness:.3f})"
        found.append(Pair(index, kept, False, how))
    return sorted(found, key=lambda pair: (pair.index, pair.kept))


def _rank(survey: Survey, index: int) -> tuple[int, int, int]:
    glance = survey.glances[index]
    return -int(survey.parts[index]), -glance.width * glance.height, index


def _is_within(survey: Survey, pair: Pair) -> bool:
    return bool(
        survey.labels[pair.kept] == survey.labels[pair.index] and survey.parts[pair.kept] == survey.parts[pair.index]
    )


def _about(survey: Survey, index: int, kind: str, why: str, severity: Severity) -> Finding:
    return Finding(kind, survey.paths[index], survey.classes[survey.labels[index]], why, severity)


def _pair(survey: Survey, pair: Pair, kind: str, why: str, severity: Severity) -> Finding:
    label = survey.classes[survey.labels[pair.index]]
    return Finding(kind, survey.paths[pair.index], label, why, severity, survey.paths[pair.kept])


def tally(findings: Sequence[Finding]) -> Counter[str]:
    """How many of each kind, in the order in which they were found."""
    return Counter(finding.kind for finding in findings)
