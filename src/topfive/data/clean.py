"""A split of what is worth training on, in which copies of a picture never stand on both sides."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
from numpy.typing import NDArray

from topfive.data.dataset import Skipped, Splits
from topfive.data.files import SHA256_BYTES, Choices, Good, fill_parts, judge_bad, judge_counts
from topfive.data.findings import Finding
from topfive.data.split import TEST, TRAIN, VAL
from topfive.data.survey import Survey
from topfive.errors import UsageError

DROPPED = frozenset({"duplicate", "leak", "blank", "changed"})  # of a pair the copy goes, the other picture stays
DROPPED_WHOLLY = frozenset({"label-conflict"})  # nobody knows which of the two is right


def dropped(findings: Iterable[Finding]) -> set[str]:
    """The pictures that are better left out."""
    found = set()
    for finding in findings:
        if finding.kind in DROPPED | DROPPED_WHOLLY:
            found.add(finding.path)
        if finding.kind in DROPPED_WHOLLY:
            found.add(finding.other)
    return found


def split(name: str, survey: Survey, choices: Choices, without: Collection[str] = (), *, near: bool = True) -> Splits:
    """The pictures that decode, but those `without`, in their parts; what the source does not assign is split by seed.

    Equal files of a class stay together, and with `near` what looks the same.  DataError where open_data would raise.
    """
    if survey.listing is None:
        raise UsageError("data set", name, "its split is fixed, and its images are no files", "Use it by its name")
    bad = [
        Skipped(path, glance.reason) for path, glance in zip(survey.paths, survey.glances, strict=True) if glance.reason
    ]
    kept = [i for i, glance in enumerate(survey.glances) if not glance.reason and survey.paths[i] not in without]
    places = np.array(kept, np.intp)
    skipped = (*survey.skipped, *bad)
    judge_bad(name, skipped, len(survey) - len(bad), choices.max_bad)
    labels, parts = survey.labels[places], survey.parts[places]
    judge_counts(name, survey.listing, labels, parts, choices.allow_empty)
    good = Good(places, survey.listing.paths.take(places), labels, parts, _groups(survey, near)[places])
    fill_parts(name, good, choices, None)
    train, val, test = (
        survey.listing.store.dataset(
            survey.listing.paths, places[parts == part], labels[parts == part], survey.classes, None
        )
        for part in (TRAIN, VAL, TEST)
    )
    return Splits(name, train, val, test, "", skipped)


def _groups(survey: Survey, near: bool) -> NDArray[np.uint8]:
    """[N, 32], equal for pictures that belong together."""
    leader: dict[bytes, bytes] = {}

    def leads(digest: bytes) -> bytes:
        while (next_one := leader.get(digest, digest)) != digest:
            digest = next_one
        return digest

    for pair in survey.alike if near else ():
        one, other = (leads(survey.glances[index].sha256) for index in (pair.first, pair.second))
        leader[max(one, other)] = min(one, other)
    found = [leads(glance.sha256).ljust(SHA256_BYTES, b"\0") for glance in survey.glances]
    return np.frombuffer(b"".join(found), np.uint8).reshape(len(found), SHA256_BYTES)
