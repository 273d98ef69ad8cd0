"""Limits from the command line: random ones are met on the file as measured again, or refused with exit 8."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import yaml

import topfive.train.kept
from topfive import artifact
from topfive.cli import run
from topfive.evaluate.latency import RUNS, measure_latency
from topfive.models import spec
from topfive.nn.measure import count_facts
from topfive.predictor import Prediction, Predictor

PINNED = ["--threads", "1", "--memory-format", "contiguous", "--workers", "1"]
LEAST = {"latency": 2e-5, "size": 50_000, "macs": 200_000}  # below what LeNet-5 needs: some draws cannot be met
MOST = {"latency": 2e-2, "size": 2_000_000, "macs": 60_000_000}


def drawn(rng):
    """One to three random limits, evenly on a logarithmic scale, as texts and as values."""
    names = rng.permutation(list(LEAST))[: rng.integers(1, 4)]
    values = {str(name): float(np.exp(rng.uniform(np.log(LEAST[name]), np.log(MOST[name])))) for name in names}
    units = {"latency": lambda v: f"{v * 1e6:.0f}us", "size": lambda v: f"{v:.0f}B", "macs": lambda v: f"{v:.0f}"}
    return [part for name, value in values.items() for part in (f"--max-{name}", units[name](value))], values


def measured(file):
    """The costs of a file by nothing that the command has said of it."""
    told = artifact.read(file)
    facts = count_facts(
        spec(told.card.architecture).build, told.preprocess.side, len(told.labels), told.preprocess.channels
    )
    latency = min((measure_latency(file) for _ in range(3)), key=lambda found: found.p50)
    assert latency.runs == RUNS >= 200
    return {"latency": latency.p50, "size": file.stat().st_size, "macs": facts.macs}


def kept_or_refused(flags, values, out, capsys):
    """Whether the limits were kept; both outcomes are checked."""
    code = run(["train", "digits", "--epochs", "1", "--time", "60s", *flags, *PINNED, "--out", str(out), "--json"])
    printed, err = capsys.readouterr()
    if code == 8:
        assert not printed
        assert err.splitlines()[-1].startswith("error: no network keeps to the limits on digits: the nearest possible")
        assert not (out / "model.onnx").exists()
        return False
    assert code == 0, err
    told = json.loads(printed)
    found = measured(out / "model.onnx")
    for name, value in values.items():
        assert found[name] <= value + 1e-6, (name, found, value)
        assert told["limits"][name]["value"] <= value + 1e-6
    assert told["within"] is True
    assert told["precision"] == artifact.read(out / "model.onnx").precision
    return True


@pytest.mark.slow
@pytest.mark.parametrize("number", range(10))
def test_ten_random_limits(number, tmp_path, capsys):
    kept_or_refused(*drawn(np.random.default_rng(number)), tmp_path / "run", capsys)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A run within a size that takes int8, and what was printed."""
    out = tmp_path_factory.mktemp("budgets") / "run"
    limits = ["--max-size", "100KB", "--max-latency", "1s", "--max-macs", "450K"]
    code = run(["train", "digits", "--epochs", "3", "--time", "100s", *limits, *PINNED, "--out", str(out)])
    assert code == 0
    return out


def test_the_file_of_a_small_budget_answers_and_says_what_it_is(small):
    told = artifact.read(small / "model.onnx")
    assert (told.precision, told.card.architecture) == ("int8", "lenet5")
    assert measured(small / "model.onnx")["size"] <= 100_000
    (answer,) = Predictor.load(small / "model.onnx", threads=1).predict([np.zeros((8, 8, 3), np.uint8)])
    assert isinstance(answer, Prediction)
    assert "eight-bit integers" in (small / "report.html").read_text()
    assert yaml.safe_load((small / "config.yaml").read_text())["limits"] == {
        "latency": 1.0,
        "size": 100_000,
        "macs": 450_000,
    }


def test_a_run_that_goes_on_keeps_its_choice_and_its_limits(small, capsys, monkeypatch):
    """The verifier, on the resumed run, is fed a file twice as slow as allowed: exit 8, and everything is kept."""
    cost_of = topfive.train.kept.cost_of
    asked = []

    def slower(file, macs, limits):
        asked.append(limits)
        return dataclasses.replace(cost_of(file, macs, limits), latency=2.0)

    monkeypatch.setattr(topfive.train.kept, "cost_of", slower)
    assert run(["train", "--resume", str(small), "--json"]) == 8
    printed, err = capsys.readouterr()
    assert json.loads(printed)["within"] is False
    assert "2 s where 1 s is allowed" in err
    assert {(limits.latency, limits.size, limits.macs) for limits in asked} == {(1.0, 100_000, 450_000)}
    assert (small / "model.onnx").exists()
    assert (small / "result.json").exists()


def test_other_limits_are_another_run(small, capsys):
    assert run(["train", "--resume", str(small), "--max-size", "1MB"]) == 2
    assert "its limits were at most 1 s, at most 100.00 KB" in capsys.readouterr().err


def test_limits_that_nothing_keeps_to(tmp_path, capsys):
    assert not kept_or_refused(["--max-macs", "400K"], {"macs": 4e5}, tmp_path / "run", capsys)


@pytest.mark.parametrize("flags", [["--max-size", "4"], ["--max-latency", "0ms"], ["--max-macs", "many"]])
def test_what_is_no_limit_is_said_before_anything_is_read(flags, capsys):
    assert run(["train", "no-such-data", *flags]) == 2
    assert f"error: {flags[0]} {flags[1]}: " in capsys.readouterr().err
