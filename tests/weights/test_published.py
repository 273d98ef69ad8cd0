from __future__ import annotations

import hashlib
import urllib.error
from pathlib import Path
from typing import IO

import pytest
import timm
import torch
import torchvision

from topfive.data.places import data_folder
from topfive.errors import RefusedError, ResourceError, UsageError
from topfive.models import create_model, list_models
from topfive.preprocess import Preprocess
from topfive.weights import counterparts, download, load_weights, published, resolve
from topfive.weights.published import File


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, and empty caches."""

    def opened(url: str) -> IO[bytes]:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(download, "opened", opened)
    monkeypatch.setenv("TOPFIVE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> tuple[File, bytes]:
    """torchvision's shufflenet_v2_x0_5 as if it had been published with other weights, and the content of its file."""
    import io

    buffer = io.BytesIO()
    torch.save(torchvision.models.shufflenet_v2_x0_5(weights=None).state_dict(), buffer)
    content = buffer.getvalue()
    file = File(
        f"https://download.pytorch.org/models/shufflenetv2_x0.5-{hashlib.sha256(content).hexdigest()[:8]}.pth",
        Preprocess(size=224, crop=224 / 256),
    )
    monkeypatch.setattr(published, "_of_torchvision", lambda _: file)
    monkeypatch.setattr(published, "_published", lambda: {file.name: file})
    return file, content


@pytest.mark.parametrize("below", ["data/weights/torchvision", "torch/hub/checkpoints"])
def test_torchvisions_file_is_found_checked_and_fed_as_it_says(
    below: str, small: tuple[File, bytes], tmp_path: Path
) -> None:
    file, content = small
    folder = tmp_path / below
    folder.mkdir(parents=True)
    (folder / file.name).write_bytes(content)
    path = resolve("torchvision", "shufflenet_v2_x0_5")
    assert path == folder / file.name
    loaded = load_weights(create_model("shufflenet_v2_x0_5"), path)
    assert (loaded.layout, loaded.preprocess) == ("torchvision", file.preprocess)
    (folder / file.name).write_bytes(content[:-1] + b"\1")
    for attempt in (lambda: resolve("torchvision", "shufflenet_v2_x0_5"), lambda: published.said_of(path)):
        with pytest.raises(RefusedError, match="is in its name"):
            attempt()


def test_offline_one_line_says_which_file_goes_where() -> None:
    with pytest.raises(ResourceError) as caught:
        resolve("torchvision", "resnet50")
    line = str(caught.value)
    assert "https://download.pytorch.org/models/resnet50-11ad3fa6.pth" in line
    assert line.endswith(f"into {data_folder() / 'weights' / 'torchvision'}")
    with pytest.raises(ResourceError) as caught:
        resolve("timm", "resnet50")
    assert "https://huggingface.co/timm/resnet50.a1_in1k/resolve/main/model.safetensors" in str(caught.value)


def test_a_file_of_ones_own_with_such_a_name_is_nothing_special(tmp_path: Path) -> None:
    (tmp_path / "run-20241122.pth").write_bytes(b"x")
    assert published.said_of(tmp_path / "run-20241122.pth") is None


@pytest.mark.parametrize(
    ("library", "model", "says"),
    [
        ("torchvision", "tf_efficientnet_b0", "computes as tf_efficientnet_b0 does. Choose --model efficientnet_b0"),
        ("torchvision", "resnet50_v1", "Choose --model resnet50"),
        ("timm", "resnet50_v1", "Choose --model resnet50"),
        ("timm", "efficientnet_b5", "Choose --model tf_efficientnet_b5"),
        ("timm", "efficientnet_lite3", "it publishes none for efficientnet_lite3"),
        ("timm", "lenet5", "computes as lenet5 does. Give a file"),
    ],
)
def test_where_there_is_none_it_says_what_is_near(library: str, model: str, says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        resolve(library, model)


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_a_library_needs_a_network(library: str) -> None:
    with pytest.raises(UsageError, match="--model"):
        resolve(library)


def test_every_file_of_torchvision_says_how_it_is_fed() -> None:
    library = torchvision.models
    for name in library.list_models(library):
        for weights in library.get_model_weights(name):
            file, presets = published._file(weights), weights.transforms()
            assert file.digest in file.name
            assert len(file.digest) >= 8
            assert (file.preprocess.size, file.preprocess.resize_side) == (presets.crop_size[0], presets.resize_size[0])
            turned = name in ("googlenet", "inception_v3")
            assert file.preprocess.mean == ((0.5,) * 3 if turned else tuple(presets.mean))


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_networks_of_torchvision_that_take_the_statistics_off_again(name: str) -> None:
    """Why these two are fed otherwise than torchvision says: with published weights it has `transform_input`."""
    library = torchvision.models
    with torch.device("meta"):
        network = library.get_model(name, weights=None, transform_input=True, init_weights=False)
    pixels = torch.rand(2, 3, 4, 4)
    said = library.get_model_weights(name).DEFAULT.transforms()
    mean, std = (torch.tensor(values)[:, None, None] for values in (said.mean, said.std))
    torch.testing.assert_close(network._transform_input((pixels - mean) / std), (pixels - 0.5) / 0.5)


def test_the_tags_are_those_that_timm_takes() -> None:
    """Of timm 1.0.31, which wrote the table; a later timm may take others, and ours stay good."""
    for name, tag in counterparts.TAGS.items():
        assert timm.is_model(name), name
        published = timm.list_pretrained(f"{name}.*")
        assert f"{name}.{tag}" in published if tag else not published, name


def test_every_network_of_ours_with_timms_name_is_in_the_table() -> None:
    networks = timm.list_models()  # without the names that timm has given up, of which tf_inception_v3 is one
    for name in list_models():
        theirs = counterparts._IN_TIMM.get(name, name)
        assert theirs not in networks or theirs in counterparts.TAGS, name
    assert counterparts.of_timm("mobilenetv2_100") == "mobilenet_v2"
    assert counterparts.of_timm("resnet50") == "resnet50"
