from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save
from timm.models import save_for_hf

from topfive.artifact import Card, Metadata
from topfive.errors import RefusedError
from topfive.export.folder import write_folder
from topfive.labels import Labels, imagenet
from topfive.models import create_model
from topfive.preprocess import Preprocess
from topfive.weights import hub, load_weights

LABELS = Labels(tuple("abcdefghij"))
PREPROCESS = Preprocess(size=28, crop=1, mean=(0.1,), std=(0.3,), pad=2)
CARD = Card(architecture="lenet5")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    weights = save(create_model("lenet5").state_dict())
    (tmp_path / hub.WEIGHTS).write_bytes(weights)
    said = hub.encode(Metadata(PREPROCESS, LABELS, CARD), weights)
    (tmp_path / hub.CONFIG).write_text(json.dumps({"architecture": "lenet5", hub.KEY: said}))
    return tmp_path


@pytest.mark.parametrize("inside", ["", hub.WEIGHTS])
def test_a_folder_says_how_its_network_is_fed(inside: str, folder: Path) -> None:
    loaded = load_weights(create_model("lenet5"), folder / inside)
    assert (loaded.preprocess, loaded.labels, loaded.architecture) == (PREPROCESS, LABELS, "lenet5")
    assert loaded.path == folder / hub.WEIGHTS


def test_what_export_writes_is_what_is_read(tmp_path: Path) -> None:
    source, model = create_model("lenet5"), create_model("lenet5")
    write_folder(source, tmp_path, preprocess=PREPROCESS, labels=LABELS, card=CARD)
    loaded = load_weights(model, tmp_path)
    assert (loaded.preprocess, loaded.labels, loaded.architecture) == (PREPROCESS, LABELS, "lenet5")
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in source.state_dict().items())


def test_a_config_for_other_weights_is_refused(folder: Path) -> None:
    (folder / hub.WEIGHTS).write_bytes(save(create_model("lenet5").state_dict()))
    with pytest.raises(RefusedError, match="checksum"):
        load_weights(create_model("lenet5"), folder)


def test_a_bit_flip_in_the_weights_is_seen(folder: Path) -> None:
    content = bytearray((folder / hub.WEIGHTS).read_bytes())
    content[-3] ^= 1
    (folder / hub.WEIGHTS).write_bytes(content)
    with pytest.raises(RefusedError, match="checksum"):
        load_weights(create_model("lenet5"), folder)


def test_a_folder_of_timm_says_so_too(tmp_path: Path) -> None:
    theirs = timm.create_model("resnet18", pretrained=False)
    save_for_hf(theirs, tmp_path, safe_serialization=True)
    loaded = load_weights(create_model("resnet18"), tmp_path)
    assert loaded.layout == "torchvision (or timm)"
    assert loaded.architecture == "resnet18"
    assert loaded.labels == imagenet()
    given = theirs.pretrained_cfg
    assert loaded.preprocess == Preprocess(
        size=given["input_size"][1],
        crop=given["crop_pct"],
        interpolation=given["interpolation"],
        mean=given["mean"],
        std=given["std"],
    )


@pytest.mark.parametrize("config", ["{}", '{"model_type": "resnet"}'])
def test_another_config_says_nothing(config: str, folder: Path) -> None:
    (folder / hub.CONFIG).write_text(config)
    loaded = load_weights(create_model("lenet5"), folder)
    assert (loaded.preprocess, loaded.labels, loaded.architecture) == (None, None, "")


def test_a_file_of_another_name_has_nothing_to_do_with_a_config_beside_it(folder: Path) -> None:
    (folder / hub.WEIGHTS).rename(folder / "best.safetensors")
    assert load_weights(create_model("lenet5"), folder / "best.safetensors").preprocess is None


def test_a_folder_with_an_artifact_alone_is_enough(tmp_path: Path) -> None:
    from topfive import builtin

    (tmp_path / "model.onnx").symlink_to(builtin.PATH)
    loaded = load_weights(create_model("tf_efficientnet_lite0"), tmp_path)
    assert loaded.architecture == "tf_efficientnet_lite0"
    assert loaded.path == tmp_path / "model.onnx"
