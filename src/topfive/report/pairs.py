"""The pairs of classes that are hardest to tell apart, with pictures of both."""

from __future__ import annotations

from topfive.report.contents import Contents
from topfive.report.mistakes import shown
from topfive.report.section import Section


def section(contents: Contents) -> Section | None:
    if not contents.pairs:
        return None
    pairs = [(pair, [shown(mistake) for mistake in pair.examples]) for pair in contents.pairs]
    return Section("pairs", "Hardest pairs", "pairs.html", {"pairs": pairs})
