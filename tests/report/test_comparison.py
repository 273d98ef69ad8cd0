"""Runs side by side: read from their folders, paired image by image, or refused by name."""

from __future__ import annotations

import contextlib
import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from report.comparisons import answered, answered_labels, write_label_run, write_run
from report.parsed import Page, section
from report.samples import evaluation
from topfive.errors import RefusedError, UsageError
from topfive.evaluate import measure
from topfive.report.answers import read_labels, read_predictions
from topfive.report.compared import render_comparison, write_comparison
from topfive.report.comparison import compare
from topfive.report.finished import read_run
from topfive.report.predictions import labels_table, predictions_table

IMAGES = evaluation(n=300)


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Three seeds of one recipe, and a worse recipe."""
    seeds = [write_run(tmp_path / f"seed-{seed}", answered(IMAGES, 0.9, seed), seed=seed) for seed in range(3)]
    return [*seeds, write_run(tmp_path / "worse", answered(IMAGES, 0.6, 9), lr=0.01)]


def test_a_run_is_read_as_it_was_written(runs: list[Path]) -> None:
    run = read_run(runs[3])
    result = answered(IMAGES, 0.6, 9)
    assert (run.result.top1, run.result.macro_f1, run.result.nll) == (result.top1, result.macro_f1, result.nll)
    assert [path for path, _ in run.answers.images] == list(IMAGES.names)
    assert run.answers.correct.tolist() == (result.probabilities.argmax(axis=1) == result.labels).tolist()
    assert (run.recipe["lr"], run.data, len(run.curve)) == (0.01, "fashion-mnist", 20)


def test_runs_on_the_same_images_are_paired_whatever_the_order_of_the_rows(runs: list[Path]) -> None:
    path = runs[3] / "predictions.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows)]) + "\n")
    pair = next(pair for pair in compare(runs).pairs if (pair.first, pair.second) == ("seed-0", "worse"))
    assert pair.paired is not None
    first, second = (
        answered(IMAGES, rate, seed).probabilities.argmax(axis=1) == IMAGES.labels
        for rate, seed in ((0.9, 0), (0.6, 9))
    )
    assert pair.paired.only_first == int((first & ~second).sum())
    assert pair.paired.only_second == int((second & ~first).sum())
    assert pair.paired.p < 1e-6
    assert pair.paired.interval.low > 0


def test_runs_on_other_images_are_not_compared(runs: list[Path], tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", evaluation(n=200, seed=3))
    (pair,) = compare([runs[0], other]).pairs
    assert pair.paired is None
    assert pair.why.startswith("measured on other images: 300 of test and 200 of test")
    assert "Not comparable, measured on other images" in Page(render_comparison(compare([runs[0], other]))).text


def test_other_labels_of_the_same_images_are_other_images(tmp_path: Path) -> None:
    changed = IMAGES.labels.copy()
    changed[7] = (changed[7] + 1) % len(IMAGES.classes)
    relabelled = measure(IMAGES.probabilities, changed, IMAGES.classes)
    object.__setattr__(relabelled, "names", IMAGES.names)
    folders = [write_run(tmp_path / "a", IMAGES), write_run(tmp_path / "b", relabelled)]
    assert compare(folders).pairs[0].paired is None


def test_seeds_are_taken_together(runs: list[Path]) -> None:
    (group,) = compare(runs).seeds
    top1 = [answered(IMAGES, 0.9, seed).top1 for seed in range(3)]
    assert group.runs == ("seed-0", "seed-1", "seed-2")
    assert group.mean["top1"] == pytest.approx(np.mean(top1))
    assert group.spread["top1"] == pytest.approx(np.std(top1, ddof=1))


def test_other_data_are_another_recipe(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / "a", seed=0), write_run(tmp_path / "b", seed=1, data="e" * 64)]
    found = compare(folders)
    assert found.seeds == ()
    assert found.differences == {"seed": (0, 1), "data fingerprint": ("f" * 12, "e" * 12)}


def test_only_the_settings_that_differ_are_told(runs: list[Path]) -> None:
    found = compare([runs[0], runs[3]])
    assert found.differences == {"lr": (0.1, 0.01)}
    text = Page(section(render_comparison(found), "recipe")).text
    assert "lr0.10.01" in text
    assert "epochs" not in text


def test_a_setting_that_an_older_run_did_not_know_is_no_difference(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / "a", seed=0), write_run(tmp_path / "b", seed=1, milestones=[], aa=None)]
    found = compare(folders)
    assert found.differences == {"seed": (0, 1)}
    assert len(found.seeds) == 1


def test_equal_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / "monday" / "run"), write_run(tmp_path / "tuesday" / "run")]
    assert list(compare(folders).runs) == ["monday/run", "tuesday/run"]


@pytest.mark.parametrize("count", [0, 1])
def test_two_runs_are_needed(runs: list[Path], count: int) -> None:
    with pytest.raises(UsageError, match="two runs or more"):
        compare(runs[:count])


def test_a_run_is_not_compared_with_itself(runs: list[Path]) -> None:
    with pytest.raises(UsageError, match="each run may be named once"):
        compare([runs[0], runs[0].parent / "worse" / ".." / runs[0].name])


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip(path: Path) -> None:
    lines = path.read_text().splitlines()
    row = next(i for i, line in enumerate(lines) if line.endswith(",1"))
    lines[row] = lines[row][:-1] + "0"
    path.write_text("\n".join(lines) + "\n")


def _unknown(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "top1": 3}))


@pytest.mark.parametrize(
    ("name", "damage", "says"),
    [
        ("config.yaml", Path.unlink, "it holds no run"),
        ("result.json", Path.unlink, "it is not finished"),
        ("predictions.csv", Path.unlink, "No such file"),
        ("config.yaml", lambda path: path.write_text("a: [b"), "not YAML"),
        ("config.yaml", lambda path: path.write_text("recipe: 3"), "recipe"),
        ("config.yaml", lambda path: path.write_bytes(b"\x00\xff"), "not YAML"),
        ("result.json", _cut, "JSON"),
        ("result.json", _unknown, "top1"),
        ("result.json", lambda path: path.write_text("[1]"), "result.json"),
        ("predictions.csv", _cut, "predictions.csv"),
        ("predictions.csv", _flip, "300 answers have 0.856667"),
        ("predictions.csv", lambda path: path.write_text("path,label\na,b\n"), "column 'predicted'"),
        ("predictions.csv", lambda path: path.write_bytes(b"\x00" * 100), "predictions.csv"),
    ],
)
def test_a_damaged_run_is_refused_by_name(
    runs: list[Path], name: str, damage: Callable[[Path], object], says: str
) -> None:
    assert read_run(runs[0]).result.n == 300
    damage(runs[0] / name)
    with pytest.raises(RefusedError, match=says) as caught:
        compare(runs)
    assert caught.value.exit_code == 4
    assert "seed-0" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{\n[1]\n{}\nnull\n", b"\xff" * 50])
def test_a_torn_log_loses_its_drawing_alone(runs: list[Path], content: bytes) -> None:
    for run in runs:
        (run / "metrics.jsonl").write_bytes(content)
    page = Page(render_comparison(compare(runs)))
    assert "learning" not in [one["id"] for one in page.all("section")]
    assert "significance" in [one["id"] for one in page.all("section")]


@given(st.text(max_size=300))
def test_any_text_is_predictions_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        answers = read_predictions(text)
        assert len(answers.images) == len(answers.correct)


NAMES = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from("\udc80\udcff"), min_size=1, max_size=12)


@given(st.lists(NAMES, min_size=2, max_size=4, unique=True))
def test_any_names_come_back_from_the_table(names: list[str]) -> None:
    classes = tuple(f"{name}{index}x" for index, name in enumerate(names))
    result = evaluation(classes, n=12)
    object.__setattr__(result, "names", tuple(f"{names[i % len(names)]}/{i}" for i in range(12)))
    answers = read_predictions(predictions_table(result, classes))
    assert [label for _, label in answers.images] == [classes[label] for label in result.labels]
    assert answers.correct.sum() == round(result.top1 * 12)


def test_the_page_names_every_run_and_escapes_it(runs: list[Path], tmp_path: Path) -> None:
    hostile = write_run(tmp_path / '<img src=x onerror="alert(1)">', answered(IMAGES, 0.8, 5), opt="<b>{{ 7*7 }}")
    html = render_comparison(compare([*runs, hostile]))
    page = Page(html)
    assert "onerror" not in {name for _, attributes in page.elements for name in attributes}
    assert page.all("img") == page.all("b") == page.all("script") == []
    assert "<b>{{ 7*7 }}" in page.text
    lines = [one["class"] for one in page.all("path") if one.get("class", "").startswith("line run-")]
    assert {f"line run-{index}" for index in range(1, 6)} == set(lines)


def test_the_page_is_written_whole(runs: list[Path], tmp_path: Path) -> None:
    write_comparison(tmp_path / "compare.html", compare(runs))
    assert (tmp_path / "compare.html").read_text("utf-8") == render_comparison(compare(runs))


@pytest.fixture
def label_runs(tmp_path: Path) -> list[Path]:
    """Two seeds of one recipe on images of several labels, and a worse recipe."""
    seeds = [
        write_label_run(tmp_path / "several" / f"seed-{seed}", answered_labels(2, seed), seed=seed) for seed in range(2)
    ]
    return [*seeds, write_label_run(tmp_path / "several" / "worse", answered_labels(0.7, 9), lr=0.01)]


def test_several_labels_are_compared_by_their_precision(label_runs: list[Path]) -> None:
    found = compare(label_runs)
    first, second = answered_labels(2, 0), answered_labels(0.7, 9)
    pair = next(pair.paired for pair in found.pairs if (pair.first, pair.second) == ("seed-0", "worse"))
    assert pair is not None
    assert pair.difference == pytest.approx(first.mean_average_precision - second.mean_average_precision)
    assert pair.interval.low > 0
    assert pair.p == pytest.approx(2 / 2001)
    right, others = (
        (one.probabilities >= [score.threshold for score in one.per_class]) == one.labels for one in (first, second)
    )
    assert (pair.only_first, pair.only_second) == ((right & ~others).sum(), (others & ~right).sum())
    interval = found.intervals["worse"]
    assert interval.low < second.mean_average_precision < interval.high
    alike = next(pair.paired for pair in found.pairs if (pair.first, pair.second) == ("seed-0", "seed-1"))
    assert alike is not None
    assert alike.interval.low < 0 < alike.interval.high
    assert found.seeds[0].mean["macro_f1"] == pytest.approx(
        np.mean([answered_labels(2, seed).macro_f1 for seed in range(2)])
    )


def test_the_order_of_rows_and_columns_is_nothing(label_runs: list[Path]) -> None:
    before = compare(label_runs[::2]).pairs[0].paired
    path = label_runs[2] / "predictions.csv"
    rows = list(csv.reader(path.read_text().splitlines()))
    with path.open("w", newline="") as file:
        order = [0, 1, 2, *range(len(rows[0]) - 1, 2, -1)]
        csv.writer(file).writerows([row[column] for column in order] for row in [rows[0], *rows[:0:-1]])
    assert compare(label_runs[::2]).pairs[0].paired == before


def test_one_label_and_several_are_not_compared(label_runs: list[Path], runs: list[Path]) -> None:
    with pytest.raises(UsageError, match=r"several labels in .*, and one class in"):
        compare([label_runs[2], runs[0]])


def test_other_classes_are_other_questions(label_runs: list[Path], tmp_path: Path) -> None:
    result = answered_labels(2, 0)
    renamed = replace(result, classes=(*result.classes[:3], "griffin"))  # which no image shows either
    other = write_label_run(tmp_path / "other", renamed)
    (pair,) = compare([label_runs[0], other]).pairs
    assert (pair.paired, pair.why) == (None, "asked for other classes")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda text: text.replace('"00007.png"', '"00003.png"'), None),
        (lambda text: text[: len(text) // 2], "predictions.csv"),
        (lambda text: text.replace("probability of cat", "cat"), "names a class|no column"),
        (lambda text: text.replace("probability of cat", "probability of dog"), "names no class, or one twice"),
        (lambda text: text.splitlines()[0] + "\n", "its 0 answers"),
        (lambda text: re.sub(r"0\.[0-9]+$", "1.5", text, count=1, flags=re.MULTILINE), "a probability that is none"),
        (lambda text: re.sub(r"0\.[0-9]+$", "nan", text, count=1, flags=re.MULTILINE), "a probability that is none"),
        (lambda text: re.sub(r"0\.[0-9]+$", "much", text, count=1, flags=re.MULTILINE), "much"),
        (lambda text: text.replace('"cat"', '"cow"', 1), "no column"),
    ],
)
def test_a_damaged_table_of_labels_is_refused(
    label_runs: list[Path], damage: Callable[[str], str], says: str | None
) -> None:
    path = label_runs[1] / "predictions.csv"
    text = path.read_text()
    path.write_text(damage(text))
    assert path.read_text() != text
    if says is None:  # another image is no damage, but another image
        assert compare(label_runs[:2]).pairs[0].why.startswith("measured on other images")
        return
    with pytest.raises(RefusedError, match=says) as caught:
        compare(label_runs)
    assert "seed-1" in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=300))
def test_any_text_is_labels_or_refused(text: str) -> None:
    for before in ("", "path,labels,predicted,probability of a\n"):
        with contextlib.suppress(ValueError):
            answers = read_labels(before + text)
            assert len(answers.images) == len(answers.truth) == len(answers.probabilities)


LABEL_NAMES = NAMES.map(str.strip).filter(bool)


@given(st.lists(LABEL_NAMES, min_size=4, max_size=4, unique=True))
def test_any_classes_come_back_from_the_table_of_labels(names: list[str]) -> None:
    result = replace(answered_labels(2, 0, n=12), classes=tuple(names))
    answers = read_labels(labels_table(result, result.classes))
    assert [sorted(labels) for _, *labels in answers.images] == [
        sorted(names[column] for column in np.flatnonzero(row)) for row in result.labels
    ]
    columns = [names.index(name) for name in answers.classes]
    assert (answers.probabilities.astype(np.float32) == result.probabilities[:, columns]).all()


def test_the_page_of_several_labels_says_what_it_compares(label_runs: list[Path]) -> None:
    page = Page(render_comparison(compare(label_runs)))
    assert "mAP" in page.text
    assert "pairs of image and class" in page.text
    assert "Mean average precision" in page.text
    assert "Top-1" not in page.text
    assert "McNemar" not in page.text
