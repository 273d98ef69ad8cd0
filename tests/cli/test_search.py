"""`topfive search`: what it prints and writes, how it ends, and how it goes on."""

from __future__ import annotations

import json
import os
import signal

import pytest

from topfive.cli import run, search_data
from topfive.search import second
from topfive.search.executors import in_process
from topfive.search.settings import read_config
from topfive.search.spaces import SPACES, Named
from topfive.search.spaces.cells import Size, distinct, pnas
from topfive.search.table import Row, header
from topfive.search.trial import Measurement
from topfive.train.found import read_found

DIGITS = ["search", "digits", "--space", "tiny", "--trial-images", "60", "--trial-epochs", "1", "--round", "2"]
SHORT = [*DIGITS, "--train-time", "0", "--json"]


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """A space of ten cells, and trials in this process."""
    operations = "identity", "max_3x3"
    space = Named(lambda side, channels: pnas("tiny", operations, 1, Size(1, 4, side, channels)))
    monkeypatch.setitem(SPACES, "tiny", space)
    monkeypatch.setattr(search_data, "_executor", lambda name, workers: in_process)


@pytest.fixture
def table(tmp_path):
    """Every cell of the tiny space, each with an accuracy of its own."""
    space = SPACES["tiny"].make(8, 1)
    rows = [header(2)]
    for place, choices in enumerate(distinct(space, 0)):
        measured = Measurement(0.5 + place / 100, 100 + place, 1000 - place, 1.5, (0.1, 0.5 + place / 100))
        rows.append(Row(space.key(choices), space.model(choices), 0, measured).fields())
    path = tmp_path / "table.csv"
    path.write_text("".join(",".join(f'"{cell}"' if "," in cell else cell for cell in row) + "\n" for row in rows))
    return path


def said(capsys, code, *arguments):
    """The lines of stdout as JSON, and stderr; what is asked for is tried."""
    assert run(list(arguments)) == code, capsys.readouterr().err
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return [json.loads(line) for line in out.splitlines()], err


