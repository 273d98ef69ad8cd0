"""The colour of a year, the same in every drawing."""

from __future__ import annotations

from collections.abc import Sequence

INK, MUTED = "#222222", "#666666"
BEFORE, AFTER = "#555555", "#7d2248"
# Neighbours differ in hue, and all are legible as text on white.
COLOURS = {
    2012: "#6a2c91",
    2013: "#3f3fb5",
    2014: "#1467c2",
    2015: "#007c9e",
    2016: "#007d68",
    2017: "#2f8527",
    2018: "#6f7a00",
    2019: "#a06e00",
    2020: "#c45400",
    2021: "#c52f3b",
    2022: "#b0207e",
}


def colour(year: int) -> str:
    return COLOURS.get(year, BEFORE if year < min(COLOURS) else AFTER)


def legend(years: Sequence[int], right: float, y: float) -> list[str]:
    """A dot and a number for each year, ending at `right`."""
    parts = ['<g font-family="Helvetica,Arial,sans-serif" font-size="12">']
    for index, year in enumerate(reversed(years)):
        x = right - 34 - 52 * index
        parts.append(f'<circle cx="{x:g}" cy="{y - 4:g}" r="4.5" fill="{colour(year)}"/>')
        parts.append(f'<text x="{x + 8:g}" y="{y:g}" fill="{INK}">{year}</text>')
    return [*parts, "</g>"]
