"""The page: its sections in order, drawn by templates that escape everything."""

from __future__ import annotations

import base64
import functools
import hashlib
import os
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any

from topfive import artifact
from topfive.errors import need
from topfive.report import (
    calibration,
    confusion,
    curves,
    data,
    headline,
    mistakes,
    pairs,
    per_class,
    record,
    several,
    wording,
)
from topfive.report.chart import Chart
from topfive.report.contents import Contents
from topfive.report.section import Section

SWATCH, LETTER, GAP, ROW = 26, 6.5, 14, 16  # of a legend, in units: widths, and the height of a row

SECTIONS: tuple[Callable[[Contents], Section | None], ...] = (
    headline.section,
    several.section,
    curves.section,
    per_class.section,
    several.classes,
    confusion.section,
    pairs.section,
    mistakes.section,
    mistakes.wrong_labels,
    calibration.section,
    data.section,
    record.shipped,
    record.made,
)


def write_report(path: str | os.PathLike[str], contents: Contents) -> None:
    """Write the page to `path`, whole or not at all; ResourceError if it cannot be."""
    artifact.write(path, render(contents).encode("utf-8"))


def render(contents: Contents) -> str:
    """The page; equal contents give equal pages.  UsageError where jinja2 is missing."""
    sections = [section for build in SECTIONS if (section := build(contents)) is not None]
    return document(contents.title, sections, "about.html", contents)


def document(title: str, sections: Sequence[Section], header_template: str, header: object) -> str:
    """A whole HTML page: the title, the `header` drawn by its template, and the sections."""
    style = _resource("style.css")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    html: str = (
        _environment()
        .get_template("page.html")
        .render(
            title=title,
            sections=sections,
            header_template=header_template,
            header=header,
            style=style,
            style_digest=digest,
        )
    )
    return html


def chart_file(chart: Chart) -> bytes:
    """The chart as an SVG file that needs nothing beside it, with its title and legend above."""
    keys, x, y = [], float(chart.left), 0
    for line in chart.lines:
        width = SWATCH + LETTER * len(wording.short(line.label))
        if x > chart.left and x + width > chart.width:
            x, y = float(chart.left), y + ROW
        keys.append((line, round(x, 1), y))
        x += width + GAP
    template = _environment().get_template("chart_file.html")
    drawn: str = template.render(chart=chart, keys=keys, above=44 + y, style=_resource("style.css"))
    return drawn.encode()


@functools.cache
def _environment() -> Any:
    jinja2 = need("jinja2", "train")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        finalize=wording.harmless,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=wording.percent,
        count=wording.count,
        size=wording.size,
        scientific=wording.scientific,
        short=wording.short,
        setting=wording.setting,
        points=wording.points,
        chance=wording.chance,
        verdict=wording.verdict,
    )
    return environment


def _resource(name: str) -> str:
    return resources.files("topfive.report").joinpath(name).read_text(encoding="utf-8")
