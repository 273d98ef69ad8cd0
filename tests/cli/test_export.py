from __future__ import annotations

import json
import os

import numpy as np
import pytest
import torch
import torchvision

from faults.artifacts import FAULTS, png
from topfive.artifact import Card, parameters, read
from topfive.cli import run
from topfive.export import encode, export
from topfive.export.folder import write_folder
from topfive.labels import Labels
from topfive.models import create_model, spec

NAMES = tuple("abcdefghij")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return create_model("lenet5").eval()


@pytest.fixture
def folder(tmp_path, model):
    """A run folder as training leaves it."""
    told = {
        "preprocess": spec("lenet5").preprocess,
        "labels": Labels(NAMES),
        "card": Card(architecture="lenet5", data="drawn"),
        "temperature": 1.4,
    }
    write_folder(model, tmp_path, **told)
    digit = encode(np.random.default_rng(0).integers(0, 256, (1, 28, 28), np.uint8))
    export(model, tmp_path / "model.onnx", golden=[digit], **told)
    return tmp_path


def exported(capsys, *arguments):
    code = run(["export", *map(str, arguments), "--json"])
    captured = capsys.readouterr()
    assert captured.err == ""
    assert code == 0
    return json.loads(captured.out)


def test_a_run_folder(folder, capsys):
    out = folder / "again.onnx"
    line = exported(capsys, folder, "--out", out)
    assert line["artifact"] == str(out)
    assert line["bytes"] == out.stat().st_size
    assert line["difference"] <= line["tolerance"]
    first, again = read(folder / "model.onnx"), read(out)
    assert again.graph_digest == first.graph_digest
    assert (again.labels, again.temperature, again.card.data) == (first.labels, 1.4, "drawn")
    assert [golden.image for golden in again.golden] == [golden.image for golden in first.golden]


def test_an_artifact_is_exported_anew(folder, capsys):
    exported(capsys, folder / "model.onnx", "--out", folder / "again.onnx")
    assert read(folder / "again.onnx").graph_digest == read(folder / "model.onnx").graph_digest


def test_bare_weights_with_a_name_and_images(tmp_path, model, capsys):
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    (tmp_path / "classes.txt").write_text("\n".join(NAMES) + "\n")
    (tmp_path / "one.png").write_bytes(png((200, 100, 50), 40))
    arguments = (tmp_path / "weights.pt", "--model", "lenet5", "--classes", tmp_path / "classes.txt")
    exported(capsys, *arguments, "--image", tmp_path / "one.png", "--out", tmp_path / "m.onnx")
    found = read(tmp_path / "m.onnx")
    assert (found.labels.names, found.card.architecture, len(found.golden)) == (NAMES, "lenet5", 1)
    np.testing.assert_array_equal(parameters(tmp_path / "m.onnx")["head.bias"], model.state_dict()["head.bias"])


def test_people_see_one_line(folder, capsys):
    assert run(["export", str(folder), "--out", str(folder / "m.onnx")]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1
    assert "differs from the network by at most" in captured.out


def test_past_the_tolerance_nothing_is_written(folder, capsys):
    assert run(["export", str(folder), "--out", str(folder / "m.onnx"), "--tolerance", "0"]) == 4
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "allowed" in captured.err
    assert not (folder / "m.onnx").exists()
    assert not [name for name in os.listdir(folder) if name.startswith(".")]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["gone"], 4, "no such file"),
        (["weights.pt"], 2, "--model"),
        (["weights.pt", "--model", "lenet6"], 2, "did you mean 'lenet5'"),
        (["weights.pt", "--model", "resnet18"], 4, "misfit"),
        (["weights.pt", "--model", "lenet5", "--classes", "gone.txt"], 2, "gone.txt"),
        (["weights.pt", "--model", "lenet5", "--classes", "three.txt"], 2, "another number of classes"),
        (["weights.pt", "--model", "lenet5", "--image", "gone.png"], 3, "gone.png"),
        (["weights.pt", "--model", "lenet5", "--image", "three.txt"], 3, "not an image"),
        (["pickle.pt", "--model", "lenet5"], 4, "weights"),
        (["wrong.onnx"], 4, "checksum"),
        (["empty"], 4, "no model.safetensors"),
    ],
)
def test_wrong_input_is_one_line(tmp_path, model, monkeypatch, capsys, arguments, code, says):
    monkeypatch.chdir(tmp_path)
    torch.save(model.state_dict(), "weights.pt")
    (tmp_path / "three.txt").write_text("a\nb\nc\n")
    (tmp_path / "pickle.pt").write_bytes(FAULTS["pickle"].make())
    (tmp_path / "wrong.onnx").write_bytes(FAULTS["bit in weights"].make())
    (tmp_path / "empty").mkdir()
    assert run(["export", *arguments, "--out", "m.onnx"]) == code
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "m.onnx").exists()


def test_to_another_library_and_back(folder, tmp_path_factory, capsys):
    out = tmp_path_factory.mktemp("out")
    model = create_model("squeezenet1_1")
    torch.save(model.state_dict(), out / "weights.pt")
    arguments = (out / "weights.pt", "--model", "squeezenet1_1", "--to", "torchvision")
    line = exported(capsys, *arguments, "--out", out / "a.safetensors")
    assert (line["library"], line["name"], line["bytes"]) == (
        "torchvision",
        "squeezenet1_1",
        (out / "a.safetensors").stat().st_size,
    )
    exported(capsys, "--weights", out / "a.safetensors", "--model", "squeezenet1_1", "--to", "torchvision",
             "--out", out / "b.pth")  # fmt: skip
    theirs = torchvision.models.squeezenet1_1(weights=None)
    theirs.load_state_dict(torch.load(out / "b.pth", weights_only=True))
    assert torch.equal(theirs.classifier[1].weight.flatten(), model.head.weight.flatten())


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--to", "timm", "--out", "a.pth"], 4, "no network that computes as lenet5 does"),
        (["--to", "keras", "--out", "a.h5"], 2, "torchvision or timm"),
        (["--weights", "timm", "--out", "a.onnx"], 2, "one source"),
    ],
)
def test_what_no_library_has_is_one_line(folder, capsys, monkeypatch, arguments, code, says):
    monkeypatch.chdir(folder)
    before = sorted(os.listdir())
    assert run(["export", str(folder), *arguments]) == code
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert sorted(os.listdir()) == before


def test_published_weights_that_cannot_be_had(tmp_path, monkeypatch, capsys):
    from topfive.weights import download

    def opened(url):
        raise OSError("no route to host")

    monkeypatch.setattr(download, "opened", opened)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("TOPFIVE_DATA", str(tmp_path))
    assert run(["export", "--weights", "torchvision", "--model", "resnet18", "--out", str(tmp_path / "a.onnx")]) == 5
    error = capsys.readouterr().err
    assert "Download https://download.pytorch.org/models/resnet18-f37072fd.pth into" in error
    assert error.count("\n") == 1
