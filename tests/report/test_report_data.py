"""The data section: how many images of what, and which files were left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from report.parsed import Page, section
from report.samples import contents, evaluation
from topfive.data import Skipped
from topfive.report import data, render


def test_parts_and_classes_are_counted() -> None:
    balance = {"train": np.array([100, 0, 25]), "val": np.array([4, 4, 4]), "test": np.array([0, 0, 0])}
    result = evaluation(("a", "b", "c"), n=30)
    view = data.section(contents(result, balance=balance, counts={})).view
    assert view["parts"] == [data.Part("train", 125, 2, 0, 25.0, 100), data.Part("val", 12, 3, 4, 4.0, 4)]
    assert view["rows"] == [
        data.Row("a", (100, 4), 100.0),
        data.Row("b", (0, 4), 0.0),
        data.Row("c", (25, 4), 25.0),
    ]
    assert view["chart"] is None


def test_of_many_classes_the_rarest_are_listed_and_all_drawn() -> None:
    classes = tuple(f"class {index}" for index in range(data.MAXIMUM_LISTED + 1))
    counts = np.arange(len(classes), 0, -1) * 10
    html = section(render(contents(evaluation(classes, n=100), balance={"train": counts})), "data")
    view = data.section(contents(evaluation(classes, n=100), balance={"train": counts})).view
    assert [row.counts for row in view["rows"]] == [(10 * (index + 1),) for index in range(data.RAREST)]
    assert view["chart"].lines[0].path.count("L") == len(classes) - 1
    assert f"The {data.RAREST} rarest of {len(classes)} classes" in Page(html).text
    assert "classes, the largest first" in html


def test_without_a_balance_there_are_the_skipped_files_alone() -> None:
    html = section(render(contents(balance={})), "data")
    assert "<table" in html
    assert "Fewest" not in html


def test_files_skipped_before_and_while_measuring_are_listed_once() -> None:
    both = Skipped("a.jpg", "truncated")
    result = replace(evaluation(), skipped=(both, Skipped("b.jpg", "vanished")))
    view = data.section(contents(result, skipped=(Skipped("c.jpg", "empty file"), both), mistakes=())).view
    assert [file.path for file in view["files"]] == ["c.jpg", "a.jpg", "b.jpg"]
    assert view["skipped"] == 3


def test_reasons_are_counted_and_files_bounded() -> None:
    files = [Skipped(f"{i}.jpg", "truncated" if i % 4 else "empty file") for i in range(1000)]
    page = Page(render(contents(skipped=files, mistakes=())))
    assert (
        "1,000 files were left out: 750 \N{MULTIPLICATION SIGN} truncated; 250 \N{MULTIPLICATION SIGN} empty file."
        in page.text
    )
    assert sum(text.endswith(".jpg") for text in page.texts) == data.MAXIMUM_SKIPPED
    assert f"The first {data.MAXIMUM_SKIPPED}" in page.text


def test_no_skipped_file_is_said() -> None:
    text = Page(render(contents(skipped=(), mistakes=()))).text
    assert "Skipped files None." in text
