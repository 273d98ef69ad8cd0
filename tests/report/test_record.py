"""Skipped files, the shipped file, the recipe and the environment."""

from __future__ import annotations

from dataclasses import replace

from report.parsed import Page
from report.samples import contents, evaluation
from topfive.data import Skipped
from topfive.report import record, render


def test_files_skipped_before_and_while_measuring_are_listed_once() -> None:
    both = Skipped("a.jpg", "truncated")
    result = replace(evaluation(), skipped=(both, Skipped("b.jpg", "vanished")))
    view = record.skipped(contents(result, skipped=(Skipped("c.jpg", "empty file"), both), mistakes=())).view
    assert [file.path for file in view["files"]] == ["c.jpg", "a.jpg", "b.jpg"]
    assert view["total"] == 3


def test_reasons_are_counted_and_files_bounded() -> None:
    files = [Skipped(f"{i}.jpg", "truncated" if i % 4 else "empty file") for i in range(1000)]
    page = Page(render(contents(skipped=files, mistakes=())))
    assert (
        "1,000 files were left out: 750 \N{MULTIPLICATION SIGN} truncated; 250 \N{MULTIPLICATION SIGN} empty file."
        in page.text
    )
    assert sum(text.endswith(".jpg") for text in page.texts) == record.MAXIMUM_SKIPPED
    assert f"The first {record.MAXIMUM_SKIPPED}" in page.text


def test_no_skipped_file_is_said() -> None:
    text = Page(render(contents(skipped=(), mistakes=()))).text
    assert "Skipped files None." in text


def test_the_shipped_file_and_its_parity() -> None:
    text = Page(render(contents(mistakes=()))).text
    assert "model.onnx, 252 kB" in text
    assert "temperature 1.137" in text
    assert "at most 1.2e-6 of the largest value, where 1e-4 is allowed" in text


def test_recipe_and_environment_as_they_are() -> None:
    page = Page(render(contents(mistakes=())))
    rows = dict(zip(page.texts, page.texts[1:], strict=False))
    for key, value in {"weight_decay": "0.0005", "amp": "no", "scale": "0.35, 1", "torch": "2.14.1"}.items():
        assert rows[key] == value
