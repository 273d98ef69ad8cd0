"""What a reader needs to believe the run or to repeat it: files left out, the file shipped, recipe and environment."""

from __future__ import annotations

from collections import Counter

from topfive.report.contents import Contents
from topfive.report.section import Section

MAXIMUM_SKIPPED = 200  # rows; the reasons of all are counted


def skipped(contents: Contents) -> Section:
    # A file that was left out before training may be met again by the evaluation.
    files = list(dict.fromkeys((*contents.skipped, *contents.evaluation.skipped)))
    return Section(
        "skipped",
        "Skipped files",
        "skipped.html",
        {
            "files": files[:MAXIMUM_SKIPPED],
            "total": len(files),
            "reasons": Counter(file.reason for file in files).most_common(10),
        },
    )


def shipped(contents: Contents) -> Section | None:
    if contents.shipped is None:
        return None
    return Section("file", "The shipped file", "shipped.html", {"shipped": contents.shipped})


def made(contents: Contents) -> Section | None:
    tables = [("Recipe", contents.recipe), ("Environment", contents.environment)]
    filled = [(name, list(values.items())) for name, values in tables if values]
    return Section("recipe", "How it was made", "made.html", {"tables": filled}) if filled else None
