"""One row a class, the worst first."""

from __future__ import annotations

import re

import numpy as np

from report.parsed import Page, section
from report.samples import FASHION, contents, evaluation
from topfive.evaluate import measure
from topfive.report import per_class, render

ROW = re.compile(r'<tr><th scope="row">([^<]+)</th>' + r'<td class="number">([^<]+)</td>' * 4)


def test_the_rows_are_the_evaluations() -> None:
    result = evaluation(n=1500)
    found = {name: rest for name, *rest in ROW.findall(section(render(contents(result)), "classes"))}
    assert found == {
        score.name: [f"{score.support:,}", f"{score.precision:.2%}", f"{score.recall:.2%}", f"{score.f1:.2%}"]
        for score in result.per_class
    }


def test_the_worst_comes_first() -> None:
    result = evaluation(n=1500)
    order = [row.name for row in per_class.worst_first(result)]
    assert order == [score.name for score in sorted(result.per_class, key=lambda score: score.f1)]
    assert order != list(FASHION)


def test_a_fraction_of_nothing_is_a_dash() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0]])
    result = measure(probabilities, np.array([0, 1]), ("seen", "never answered", "absent"))
    rows = {row.name: row for row in per_class.worst_first(result)}
    assert list(rows) == ["never answered", "seen", "absent"]
    assert (rows["never answered"].precision, rows["never answered"].recall) == ("\N{EN DASH}", "0.00%")
    assert (rows["absent"].precision, rows["absent"].recall, rows["absent"].f1) == ("\N{EN DASH}",) * 3
    assert "1 class has no image here." in Page(render(contents(result, mistakes=()))).text


def test_beyond_thirty_the_rest_is_folded_away() -> None:
    def page(count: int) -> str:
        html = render(contents(evaluation(tuple(f"class {i}" for i in range(count)), n=900), mistakes=()))
        return section(html, "classes")

    assert "The other" not in page(per_class.OPEN)
    html = page(per_class.OPEN + 7)
    assert "The other 7 classes" in html
    before, after = html.split("The other 7 classes")
    assert (len(ROW.findall(before)), len(ROW.findall(after))) == (per_class.OPEN, 7)
