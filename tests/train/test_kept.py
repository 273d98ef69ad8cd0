"""The shipped file against its limits: kept in floats, brought to int8, or said to be beyond them."""

from __future__ import annotations

import hashlib

import pytest

from topfive import artifact
from topfive.artifact import Card
from topfive.data import open_data
from topfive.errors import LimitsError
from topfive.evaluate.limits import Cost, Limits, cost_of
from topfive.export import export, golden_images
from topfive.export.int8 import calibration_images
from topfive.labels import Labels
from topfive.models import create_model, spec
from topfive.train import kept
from topfive.train.kept import TOLERANCE, keep

DIGITS = open_data("digits")
PREPROCESS = spec("lenet5").preprocess


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    path = tmp_path_factory.mktemp("kept") / "model.onnx"
    export(
        create_model("lenet5", 10),
        path,
        preprocess=PREPROCESS,
        labels=Labels(DIGITS.classes),
        card=Card(architecture="lenet5"),
        golden=golden_images(DIGITS.test, PREPROCESS),
    )
    return path.read_bytes()


@pytest.fixture
def file(shipped, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(shipped)
    return path


def images():
    return calibration_images(DIGITS.train, PREPROCESS, 8)


def by_precision(floats, integers):
    """A score that depends on nothing but the precision."""
    return lambda path: {"float32": floats, "int8": integers}[artifact.read(path).precision]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_within_its_limits_stays_as_it_is(file):
    before = digest(file)
    found = keep(file, 100, Limits(size=10**6, macs=100), images, by_precision(0.9, 0.9))
    assert (found.precision, found.lost, digest(file)) == ("float32", None, before)
    assert found.cost.size == file.stat().st_size
    assert found.contract() == {
        "precision": "float32",
        "limits": {
            "size": {"limit": 10**6, "value": file.stat().st_size},
            "macs": {"limit": 100, "value": 100},
        },
        "within": True,
    }
    found.check(file)


def test_one_that_is_too_large_is_brought_to_int8(file):
    found = keep(file, 100, Limits(size=100_000), images, by_precision(0.9, 0.895))
    assert (found.precision, found.lost) == ("int8", pytest.approx(0.005))
    assert artifact.read(file).precision == "int8"
    assert found.cost == cost_of(file, 100, Limits(size=1))
    assert found.cost.size < 100_000
    assert "0.50 points worse" in found.text()
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    found.check(file)


def test_not_where_it_answers_too_badly_in_it(file):
    before = digest(file)
    found = keep(file, 100, Limits(size=100_000), images, by_precision(0.9, 0.9 - 2 * TOLERANCE))
    assert (found.precision, digest(file)) == ("float32", before)
    assert found.contract()["within"] is False
    with pytest.raises(LimitsError, match=r"KB where 100\.00 KB is allowed; in int8 it answers 2\.0 points worse"):
        found.check(file)


def test_nor_where_it_would_still_be_too_large(file):
    before = digest(file)
    found = keep(file, 100, Limits(size=1000), images, by_precision(0.9, 0.9))
    assert digest(file) == before
    with pytest.raises(LimitsError, match=r"is allowed; in int8 \d+\.\d\d KB\. It is kept") as error:
        found.check(file)
    assert error.value.exit_code == 8
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_integers_do_not_help_against_too_many_operations(file, monkeypatch):
    monkeypatch.setattr(kept, "to_int8", lambda *_: pytest.fail("it was quantised"))
    found = keep(file, 101, Limits(macs=100), images, by_precision(0.9, 0.9))
    with pytest.raises(LimitsError, match="101 multiply-accumulates where 100"):
        found.check(file)


def test_a_file_that_became_slower_is_seen(file, monkeypatch):
    """The verifier is fed what a slower file would give; the true file passes the same limit."""
    limits = Limits(latency=0.05)
    assert keep(file, 100, limits, images, by_precision(0.9, 0.9)).precision == "float32"
    monkeypatch.setattr(kept, "cost_of", lambda path, macs, limits: Cost(0.06, path.stat().st_size, macs))
    with pytest.raises(LimitsError, match="60 ms where 50 ms is allowed"):
        keep(file, 100, limits, images, by_precision(0.9, 0.9)).check(file)