def errors(err):
    return [line for line in err.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize("strategy", ["random", "evolution", "pnas"])
def test_a_table_is_searched_without_images_a_line_a_trial(table, capsys, strategy):
    command = ["search", "--evaluator", f"table:{table}", "--strategy", strategy, "--trials", "6", "--json"]
    lines, err = said(capsys, 0, *command)
    assert err == ""
    assert len(lines) == 6
    assert len({line["cell"] for line in lines}) == 6
    assert set(lines[0]) == {*("trial", "round", "cell", "model", "choices", "reward", "accuracy", "params", "macs")}
    assert said(capsys, 0, *command, "--seed", "0")[0] == lines
    if strategy != "pnas":  # which asks for all of the first level, in an order of its own
        assert said(capsys, 0, *command, "--seed", "1")[0] != lines


def test_a_table_ends_where_its_space_does(table, capsys):
    lines, _ = said(capsys, 0, "search", "--evaluator", f"table:{table}", "--strategy", "random", "--json")
    assert len(lines) == len(table.read_text().splitlines()) - 1
    assert run(["search", "--evaluator", f"table:{table}", "--trials", "3"]) == 0
    assert "3 networks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["--evaluator", "tabel:x"], 2, "no table:FILE"),
        (["--evaluator", "table:"], 2, "no table:FILE"),
        (["--evaluator", "table:nowhere.csv"], 3, "nowhere.csv"),
        (["digits", "--evaluator", "table:x.csv"], 2, "needs no images"),
        (["digits", "--strategy", "evolutoin"], 2, "did you mean 'evolution'"),
        (["digits", "--space", "pnas-smal"], 2, "did you mean 'pnas-small'"),
        (["digits", "--objective", "sfot"], 2, "did you mean 'soft'"),
        (["digits", "--objective", "soft"], 2, "State a limit"),
        (["digits", "--max-latency", "5 parsecs"], 2, "--max-latency"),
        (["digits", "--time", "soon"], 2, "--time"),
        (["digits", "--time", "1m", "--train-time", "30s"], 2, "leave nothing"),
        (["digits", "--max-macs", "100"], 8, "the nearest has"),
        (["digtis"], 3, "Did you mean 'digits'"),
        ([], 2, "missing data"),
        (["--resume"], 2, "which search?"),
        (["--resume", "nowhere"], 4, "holds no search"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_line(capsys, tmp_path, monkeypatch, arguments, code, why):
    monkeypatch.chdir(tmp_path)
    lines, err = said(capsys, code, "search", *arguments)
    assert lines == []
    assert errors(err) == err.splitlines()[-1:]
    assert why in err
    assert not os.path.exists(tmp_path / "runs"), "nothing is begun"


def test_a_search_writes_what_it_found(tmp_path, capsys):
    out = tmp_path / "found"
    lines, err = said(capsys, 0, *SHORT, "--trials", "4", "--out", str(out))
    *trials, result = lines
    assert len([line for line in trials if "copy_of" not in line]) == 4
    assert "space tiny for 8 pixels: as asked" in err
    best = max((line for line in trials if "copy_of" not in line), key=lambda line: (line["reward"], -line["trial"]))
    assert (result["trial"], result["model"]) == (best["trial"], best["model"])
    found = read_found(out / "genotype.json")
    assert found.model == best["model"]
    assert found.choices == tuple(best["choices"])
    assert found.answers["block 1 left operation"] in ("identity", "max_3x3")
    assert {path.name for path in out.iterdir()} >= {"cell.svg", "history.svg", "search.html", "config.yaml"}
    assert read_config(out).settings.space == "tiny"
    _, err = said(capsys, 2, *SHORT, "--trials", "4", "--out", str(out))
    assert "already holds a run" in err


def test_a_second_look_decides_between_the_best(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(second, "ONE_IN", 2)
    out = tmp_path / "found"
    lines, err = said(capsys, 0, *SHORT, "--trials", "6", "--out", str(out))
    *trials, result = lines
    looked = {look["trial"]: look["reward"] for look in result["second_look"]}
    ranked = sorted(
        (line for line in trials if "copy_of" not in line), key=lambda line: (-line["reward"], line["trial"])
    )
    assert list(looked) == [line["trial"] for line in ranked[:3]]
    assert result["reward"] == looked[result["trial"]] == max(looked.values())
    assert read_found(out / "genotype.json").measured["reward"] == result["reward"]
    assert "3 of 3: trial" in err
    assert "Second look" in (out / "search.html").read_text()
    again, _ = said(capsys, 0, "search", "--resume", str(out), "--json")
    assert again[-1] == result


def test_a_search_that_goes_on_is_the_one_that_was_not_interrupted(tmp_path, capsys):
    command = [*SHORT, "--strategy", "random", "--seed", "3"]
    whole, _ = said(capsys, 0, *command, "--trials", "6", "--out", str(tmp_path / "whole"))
    said(capsys, 0, *command, "--trials", "3", "--out", str(tmp_path / "parts"))
    parts, _ = said(capsys, 0, "search", "--resume", str(tmp_path / "parts"), "--trials", "6", "--json")
    untimed = [{key: value for key, value in line.items() if key != "seconds"} for line in (*whole, *parts)]
    assert untimed[: len(whole) - 1] == untimed[len(whole) : -1]


@pytest.mark.parametrize("change", [["--strategy", "random"], ["--space", "pnas-two"], ["--trial-epochs", "2"]])
def test_a_search_that_goes_on_is_not_changed(tmp_path, capsys, change):
    said(capsys, 0, *SHORT, "--trials", "2", "--out", str(tmp_path / "found"))
    _, err = said(capsys, 2, "search", "--resume", str(tmp_path / "found"), *change)
    assert "begun otherwise" in err
    said(capsys, 0, "search", "--resume", str(tmp_path / "found"), "--json")


def test_a_signal_ends_it_and_it_goes_on(tmp_path, capsys, monkeypatch):
    told = []

    def interrupting(evaluate, jobs):
        for job in jobs:
            yield job, evaluate(job.model, job.seed)
            told.append(job)
            if len(told) == 2:
                os.kill(os.getpid(), signal.SIGINT)
                yield None

    monkeypatch.setattr(search_data, "_executor", lambda name, workers: interrupting)
    out = tmp_path / "found"
    _, err = said(capsys, 130, *SHORT, "--trials", "4", "--out", str(out))
    assert len(told) == 2
    assert f"Continue with: topfive search --resume {out}" in errors(err)[0]
    lines, _ = said(capsys, 0, "search", "--resume", str(out), "--json")
    assert len([line for line in lines[:-1] if "copy_of" not in line]) == 4
    assert len(told) == 4


def test_a_damaged_configuration_is_refused(tmp_path, capsys):
    out = tmp_path / "found"
    said(capsys, 0, *SHORT, "--trials", "2", "--out", str(out))
    whole = (out / "config.yaml").read_text()
    without = whole.replace("  source: digits\n", "")
    assert without != whole
    never = whole.replace("epochs: 1", "epochs: 0")
    for damage in ("", "[1, 2]", "settings: {space: 3}", "a: [", "\x00", without, never):
        (out / "config.yaml").write_text(damage)
        _, err = said(capsys, 4, "search", "--resume", str(out))
        assert "not the configuration of a search" in err


@pytest.mark.slow
def test_the_winner_is_trained_against_a_hand_made_network(tmp_path, capsys):
    out = tmp_path / "found"
    lines, err = said(capsys, 0, *DIGITS, "--json", "--trials", "3", "--train-time", "3s", "--out", str(out))
    result = lines[-1]
    off = abs(result["rival"]["macs"] / result["winner"]["macs"] - 1)
    assert off <= 0.1, "so narrow that a channel is much"
    assert result["interval"][0] <= result["difference"] <= result["interval"][1]
    assert result["difference"] == pytest.approx(result["winner"]["top1"] - result["rival"]["top1"])
    assert "its rival is scaled:" in err
    for name in ("winner", "rival"):
        assert (out / name / "report.html").is_file()
    assert "the same recipe" in (out / "search.html").read_text()
    again, _ = said(capsys, 0, "search", "--resume", str(out), "--json")
    assert again[-1] == result, "what is finished stays"
    short = ["--epochs", "1", "--batch-size", "256", "--out", str(tmp_path / "trained")]
    assert run(["train", "digits", "--model", str(out / "genotype.json"), *short]) == 0
