"""What other programs rely on: the exact keys of every `--json` line, in real processes, and nothing else on stdout."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from topfive import builtin, labels

MAIN = "from topfive.cli import main; main()"
DIGITS_TEST = 360


def answers(*arguments, cwd):
    command = [sys.executable, "-W", "error", "-c", MAIN, *map(str, arguments), "--json"]
    if arguments[0] == "train":
        command[1:3] = []  # torch's exporter has warnings of its own
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with one finished run in `runs/digits`, and what train printed."""
    folder = tmp_path_factory.mktemp("contracts")
    quick = ["--model", "lenet5", "--epochs", "1", "--threads", "1", "--memory-format", "contiguous"]
    return folder, answers("train", "digits", *quick, "--out", "runs/digits", cwd=folder)


def test_train(trained):
    (line,) = trained[1]
    assert list(line) == ["run", "artifact", "split", "n", "top1"]
    assert (line["run"], line["artifact"]) == ("runs/digits", "runs/digits/model.onnx")
    assert (line["split"], line["n"]) == ("test", DIGITS_TEST)
    assert 0.2 < line["top1"] <= 1, "a fraction, and better than chance after one epoch"


def test_the_folder_of_a_run(trained):
    run = trained[0] / "runs" / "digits"
    promised = {
        *("config.yaml", "metrics.jsonl", "predictions.csv", "report.html", "result.json", "split.csv"),
        *("model.safetensors", "config.json", "model.onnx"),
    }
    assert promised <= set(os.listdir(run))
    assert {name for name in os.listdir(run) if not name.startswith(".")} == promised | {"checkpoints"}
    assert not list(run.rglob(".tmp-*"))
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert {"recipe", "data", "preprocess", "placement", "environment"} <= config.keys()
    (entry,) = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {"epoch", "step", "lr", "train_loss", "val_top1", "val_nll", "seconds"} == entry.keys()
    assert len((run / "predictions.csv").read_text().splitlines()) == 1 + DIGITS_TEST


def test_evaluate(trained):
    folder, (training,) = trained
    (line,) = answers("evaluate", training["artifact"], "digits", cwd=folder)
    assert list(line) == ["data", "split", "n", "top1", "top5", "nll", "ece"]
    assert (line["data"], line["split"], line["n"]) == ("digits", "test", DIGITS_TEST)
    assert line["top1"] == training["top1"], "the run measured the file that it shipped"
    assert line["top1"] <= line["top5"] <= 1
    assert 0 <= line["ece"] <= 1
    assert line["nll"] > 0


def test_evaluate_another_split(trained):
    (line,) = answers("evaluate", "runs/digits/model.onnx", "digits", "--split", "val", cwd=trained[0])
    assert line["split"] == "val"


def test_predict(trained, photographs):
    paths = [photographs / "noon" / "00.png", Path("nowhere.png"), photographs / "night" / "01.jpg"]
    first, missing, last = answers("predict", "--top", "3", *paths, cwd=trained[0])
    assert list(missing) == ["path", "error"]
    for line, path in ((first, paths[0]), (last, paths[2])):
        assert list(line) == ["path", "predictions"]
        assert line["path"] == str(path)
        assert len(line["predictions"]) == 3
        probabilities = []
        for entry in line["predictions"]:
            assert list(entry) == ["index", "synset", "label", "probability"]
            known = labels.imagenet()
            assert entry["synset"] == known.synsets[entry["index"]]
            assert entry["label"] == known.names[entry["index"]]
            probabilities.append(entry["probability"])
        assert probabilities == sorted(probabilities, reverse=True)
        assert 0 < sum(probabilities) <= 1


def test_predict_with_a_trained_artifact(trained, photographs):
    (line,) = answers(
        *("predict", "--model", "runs/digits/model.onnx", "--top", "99", photographs / "noon" / "00.png"),
        cwd=trained[0],
    )
    assert sorted(entry["label"] for entry in line["predictions"]) == list("0123456789")
    assert {entry["synset"] for entry in line["predictions"]} == {None}
    assert math.isclose(sum(entry["probability"] for entry in line["predictions"]), 1, abs_tol=1e-6)


def test_models(trained):
    lines = answers("models", cwd=trained[0])
    assert len({line["name"] for line in lines}) == len(lines) > 40
    for line in lines:
        assert list(line)[:10] == [
            *("name", "family", "year", "paper", "arxiv", "params", "macs", "num_classes", "in_channels"),
            "input_size",
        ]
        assert list(line)[10:] == ["fact", "departs"]
        assert all(isinstance(line[key], int) for key in ("year", "params", "macs", "num_classes", "in_channels"))


def test_data_and_doctor_speak_json_too(trained):
    assert {"digits", "imagenet"} <= {line["name"] for line in answers("data", "list", cwd=trained[0])}
    command = [sys.executable, "-c", MAIN, "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["classifier"]["sha256"] == builtin.SHA256
