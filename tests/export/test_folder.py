from __future__ import annotations

import json
import os

import pytest
import timm
import torch

from topfive.artifact import Card
from topfive.errors import RefusedError, UsageError
from topfive.export.folder import read_folder, write_folder
from topfive.labels import Labels, imagenet
from topfive.models import create_model, spec
from topfive.preprocess import Preprocess

IN_TIMM = ("resnet18", "mobilenet_v2", "tf_efficientnet_lite0", "vgg11", "vgg11_bn")
NOT_THERE = ("lenet5", "lenet5_original", "resnet20_cifar")


def written(folder, name, classes=5):
    torch.manual_seed(0)
    model = create_model(name, num_classes=classes).eval()
    labels = Labels(tuple(f"class {index}" for index in range(classes)))
    card = Card(architecture=name, licence="CC0")
    write_folder(model, folder, preprocess=spec(name).preprocess, labels=labels, card=card, temperature=1.25)
    return model


def images(model, side):
    return torch.randn(2, model.in_channels, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", [*IN_TIMM[:3], *NOT_THERE])
def test_a_folder_is_read_as_it_was_written(tmp_path, name):
    model = written(tmp_path, name)
    again, told = read_folder(tmp_path)
    assert (told.preprocess, told.temperature, told.card.licence) == (spec(name).preprocess, 1.25, "CC0")
    assert told.labels.names[4] == "class 4"
    assert not again.training
    for key, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], tensor), key


def test_several_labels_stay_several(tmp_path):
    model = create_model("lenet5", num_classes=2).eval()
    told = {"preprocess": spec("lenet5").preprocess, "labels": Labels(("a", "b")), "card": Card(architecture="lenet5")}
    write_folder(model, tmp_path, **told, activation="sigmoid", thresholds=(0.25, 0.75))
    _, found = read_folder(tmp_path)
    assert (found.activation, found.thresholds) == ("sigmoid", (0.25, 0.75))


@pytest.mark.parametrize("name", IN_TIMM)
def test_our_folders_open_in_timm(tmp_path, name):
    model = written(tmp_path, name)
    theirs = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    sample = images(model, 64 if not name.startswith("vgg") else 224)
    with torch.no_grad():
        torch.testing.assert_close(theirs(sample), model(sample), rtol=1e-5, atol=1e-5)
    config = timm.data.resolve_data_config({}, model=theirs)
    ours = spec(name).preprocess
    assert (tuple(config["mean"]), tuple(config["std"]), config["crop_pct"]) == (ours.mean, ours.std, ours.crop)
    assert config["interpolation"] == ours.interpolation


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv2_100"])
def test_theirs_open_here(tmp_path, name):
    theirs = timm.create_model(name, num_classes=5).eval()
    timm.models.save_for_hf(theirs, tmp_path, model_config={"label_names": list("abcde")}, safe_serialization=True)
    ours, told = read_folder(tmp_path)
    sample = images(ours, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(sample), theirs(sample), rtol=1e-5, atol=1e-5)
    assert told.labels.names == tuple("abcde")
    assert told.preprocess.mean == theirs.pretrained_cfg["mean"]


def test_synsets_are_kept(tmp_path):
    model = create_model("tf_efficientnet_lite0")
    card = Card(architecture="tf_efficientnet_lite0")
    write_folder(model, tmp_path, preprocess=Preprocess(), labels=imagenet(), card=card)
    assert read_folder(tmp_path)[1].labels == imagenet()
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["label_names"][0] == "n01440764"
    assert config["label_descriptions"]["n01440764"] == "tench"


def test_another_name_may_be_given(tmp_path):
    written(tmp_path, "resnet50")
    assert read_folder(tmp_path, "resnet50_v1")[1].card.architecture == "resnet50"


def test_labels_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(UsageError, match="label"):
        write_folder(create_model("lenet5"), tmp_path, preprocess=Preprocess(), labels=Labels(("",) * 10), card=Card())
    assert os.listdir(tmp_path) == []


def _flip(folder):
    path = folder / "model.safetensors"
    contents = bytearray(path.read_bytes())
    contents[-100] ^= 1
    path.write_bytes(contents)


def _edit(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["topfive"].update(changes)
    path.write_text(json.dumps(config))


FAULTS = {
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "it has no model.safetensors"),
    "no config": (lambda folder: (folder / "config.json").unlink(), "it has no config.json"),
    "weights flipped": (_flip, "checksum"),
    "weights cut": (lambda folder: os.truncate(folder / "model.safetensors", 1000), "checksum"),
    "config empty": (lambda folder: (folder / "config.json").write_text(""), "not JSON"),
    "config of another kind": (lambda folder: (folder / "config.json").write_text("[1]"), "not a JSON object"),
    "config deep": (lambda folder: (folder / "config.json").write_text("[" * 200_000), "not JSON"),
    "config that says nothing": (lambda folder: (folder / "config.json").write_text("{}"), "says nothing"),
    "labels changed": (lambda folder: _edit(folder, labels={"names": list("vwxyz"), "synsets": []}), "checksum"),
    "newer format": (lambda folder: _edit(folder, format=3), "format 3"),
    "no format": (lambda folder: _edit(folder, format="os.system"), "format 'os.system'"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_damaged_folder_is_refused_in_one_line(tmp_path, name):
    written(tmp_path, "lenet5")
    read_folder(tmp_path)
    fault, says = FAULTS[name]
    fault(tmp_path)
    with pytest.raises(RefusedError) as refused:
        read_folder(tmp_path)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_foreign_name_is_looked_up_and_never_imported(tmp_path):
    theirs = timm.create_model("resnet18", num_classes=5)
    timm.models.save_for_hf(theirs, tmp_path, model_config={"label_names": list("abcde")}, safe_serialization=True)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"architecture": "os.system"}))
    with pytest.raises(RefusedError, match=r"unknown network .*os\.system"):
        read_folder(tmp_path)
