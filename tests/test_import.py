"""What is imported when: the core must stay light, and nothing may be missing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import topfive

TRAINING = {"torch", "torchvision", "onnx", "onnxscript", "safetensors", "sklearn", "matplotlib", "timm"}
HEAVY = TRAINING | {"onnxruntime", "pydantic", "numpy", "PIL", "yaml"}


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter holds after `code`."""
    code = f"import json, sys\n{code}\nsys.stderr.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr))


def test_the_probe_sees_what_is_loaded():
    assert {"numpy", "json"} <= loaded_by("import numpy")


def test_the_package_alone_costs_nothing():
    loaded = loaded_by("import topfive; dir(topfive); topfive.__version__")
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("topfive")} == {"topfive"}


def test_a_predictor_needs_no_torch():
    loaded = loaded_by("import topfive; topfive.Predictor.load()")
    assert "onnxruntime" in loaded
    assert not loaded & TRAINING


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_help_loads_no_verb(arguments):
    loaded = loaded_by(f"from topfive.cli import run; run({arguments})")
    assert not loaded & HEAVY
    assert not {name for name in loaded if name.startswith("topfive.cli.")}


@pytest.mark.parametrize("verb", ["predict", "evaluate", "train", "export", "models", "data", "doctor"])
def test_the_help_of_a_verb_loads_no_torch(verb):
    assert not loaded_by(f"from topfive.cli import run; run(['{verb}', '--help'])") & TRAINING


@pytest.mark.parametrize("name", topfive.__all__)
def test_every_public_name_is_there(name):
    assert getattr(topfive, name) is not None
    assert name in dir(topfive)


def test_another_name_is_not():
    with pytest.raises(AttributeError, match="no attribute 'Predicter'"):
        _ = topfive.Predicter
