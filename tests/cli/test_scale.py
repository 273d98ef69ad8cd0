"""`topfive scale` on a tiny network: what it writes, that it goes on, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from topfive import cli
from topfive.search.executors import in_process
from topfive.search.proxy import Proxy
from topfive.search.trial import Measurement

BASE = "scaled:d0.34-w0.25-s8:resnet20_cifar"
COMMAND = ["scale", "digits", "--base", BASE, "--phi", "1", "--step", "0.4", "--epochs", "1", "--images", "100"]
COMMAND += ["--validation", "50"]
Scale = Callable[..., int]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Trains in this process; the networks that were trained, in order."""
    names: list[str] = []
    original = Proxy.__call__

    def counted(self: Proxy, model: str, seed: int) -> Measurement:
        names.append(model)
        return original(self, model, seed)

    monkeypatch.setattr(Proxy, "__call__", counted)
    monkeypatch.setattr("topfive.search.executors.local.Local", lambda **_: in_process)
    return names


def test_scaling_writes_table_plot_and_page_and_goes_on(
    trained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scaled"
    assert cli.run([*COMMAND, "--out", str(out), "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line == json.loads((out / "scaling.json").read_text(encoding="utf-8"))
    assert [row["method"] for row in line["rows"] if row["method"] != "grid"] == [
        "base",
        "compound",
        "depth",
        "width",
        "resolution",
    ]
    assert line["base"] == BASE
    assert line["alpha"] * line["beta"] ** 2 * line["gamma"] ** 2 == pytest.approx(2, abs=0.1)
    assert line["seconds"] > 0
    assert all(0 <= row["accuracy"] <= 1 and row["macs"] > 0 for row in line["rows"])
    assert len(trained) == len(set(trained)) == len({(row["params"], row["macs"]) for row in line["rows"]})
    ElementTree.fromstring((out / "scaling.svg").read_text(encoding="utf-8"))
    assert BASE in (out / "scaling.html").read_text(encoding="utf-8")

    before = len(trained)
    assert cli.run([*COMMAND, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert len(trained) == before
    assert "resolution" in printed
    assert "processor time" in printed

    assert cli.run([*COMMAND, "--out", str(out), "--seed", "1"]) == 2
    assert "seed 0 then, 1 now" in capsys.readouterr().err
    assert len(trained) == before


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        (["--base", "resnet5O"], 2, "did you mean 'resnet50'"),
        (["--base", "lenet5"], 2, "cannot scale lenet5"),
        (["--base", "missing.json"], 2, "no such file"),
        (["--images", "100000"], 3, "images are wanted"),
        (["--phi", "0"], 2, "phi"),
        (["--step", "0.37", "--tolerance", "0.01"], 2, "--tolerance"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    changed: list[str], code: int, said: str, trained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*COMMAND, "--out", str(tmp_path / "none"), *changed]) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.startswith("error: ")
    assert len(captured.err.splitlines()) == 1
    assert not trained
    assert not (tmp_path / "none").exists()


def test_where_every_training_fails_it_is_said(
    monkeypatch: pytest.MonkeyPatch, trained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(self: Proxy, model: str, seed: int) -> Measurement:
        trained.append(model)
        raise RuntimeError("broken")

    monkeypatch.setattr(Proxy, "__call__", fails)
    assert cli.run([*COMMAND, "--out", str(tmp_path / "failed")]) == 6
    assert "broken" in capsys.readouterr().err
    assert trained
