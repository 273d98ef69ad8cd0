"""The report of a run: one HTML file that needs nothing beside it, neither a script nor a network.

A section is a function `Contents -> Section | None` and a template of its name; `page.SECTIONS` is their order.
"""

from __future__ import annotations

from topfive.report.contents import Contents, Mistake, Pair, Shipped
from topfive.report.examples import hardest_pairs, worst_labels, worst_mistakes
from topfive.report.page import render, write_report

__all__ = [
    "Contents",
    "Mistake",
    "Pair",
    "Shipped",
    "hardest_pairs",
    "render",
    "worst_labels",
    "worst_mistakes",
    "write_report",
]
