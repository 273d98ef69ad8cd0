from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from faults.datasets import FAULTS, good, picture, write
from topfive.cli import run
from topfive.data import open_data


def check(*arguments: str | Path) -> int:
    return run(["data", "check", "--quick", *map(str, arguments)])


def lines(text: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_a_finding_in_the_file_and_with_json_on_stdout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = FAULTS["truncated"].make(tmp_path / "data")
    write(root / "cat" / "copy.png", (root / "cat" / "000.png").read_bytes())
    assert check(root, "--out", tmp_path / "out", "--json") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out == (tmp_path / "out" / "findings.jsonl").read_text()
    assert lines(out) == [
        {"kind": "unreadable", "path": "cat/x.jpg", "class": "cat", "why": "truncated", "severity": "error"},
        {
            "kind": "duplicate",
            "path": "cat/copy.png",
            "class": "cat",
            "other": "cat/000.png",
            "why": "the same file, byte for byte",
            "severity": "warning",
        },
    ]


def test_what_it_writes_and_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = FAULTS["truncated"].make(tmp_path / "data")
    assert check(root, "--out", tmp_path / "out") == 0
    out = capsys.readouterr().out
    assert "41 images, 2 classes" in out
    assert "cat/x.jpg: truncated" in out
    assert sorted(os.listdir(tmp_path / "out")) == ["clean.csv", "findings.jsonl", "report.html"]
    assert f"topfive train {tmp_path / 'out' / 'clean.csv'} --data-root {root}" in out
    splits = open_data(tmp_path / "out" / "clean.csv", data_root=root)
    assert [len(part) for _, part in splits.parts()] == [32, 4, 4]
    assert splits.skipped == ()


@pytest.mark.parametrize(
    ("fault", "flags", "code"),
    [
        ("truncated", (), 0),
        ("truncated", ("--strict",), 7),
        ("rubble", (), 3),
        ("rubble", ("--strict",), 3),
        ("rubble", ("--max-bad", "0.5"), 0),
        ("one class", (), 3),
        ("missing", (), 3),
        ("truncated", ("--max-bad", "2"), 2),
    ],
)
def test_exit_codes(
    fault: str, flags: tuple[str, ...], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = FAULTS[fault].make(tmp_path / "data")
    assert check(root, "--out", tmp_path / "out", *flags) == code
    err = capsys.readouterr().err
    assert err.count("\n") == (code != 0)


def test_a_sound_folder_is_strictly_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(good(tmp_path / "data"), "--out", tmp_path / "out", "--strict") == 0
    assert "nothing found" in capsys.readouterr().out


def test_data_that_cannot_be_used_are_still_shown(tmp_path: Path) -> None:
    root = FAULTS["rubble"].make(tmp_path / "data")
    assert check(root, "--out", tmp_path / "out") == 3
    assert sorted(os.listdir(tmp_path / "out")) == ["findings.jsonl", "report.html"]


def test_nothing_is_written_into_the_data_unless_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = good(tmp_path / "data")
    monkeypatch.chdir(root)
    assert check(".") == 2
    assert "--out" in capsys.readouterr().err
    assert sorted(os.listdir(root)) == ["cat", "dog"]
    monkeypatch.chdir(tmp_path)
    assert check("data") == 0
    assert sorted(os.listdir(tmp_path / "checks" / "data")) == ["clean.csv", "findings.jsonl", "report.html"]


def test_an_output_folder_that_cannot_be_is_a_resource(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "file", b"")
    assert check(good(tmp_path / "data"), "--out", tmp_path / "file" / "out") == 5
    assert "error: cannot write" in capsys.readouterr().err


def test_the_manifest_is_written_once_and_compared_from_then_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = good(tmp_path / "data")
    sums = tmp_path / "sums"
    arguments = (root, "--out", tmp_path / "out", "--hash", sums, "--strict", "--json")
    assert check(*arguments) == 0
    written = sums.read_bytes()
    assert written.count(b"\n") == 40
    assert check(*arguments) == 0
    assert capsys.readouterr().out == ""
    write(root / "cat" / "000.png", picture(31337))
    assert check(*arguments) == 7
    assert [(line["kind"], line["path"]) for line in lines(capsys.readouterr().out)] == [("changed", "cat/000.png")]
    assert sums.read_bytes() == written
    sums.write_bytes(b"rubbish")
    assert check(*arguments) == 3


def test_a_named_set_has_findings_and_no_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("digits", "--out", tmp_path / "out") == 0
    assert "1,797 images, 10 classes" in capsys.readouterr().out
    assert sorted(os.listdir(tmp_path / "out")) == ["findings.jsonl", "report.html"]


def test_a_split_is_written_and_opens_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = good(tmp_path / "data")
    assert run(["data", "split", str(root), "--out", str(tmp_path / "split.csv"), "--seed", "5", "--json"]) == 0
    assert lines(capsys.readouterr().out) == [
        {"class": name, "train": 16, "val": 2, "test": 2} for name in ("cat", "dog")
    ]
    again = open_data(tmp_path / "split.csv", data_root=root)
    assert again.fingerprint == open_data(root, seed=5).fingerprint


def test_near_copies_are_kept_together_only_when_asked(tmp_path: Path) -> None:
    from PIL import Image

    root = good(tmp_path / "data")
    rng_picture = Image.effect_noise((64, 64), 90).convert("RGB").resize((256, 256))
    for quality in range(40, 96, 8):
        rng_picture.save(root / "cat" / f"copy{quality}.jpg", quality=quality)
    scattered = set()
    for group in ("exact", "near"):
        parts: set[str] = set()
        for seed in range(2):
            out = tmp_path / f"{group}{seed}.csv"
            command = ["data", "split", str(root), "--out", str(out), "--group", group, "--seed", str(seed)]
            assert run([*command, "--threads", "1"]) == 0
            rows = [line.strip().replace('"', "").split(",") for line in out.read_text().splitlines()]
            parts = {part for path, _, part in rows if "copy" in path}
            scattered |= {group} if len(parts) > 1 else set()
    assert scattered == {"exact"}


def test_a_split_as_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = good(tmp_path / "data"), tmp_path / "out"
    assert run(["data", "split", str(root), "--out", str(out), "--copy"]) == 0
    assert [len(part) for _, part in open_data(out).parts()] == [32, 4, 4]
    assert "cat" in capsys.readouterr().out
    assert run(["data", "split", str(root), "--out", str(out)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert run(["data", "split", "digits", "--out", str(tmp_path / "d.csv")]) == 2
    assert run(["data", "split", str(root), "--out", str(tmp_path / "d.csv"), "--copy"]) == 2
