from __future__ import annotations

import json
import math
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.cli import run
from topfive.cli.models import _number
from topfive.errors import UsageError
from topfive.models import list_models, spec

KEYS = [
    *("name", "family", "year", "paper", "arxiv", "params", "macs", "num_classes", "in_channels", "input_size"),
    *("fact", "departs"),
]


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert run(["models", *arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return [json.loads(line) for line in out.splitlines()]


def names(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[object]:
    return [row["name"] for row in listed(capsys, *arguments)]


def test_json_keeps_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    rows = listed(capsys)
    assert [row["name"] for row in rows] == list_models()
    assert all(list(row) == KEYS for row in rows)
    resnet = next(row for row in rows if row["name"] == "resnet50")
    assert resnet["params"] == 25_557_032
    assert resnet["macs"] == 4_089_184_256
    assert resnet["arxiv"] == "1512.03385"
    assert resnet["fact"] == "resnet50_v15"
    assert "stride" in str(resnet["departs"])


def test_filters(capsys: pytest.CaptureFixture[str]) -> None:
    assert names(capsys, "resnet*_v1") == ["resnet50_v1", "resnet101_v1", "resnet152_v1"]
    assert names(capsys, "mobilenet_v2") == list_models("*mobilenet_v2*")
    assert names(capsys, "list", "vgg11*") == ["vgg11", "vgg11_bn"]
    assert names(capsys, "--year", "1998") == ["lenet5_original", "lenet5"]
    assert len(names(capsys, "--family", "vgg")) == 8
    assert names(capsys, "--family", "vgg", "--max-params", "132.9M") == ["vgg11", "vgg11_bn"]
    assert names(capsys, "--max-macs", "0.35M") == ["lenet5_original"]
    assert "efficientnet_b0" in names(capsys, "--max-macs", "385814752")
    assert "efficientnet_b0" not in names(capsys, "--max-macs", "385814751")


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_its_terminal(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert run(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(list_models())
    assert max(map(len, lines)) <= width
    assert all(line.startswith(name + " ") for line, name in zip(lines[1:], list_models(), strict=True))
    assert ("Residual Learning" in "".join(lines)) == (width == 120)
    assert "…" not in "".join(line[:78] for line in lines if width == 80)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["resnt50"], "did you mean 'resnet50'?"),
        (["--family", "vg"], "did you mean 'vgg'?"),
        (["--max-params", "five"], "Write e.g. 5M"),
        (["--max-macs", "nan"], "not a number"),
        (["--max-macs", ""], "not a number"),
        (["--max-macs", "-1"], "greater than 0"),
    ],
)
def test_a_wrong_filter_is_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


def test_nothing_found_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "vgg", "--max-params", "3"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "no network fits" in err


@given(st.text())
def test_any_number_is_read_or_refused(text: str) -> None:
    try:
        assert _number("--max-params", text) > 0
    except UsageError as error:
        line = str(error)
    else:
        line = ""
    assert len(line.splitlines()) <= 1


def test_numbers_with_units() -> None:
    assert _number("--max-macs", "4.1G") == 4.1e9
    assert _number("--max-macs", "5m") == 5e6
    assert _number("--max-macs", None) == math.inf


def described(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["models", *arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    return cast(dict[str, Any], json.loads(out))


def test_info_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    resnet = described(capsys, "info", "resnet50")
    assert set(KEYS) <= set(resnet)
    assert resnet["idea"] == "learn the residual of a layer, not the layer"
    assert resnet["head"] == {"type": "Linear", "in_features": 2048}
    assert resnet["other_forms"] == [{"name": "resnet50_v1", "params": 25_557_032, "macs": 3_857_973_248}]
    assert resnet["ancestors"] == []
    assert "wide_resnet" in resnet["descendants"]
    assert sum(row["params"] for row in resnet["layers"]) == resnet["params"]
    assert sum(row["macs"] for row in resnet["layers"]) == resnet["macs"]
    every = described(capsys, "info", "resnet50", "--all")["layers"]
    assert len(every) > 100
    assert sum(row["macs"] for row in every) == resnet["macs"]
    paper = described(capsys, "info", "resnet50_v1")
    assert paper["reported"][0] == {
        "metric": "top1_error",
        "value": 0.2285,
        "where": "table 3",
        "protocol": "ImageNet val, 10-crop",
    }


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("arguments", [("info", "lenet5_original"), ("info", "vgg11"), ("diff", "resnet18", "vgg11")])
def test_info_and_diff_fit_their_terminal(
    arguments: tuple[str, ...], width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert run(["models", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert max(map(len, out.splitlines())) <= width
    assert "…" not in out


def test_info_in_words(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert run(["models", "info", "resnet50"]) == 0
    out = capsys.readouterr().out
    assert "25,557,032" in out
    assert "resnet50_v1: parameters equal, MACs -231M (-5.65%)" in out
    assert "stages.1  4 Bottleneck             512x28x28    1.22M  1.03G" in out
    assert run(["models", "info", "resnet50_v1"]) == 0
    assert "22.85% top-1 error (table 3; ImageNet val, 10-crop)" in capsys.readouterr().out


def test_diff_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    compared = described(capsys, "diff", "resnet50_v1", "resnet50")
    assert compared["facts"]["params"]["difference"] == 0
    assert compared["facts"]["macs"]["difference"] == 231_211_008
    assert set(compared["differs"]) == {"departs", "reported"}
    assert [row["b"]["name"] for row in compared["layers"]] == [f"stages.{index}" for index in range(4)]
    macs = spec("resnet50").facts.macs - spec("resnet50_v1").facts.macs
    assert sum(row["b"]["macs"] - row["a"]["macs"] for row in compared["layers"]) == macs


def test_diff_where_one_has_more_stages(capsys: pytest.CaptureFixture[str]) -> None:
    rows = described(capsys, "diff", "vgg11", "resnet18")["layers"]
    assert any(row["b"] is None for row in rows)
    same = described(capsys, "diff", "vgg11", "vgg11")
    assert same["layers"] == []
    assert same["differs"] == {}


def test_diff_in_words(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["models", "diff", "resnet50_v1", "resnet50"]) == 0
    out = capsys.readouterr().out
    assert "+231M (+5.99%)" in out
    assert "-  stages.1  4 PaperBottleneck  512x28x28" in out
    assert "+  stages.1  4 Bottleneck       512x28x28" in out


@pytest.mark.parametrize(
    "arguments", [["info", "resnt50"], ["diff", "resnet50", "resnt50"], ["diff", "resnt50", "resnet50"]]
)
def test_an_unknown_network_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "did you mean 'resnet50'?" in err
    assert err.count("\n") == 1


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("list", "info", "diff"))
