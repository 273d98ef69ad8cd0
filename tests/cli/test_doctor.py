from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from collections import namedtuple
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.artifacts import tiny
from topfive import builtin
from topfive.cli import doctor as module
from topfive.cli import run
from topfive.cli.doctor import DISK_BYTES, _numbers

ROOT = Path(__file__).parents[2]
# What the catalogue of faults asks for: older ones have open holes, or lack what we use.
FLOORS = {"torch": "2.10", "pillow": "13.0.0", "safetensors": "0.4", "onnx": "1.21"}


@pytest.fixture(autouse=True)
def healthy(monkeypatch):
    """A disk with room, whatever that of the machine has."""
    usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 0, 10**12))


def report(capsys, code=0):
    assert run(["doctor", "--json"]) == code
    out, err = capsys.readouterr()
    assert err.count("\n") == (0 if code == 0 else 1)
    (line,) = out.splitlines()
    return json.loads(line), err


def with_versions(monkeypatch, **versions):
    usual = module._version
    monkeypatch.setattr(module, "_version", lambda name: versions[name] if name in versions else usual(name))


def test_a_sound_machine_is_fit(capsys):
    found, _ = report(capsys)
    assert found["fit"] is True
    assert found["problems"] == []
    assert {each["name"] for each in found["packages"]} >= {"numpy", "pillow", "onnxruntime", "torch", "safetensors"}
    assert {each["status"] for each in found["packages"]} == {"ok"}
    assert found["machine"]["usable_cores"] >= 1
    assert found["data"]["sets"]["digits"] == "in the package"
    assert found["classifier"]["sha256"] == builtin.SHA256
    assert found["classifier"]["golden"] >= 1
    assert found["classifier"]["difference"] < 1e-3


def test_people_read_a_table(capsys):
    assert run(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for word in ("onnxruntime", "pillow", "Processor", "Memory", "Disk", "digits", "golden images answered"):
        assert word in out
    assert out.rstrip().endswith("fit for use")


def test_floors_are_the_packages_own_and_no_lower_than_the_catalogue_asks(capsys, monkeypatch):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core, extra = project["dependencies"], project["optional-dependencies"]
    lines = [f"{line}; extra == '{name}'" for name in ("train", "dev") for line in extra[name]]
    monkeypatch.setattr(module.metadata, "requires", lambda name: core + lines)
    assert run(["doctor", "--json"]) in (0, 5)  # where the environment is older than the project
    needed = {each["name"]: each for each in json.loads(capsys.readouterr().out)["packages"]}
    assert [f"{name}>={each['needed']}" for name, each in needed.items()] == core + extra["train"]
    for name, floor in FLOORS.items():
        assert _numbers(needed[name]["needed"]) >= _numbers(floor)


def test_a_missing_extra_is_said_and_no_error(capsys, monkeypatch):
    with_versions(monkeypatch, torch=None, torchvision=None)
    found, _ = report(capsys)
    status = {each["name"]: each["status"] for each in found["packages"]}
    assert status["torch"] == "not installed"
    assert run(["doctor"]) == 0
    assert "pip install 'topfive[train]'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("versions", "says"),
    [
        ({"pillow": "12.9.1"}, "pillow 12.9.1 is too old"),
        ({"torch": "2.9.1+cpu"}, "torch 2.9.1+cpu is too old"),
        ({"onnxruntime": None}, "onnxruntime is missing"),
    ],
)
def test_old_and_missing_packages_are_5(capsys, monkeypatch, versions, says):
    with_versions(monkeypatch, **versions)
    found, err = report(capsys, 5)
    assert found["fit"] is False
    assert found["problems"] == [says]
    assert err == f"error: not fit for use: {says}. Run: pip install --upgrade topfive\n"


def test_a_full_disk_is_5(capsys, monkeypatch):
    usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 0, DISK_BYTES - 1))
    assert "disk has only 200.0 MB left" in report(capsys, 5)[1]


def test_an_old_python_is_told_what_is_better(capsys, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 11, 12, "final", 0))
    assert "3.11.13" in report(capsys)[0]["python"]["advice"]
    monkeypatch.setattr(sys, "version_info", (3, 11, 13, "final", 0))
    assert report(capsys)[0]["python"]["advice"] == ""


@pytest.mark.parametrize("damage", ["bit", "cut", "gone", "another"])
def test_a_damaged_classifier_is_4(capsys, monkeypatch, tmp_path, damage):
    content = bytearray(builtin.PATH.read_bytes())
    content[len(content) // 2] ^= 1
    path = tmp_path / "model.onnx"
    if damage != "gone":
        path.write_bytes({"bit": bytes(content), "cut": content[: len(content) // 2], "another": tiny()}[damage])
    monkeypatch.setattr(builtin, "PATH", path)
    found, err = report(capsys, 4)
    assert found["classifier"]["difference"] is None
    assert str(path) in err
    assert run(["doctor"]) == 4
    assert "damaged" in capsys.readouterr().out


def test_a_classifier_that_answers_wrongly_is_4(capsys, monkeypatch):
    from topfive.engine import OnnxEngine

    answer = OnnxEngine.logits
    monkeypatch.setattr(OnnxEngine, "logits", lambda engine, images: answer(engine, images) * 1.01)
    assert "golden images give other answers" in report(capsys, 4)[1]


def test_an_engine_that_cannot_be_loaded_is_4(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "onnxruntime cannot be loaded" in report(capsys, 4)[1]


def test_torch_is_not_needed():
    code = (
        "import sys; from topfive.cli import run; code = run(['doctor', '--json']); print('torch' in sys.modules, code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].startswith("False ")


@given(st.lists(st.integers(0, 999), min_size=1, max_size=4), st.sampled_from(["", "+cpu", "rc1", ".dev3", ".post1"]))
def test_versions_are_numbers(parts, ending):
    version = ".".join(map(str, parts))
    assert _numbers(version + ending) == _numbers(version)
    assert _numbers(version + ".1") > _numbers(version)
    assert _numbers(version + ".0") == _numbers(version)


def test_versions_compare_as_numbers():
    assert _numbers("2.9") < _numbers("2.10") <= _numbers("2.10.0+cu128")
    assert _numbers("unknown") == ()
