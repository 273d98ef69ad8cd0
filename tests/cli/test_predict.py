from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from faults.artifacts import FAULTS, png, tiny
from topfive.cli import run

MAIN = "from topfive.cli import main; main()"
COLOURS = {"red": (250, 0, 0), "green": (0, 250, 0), "blue": (0, 0, 250)}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny())
    return str(path)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, colour in COLOURS.items():
        (folder / f"{name}.png").write_bytes(png(colour))
    return folder


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_json_is_one_line_a_path_in_order(model, folder, capsys):
    (folder / "page.jpg").write_bytes(b"<html>")
    (folder / "green.txt").write_bytes(png(COLOURS["green"]))
    paths = [str(folder / name) for name in ("blue.png", "page.jpg", "green.txt", "gone.png", "red.png")]
    assert run(["predict", "--model", model, *paths, "--json", "--top", "2"]) == 0
    captured = capsys.readouterr()
    found = lines(captured.out)
    assert [line["path"] for line in found] == paths
    assert [line["predictions"][0]["label"] if "predictions" in line else None for line in found] == [
        "blue", None, "green", None, "red",
    ]  # fmt: skip
    assert found[3] == {"path": paths[3], "error": "no such file"}
    first = found[0]["predictions"]
    assert len(first) == 2
    assert set(first[0]) == {"index", "synset", "label", "probability"}
    assert 1 >= first[0]["probability"] >= first[1]["probability"] > 0
    assert captured.err == ""


def test_strict_ends_with_7_after_all_was_printed(model, folder, capsys):
    paths = [str(folder / name) for name in ("gone.png", "red.png")]
    assert run(["predict", "--model", model, *paths, "--json", "--strict"]) == 7
    captured = capsys.readouterr()
    assert len(lines(captured.out)) == 2
    assert captured.err == "error: finished, but not read: 1 of 2 files are no images\n"


def test_strict_is_content_with_good_files(model, folder):
    assert run(["predict", "--model", model, str(folder / "red.png"), "--json", "--strict"]) == 0


def test_a_folder_is_the_images_below_it(model, folder, capsys):
    below = folder / "b" / "c"
    below.mkdir(parents=True)
    (below / "last.PNG").write_bytes(png(COLOURS["red"]))
    for junk in ("notes.txt", "._red.png", ".hidden.jpg"):
        (folder / junk).write_bytes(b"junk")
    assert run(["predict", "--model", model, str(folder), "--json"]) == 0
    found = [os.path.relpath(line["path"], folder) for line in lines(capsys.readouterr().out)]
    assert found == ["b/c/last.PNG", "blue.png", "green.png", "red.png"]


def test_an_empty_folder_is_an_error_line(model, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run(["predict", "--model", model, str(empty), "--json"]) == 0
    (line,) = lines(capsys.readouterr().out)
    assert line["path"] == str(empty)
    assert "directory" in line["error"]


def test_a_link_that_leads_back_ends(model, folder, capsys):
    (folder / "again").symlink_to(folder)
    assert run(["predict", "--model", model, str(folder), "--json"]) == 0
    assert len(lines(capsys.readouterr().out)) == 3


def test_people_see_names_and_bars_and_bad_files_apart(model, folder, capsys):
    assert run(["predict", "--model", model, str(folder / "red.png"), str(folder / "gone.png")]) == 0
    captured = capsys.readouterr()
    assert "red.png" in captured.out
    assert "█" in captured.out
    assert "gone" not in captured.out
    assert captured.err.strip() == f"{folder / 'gone.png'}: no such file"


def test_names_that_would_disturb_a_terminal_are_escaped(tmp_path, capsys):
    model = tmp_path / "m.onnx"
    model.write_bytes(tiny(names=("\x1b[31mred", "[bold]green", "\u202eblue")))
    path = tmp_path / "a\x1b[2J\n\u202eb.png"
    path.write_bytes(png(COLOURS["red"]))
    assert run(["predict", "--model", str(model), str(path)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\\x1b[31mred" in out
    assert "[bold]green" in out


def test_a_path_that_is_not_utf8_comes_back_as_it_went(model, tmp_path, capsys):
    path = os.path.join(tmp_path, os.fsdecode(b"caf\xe9.png"))
    with open(path, "wb") as file:
        file.write(png(COLOURS["blue"]))
    assert run(["predict", "--model", model, path, "--json"]) == 0
    (line,) = lines(capsys.readouterr().out)
    assert os.fsencode(line["path"]) == os.fsencode(path)
    assert line["predictions"][0]["label"] == "blue"


@pytest.mark.parametrize("name", ["empty", "pickle", "newer format", "bit in weights", "custom domain"])
def test_a_wrong_artifact_is_one_line_and_4(tmp_path, folder, capsys, name):
    path = tmp_path / "wrong.onnx"
    path.write_bytes(FAULTS[name].make())
    assert run(["predict", "--model", str(path), str(folder), "--json"]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: artifact {path}: ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["--top", "0"], ["--threads", "0"], ["--batch-size", "0"], ["--top", "x"], ["--topp", "3"]]
)
def test_wrong_flags_are_one_line_and_2(model, folder, capsys, arguments):
    assert run(["predict", "--model", model, str(folder), *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_no_path_is_one_line_and_2(model, capsys):
    assert run(["predict", "--model", model]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_path_that_begins_with_a_dash(model, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-x.png").write_bytes(png(COLOURS["green"]))
    assert run(["predict", "--model", model, "--json", "--", "-x.png"]) == 0
    assert lines(capsys.readouterr().out)[0]["predictions"][0]["label"] == "green"


def test_a_reader_that_goes_away_is_no_error(model, folder):
    command = [
        sys.executable,
        "-c",
        MAIN,
        "predict",
        "--model",
        model,
        "--json",
        *[str(folder / "red.png")] * 3000,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline().startswith(b'{"path"')
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), errors) == (0, b"")


def test_no_likely_label_is_said(folder, tmp_path, capsys):
    path = tmp_path / "labels.onnx"
    path.write_bytes(tiny(activation="sigmoid", thresholds=(1.0, 1.0, 1.0)))
    assert run(["predict", "--model", str(path), str(folder / "red.png")]) == 0
    assert "no class reaches its threshold" in capsys.readouterr().out
    assert run(["predict", "--model", str(path), str(folder / "red.png"), "--json"]) == 0
    assert lines(capsys.readouterr().out)[0]["predictions"] == []
