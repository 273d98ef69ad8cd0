from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.cli import run
from topfive.cli.models import _number, _short
from topfive.errors import UsageError
from topfive.models import list_models

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
    assert names(capsys, "mobile") == ["mobilenet_v2", "mobilenet_v2_140"]
    assert names(capsys, "--year", "1998") == ["lenet5_original", "lenet5"]
    assert len(names(capsys, "--family", "vgg")) == 8
    assert names(capsys, "--family", "mobilenet", "--max-params", "4M") == ["mobilenet_v2"]
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
    assert [_short(count) for count in (60_000, 999_499, 999_600, 25_557_032, 37_745_884_192)] == [
        *("60.0K", "999K", "1.00M", "25.6M", "37.7G")
    ]
