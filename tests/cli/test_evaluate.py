from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from faults.artifacts import png, tiny
from topfive.cli import run

COLOURS = {"red": (250, 0, 0), "green": (0, 250, 0), "blue": (0, 0, 250)}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny(names=tuple(sorted(COLOURS))))
    return str(path)


@pytest.fixture
def folder(tmp_path):
    """The model was made for red, green, blue and is told blue, green, red: green alone is right."""
    for split in ("train", "test"):
        for name, colour in COLOURS.items():
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for index in range(2):
                shade = tuple(max(0, value - index - 5 * (split == "test")) for value in colour)
                (tmp_path / "data" / split / name / f"{index}.png").write_bytes(png(shade, side=16))
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("crops", ["1", "10", "144"])
def test_json_holds_the_contract(model, folder, capsys, crops):
    assert run(["evaluate", model, str(folder), "--json", "--crops", crops]) == 0
    captured = capsys.readouterr()
    (line,) = captured.out.splitlines()
    found = json.loads(line)
    assert list(found) == ["data", "split", "n", "top1", "top5", "nll", "ece"]
    assert (found["data"], found["split"], found["n"], found["top5"]) == (str(folder), "test", 6, 1.0)
    assert found["top1"] == pytest.approx(1 / 3)
    assert captured.err == ""


def test_another_split(model, folder, capsys):
    assert run(["evaluate", model, str(folder), "--json", "--split", "train"]) == 0
    assert json.loads(capsys.readouterr().out)["split"] == "train"


def test_people_see_intervals_and_the_worst_classes(model, folder, capsys):
    assert run(["evaluate", model, str(folder)]) == 0
    out = capsys.readouterr().out
    assert "33.33%" in out
    assert "95% interval" in out
    assert "green" in out


def test_classes_that_differ_are_3_with_the_difference(model, capsys):
    assert run(["evaluate", model, "digits", "--json"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "only the model has 'blue', 'green', 'red'" in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--split", "tset"], 2, "did you mean 'test'"),
        (["--crops", "5"], 2, "1, 10 or 144"),
        (["--split", "val", "--val-fraction", "0"], 3, "empty"),
    ],
)
def test_wrong_settings_are_one_line(model, folder, capsys, arguments, code, says):
    assert run(["evaluate", model, str(folder), *arguments]) == code
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_a_missing_data_set_is_3(model, capsys):
    assert run(["evaluate", model, "digitss"]) == 3
    assert "'digits'" in capsys.readouterr().err


def test_a_missing_artifact_is_4(tmp_path, folder, capsys):
    assert run(["evaluate", str(tmp_path / "none.onnx"), str(folder)]) == 4
    assert "No such file" in capsys.readouterr().err


def test_photographs_and_arrays_of_the_same_pixels_agree(model, tmp_path, capsys):
    """From a CSV file of JPEGs: the whole way through open_data."""
    rows = ["path,label,split"]
    for split in ("train", "test"):
        for name, colour in COLOURS.items():
            for index in range(2):
                image = np.full((40, 60, 3), np.array(colour, np.uint8) - np.uint8(index if max(colour) else 0))
                Image.fromarray(image).save(tmp_path / f"{split}-{name}-{index}.jpg")
                rows.append(f"{split}-{name}-{index}.jpg,{name},{split}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    assert run(["evaluate", model, str(tmp_path / "list.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 6


def test_several_labels_have_figures_of_their_own(folder, tmp_path, capsys):
    path = tmp_path / "labels.onnx"
    path.write_bytes(tiny(activation="sigmoid"))
    assert run(["evaluate", str(path), str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["data", "split", "n", "mean_average_precision", "micro_f1", "macro_f1"]
    assert found["mean_average_precision"] == 1.0
    assert run(["evaluate", str(path), str(folder)]) == 0
    out = capsys.readouterr().out
    assert "mAP       100.00%" in out
    assert "lowest AP" in out
