from __future__ import annotations

import json

import pytest

from report.comparisons import answered, answered_labels, write_label_run, write_run
from report.samples import evaluation
from topfive.cli import run

IMAGES = evaluation(n=200)


@pytest.fixture
def runs(tmp_path):
    good = write_run(tmp_path / "good", answered(IMAGES, 0.9, 0))
    poor = write_run(tmp_path / "poor", answered(IMAGES, 0.5, 1), lr=0.01)
    return [str(good), str(poor)]


def test_json_is_one_line(runs, capsys):
    assert run(["compare", *runs, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    (line,) = captured.out.splitlines()
    found = json.loads(line)
    assert list(found) == ["runs", "pairs", "seeds", "differences"]
    assert [one["name"] for one in found["runs"]] == ["good", "poor"]
    assert found["runs"][0]["top1"] == answered(IMAGES, 0.9, 0).top1
    (pair,) = found["pairs"]
    assert pair["n"] == 200
    assert pair["p"] < 1e-4
    assert pair["interval"][0] > 0
    assert found["differences"] == {"lr": [0.1, 0.01]}


def test_the_seed_is_passed_on(runs, capsys):
    intervals = []
    for seed in ("0", "0", "1", "2", "3"):
        assert run(["compare", *runs, "--json", "--seed", seed]) == 0
        intervals.append(json.loads(capsys.readouterr().out)["pairs"][0]["interval"])
    assert intervals[0] == intervals[1]
    assert any(interval != intervals[0] for interval in intervals[2:])


def test_people_see_who_is_better_and_why(runs, capsys):
    assert run(["compare", *runs]) == 0
    out = capsys.readouterr().out
    for words in ("95% interval", "first is better", "61.7K", "252 kB", "lr"):
        assert words in out


def test_runs_on_other_images_are_said_not_to_be_comparable(runs, tmp_path, capsys):
    other = write_run(tmp_path / "other", evaluation(n=100, seed=5))
    assert run(["compare", runs[0], str(other), "--json"]) == 0
    (pair,) = json.loads(capsys.readouterr().out)["pairs"]
    assert pair["why_not"].startswith("measured on other images")
    assert run(["compare", runs[0], str(other)]) == 0
    assert "comparable" in capsys.readouterr().out


def test_the_page_is_written_where_asked(runs, tmp_path, capsys):
    assert run(["compare", *runs, "--out", str(tmp_path / "compare.html"), "--json"]) == 0
    assert (tmp_path / "compare.html").read_text("utf-8").startswith("<!doctype html>")
    json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (lambda runs: runs[:1], 2, "two runs or more"),
        (lambda runs: [runs[0], runs[0]], 2, "named once"),
        (lambda runs: [runs[0], "/nowhere"], 4, "/nowhere: it holds no run"),
        (lambda runs: [*runs, "--out", "/nowhere/compare.html"], 5, "/nowhere/compare.html"),
    ],
)
def test_what_cannot_be_compared_is_one_line(runs, capsys, change, code, says):
    assert run(["compare", *change(runs)]) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.err.count("\n") == 1


def test_an_unfinished_run_is_4_and_says_how_to_finish_it(runs, tmp_path, capsys):
    (tmp_path / "poor" / "result.json").unlink()
    assert run(["compare", *runs]) == 4
    assert f"topfive train --resume {runs[1]}" in capsys.readouterr().err


def test_runs_of_several_labels(tmp_path, capsys):
    good = write_label_run(tmp_path / "good", answered_labels(2, 0))
    poor = write_label_run(tmp_path / "poor", answered_labels(0.7, 1), lr=0.01)
    assert run(["compare", str(good), str(poor), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["runs"][0]["mean_average_precision"] == answered_labels(2, 0).mean_average_precision
    assert "top1" not in found["runs"][0]
    assert found["pairs"][0]["p"] < 0.01
    assert run(["compare", str(good), str(poor)]) == 0
    out = capsys.readouterr().out
    for words in ("mAP", "95% interval", "Micro-F1", "first is better"):
        assert words in out


def test_one_label_against_several_is_one_line(runs, tmp_path, capsys):
    several = write_label_run(tmp_path / "several", answered_labels(2, 0))
    assert run(["compare", runs[0], str(several)]) == 2
    captured = capsys.readouterr()
    assert "several labels in several, and one class in good" in captured.err
    assert captured.err.count("\n") == 1
