"""The core install: predict and evaluate where nothing of the training extra can be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from faults.artifacts import png, tiny

HIDDEN = (
    "torch",
    "torchvision",
    "onnx",
    "onnxscript",
    "onnx_ir",
    "safetensors",
    "sklearn",
    "matplotlib",
    "jinja2",
    "timm",
)
WITHOUT = f"""
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HIDDEN!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
from topfive.cli import main
main()
"""
CLASSES = ("blue", "green", "red")
COLOURS = {"red": (250, 0, 0), "green": (0, 250, 0), "blue": (0, 0, 250)}


@pytest.fixture
def place(tmp_path):
    """A folder of three classes and an artifact that knows them."""
    (tmp_path / "model.onnx").write_bytes(tiny(names=CLASSES))
    for name, colour in COLOURS.items():
        folder = tmp_path / "data" / "test" / name
        folder.mkdir(parents=True)
        (folder / "0.png").write_bytes(png(colour))
        folder = tmp_path / "data" / "train" / name
        folder.mkdir(parents=True)
        (folder / "0.png").write_bytes(png(tuple(value // 2 for value in colour)))
    return tmp_path


def run_without(*arguments, cwd):
    command = [sys.executable, "-W", "error", "-c", WITHOUT, *map(str, arguments)]
    environment = os.environ | {"XDG_CACHE_HOME": str(cwd / "cache")}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)


def test_the_training_extra_is_really_hidden(tmp_path):
    code = WITHOUT.replace("from topfive.cli import main\nmain()", "import torch")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "No module named 'torch'" in done.stderr


def test_predict(place):
    done = run_without("predict", "--model", "model.onnx", "data/test/green/0.png", "--json", cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["predictions"][0]["label"] == "green"


def test_predict_with_the_builtin_classifier(place):
    done = run_without("predict", "data/test/green/0.png", "--json", cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["predictions"]) == 5


def test_evaluate(place):
    done = run_without("evaluate", "model.onnx", "data", "--json", cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["n"] == 3


def test_export_says_what_to_install(place):
    done = run_without("export", "run", "--out", "x.onnx", cwd=place)
    assert done.returncode == 2
    assert "pip install 'topfive[train]'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_in_an_environment_of_its_own(place):
    """The wheel in a fresh environment, with the core's dependencies alone."""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(place), str(root)], check=True, capture_output=True)
    venv.create(place / "venv", with_pip=True)
    python = place / "venv" / "bin" / "python"
    (wheel,) = place.glob("*.whl")
    subprocess.run([python, "-m", "pip", "install", "-q", wheel], check=True, capture_output=True)
    assert subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 1
    topfive = place / "venv" / "bin" / "topfive"
    for arguments in (
        ["predict", "data/test/red/0.png", "--json"],
        ["predict", "--model", "model.onnx", "data/test/red/0.png", "--json"],
        ["evaluate", "model.onnx", "data", "--json"],
        ["evaluate", "--help"],
    ):
        done = subprocess.run([topfive, *arguments], capture_output=True, text=True, cwd=place)
        assert (done.returncode, done.stderr) == (0, "")
