"""The learning curve, whole or with parts missing."""

from __future__ import annotations

import math

from report.parsed import Page, section
from report.samples import contents, curve
from topfive.report import curves, render


def section_of(**changes: object) -> Page:
    return Page(section(render(contents(mistakes=(), **changes)), "learning"))


def charts(page: Page) -> list[str]:
    return [attributes["aria-label"] for attributes in page.all("svg") if attributes.get("role") == "img"]


def test_loss_and_accuracy_are_drawn() -> None:
    page = section_of()
    assert charts(page) == ["Loss by epoch", "Accuracy by epoch"]
    lines = [
        attributes
        for attributes in page.all("path")
        if attributes.get("class", "").startswith("line") and "L" in attributes["d"]
    ]
    assert [line["class"] for line in lines] == ["line train", "line val", "line val"]
    assert [line["d"].count("L") for line in lines] == [19, 19, 19]
    assert "The vertical line marks epoch 17" in page.text


def test_a_long_run_is_drawn_to_its_end() -> None:
    page = section_of(curve=curve(350), best_epoch=200)
    lines = [attributes["d"] for attributes in page.all("path") if attributes.get("class", "").startswith("line")]
    assert max(line.count("L") for line in lines) == 349
    assert any(line.split("L")[-1].startswith("370,") for line in lines)


def test_without_validation_there_is_the_training_loss_alone() -> None:
    page = section_of(curve=curve(validated=False), best_epoch=None)
    assert charts(page) == ["Loss by epoch"]
    assert "Validation" not in page.text
    assert "vertical line" not in page.text


def test_a_best_epoch_that_was_not_logged_is_not_marked() -> None:
    page = section_of(curve=curve(5), best_epoch=17)
    assert "vertical line" not in page.text
    assert not [attributes for attributes in page.all("path") if attributes.get("class", "") == "mark"]


def test_without_a_curve_there_is_no_section() -> None:
    for empty in ((), [{"epoch": 1}], [{"train_loss": 1.0}], [{"epoch": 1, "train_loss": math.nan}]):
        assert curves.section(contents(mistakes=(), curve=empty)) is None


def test_gaps_and_numbers_that_are_none_are_passed_over() -> None:
    entries = curve(6)
    entries[2]["val_top1"], entries[3]["train_loss"] = None, math.inf
    del entries[4]["val_nll"]
    page = section_of(curve=entries, best_epoch=6)
    counts = [attributes["d"].count("L") for attributes in page.all("path") if "L" in attributes["d"]]
    assert counts == [4, 4, 4]
    assert "inf" not in page.text
    assert page.texts.count("\N{EN DASH}") == 3


def test_the_numbers_are_those_of_the_log() -> None:
    entries = curve(3)
    text = section_of(curve=entries, best_epoch=3).text
    for entry in entries:
        assert f"{entry['lr']:.4g}" in text
        assert f"{entry['train_loss']:.4f}{entry['val_nll']:.4f}{entry['val_top1']:.2%}" in text


def test_of_many_epochs_some_are_listed_with_the_best_and_the_last() -> None:
    section = curves.section(contents(mistakes=(), curve=curve(1000), best_epoch=777))
    assert section is not None
    epochs = [cells[0] for _, cells in section.view["rows"]]
    assert len(epochs) <= curves.MAXIMUM_ROWS + 2
    assert {"1", "777", "1,000"} <= set(epochs)
    assert [cells[0] for best, cells in section.view["rows"] if best] == ["777"]
