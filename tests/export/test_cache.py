from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from topfive import artifact, builtin
from topfive.cli import run
from topfive.data.places import cache_folder
from topfive.errors import RefusedError, UsageError
from topfive.export.cache import shipped
from topfive.models import create_model, spec

NAME = "shufflenet_v2_x0_5"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.save(create_model(NAME).state_dict(), tmp_path / "a.pt")
    return tmp_path / "a.pt"


def test_weights_become_an_artifact_once(weights: Path) -> None:
    path = shipped(str(weights), NAME)
    told = artifact.read(path)
    assert (told.card.architecture, told.preprocess) == (NAME, spec(NAME).preprocess)
    first = os.stat(path)
    assert shipped(str(weights), NAME) == path
    assert os.stat(path).st_mtime_ns == first.st_mtime_ns


def test_other_weights_become_another(weights: Path) -> None:
    before = shipped(str(weights), NAME)
    torch.save(create_model(NAME).state_dict(), weights)
    assert shipped(str(weights), NAME) != before


def test_a_damaged_one_is_made_again(weights: Path) -> None:
    path = shipped(str(weights), NAME)
    sound = path.read_bytes()
    path.write_bytes(sound[:-5])
    assert shipped(str(weights), NAME).read_bytes() == sound


def test_what_is_an_artifact_already_stays() -> None:
    assert shipped("imagenet") == builtin.PATH


def test_nothing_is_kept_of_what_cannot_be_read(weights: Path) -> None:
    with pytest.raises(UsageError, match="--model"):
        shipped(str(weights))
    with pytest.raises(RefusedError, match="first misfit"):
        shipped(str(weights), "resnet18")
    assert not list((cache_folder() / "artifacts").glob("*"))


def test_predict_takes_weights(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photograph = tmp_path / "a.jpg"
    photograph.write_bytes(artifact.read(builtin.PATH).golden[0].image)
    assert run(["predict", "--weights", str(weights), "--model", NAME, "--json", str(photograph)]) == 0
    captured = capsys.readouterr()
    line = json.loads(captured.out)
    assert (line["path"], len(line["predictions"])) == (str(photograph), 5)
    assert run(["predict", "--weights", "timm:resnet18", str(photograph)]) == 4
    assert capsys.readouterr().err.count("\n") == 1
