"""Folders as ImageNet's, made from photographs, measured here and by torchvision and numpy."""

from __future__ import annotations

import itertools
import json
import shutil

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from PIL import Image
from sklearn.datasets import load_sample_images
from torchvision.transforms import v2

from faults.artifacts import metadata, model
from topfive.artifact import attach
from topfive.cli import run
from topfive.data.ilsvrc import COUNT, KAGGLE, TENSORFLOW, list_validation
from topfive.errors import DataError
from topfive.labels import imagenet
from topfive.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess

SYNSETS = ("n01440764", "n02123045", "n03388043", "n03877845", "n15075141")
PER_CLASS = 3
SIZE, CROP = 32, 0.875  # short side 36
DRAW = np.random.default_rng(32)
WEIGHT = DRAW.normal(0, 2, (1000, 3)).astype(np.float32)
BIAS = DRAW.normal(0, 0.3, 1000).astype(np.float32)
PLACES = [imagenet().synsets.index(synset) for synset in SYNSETS]
BIAS[PLACES] += 3  # so that some are found, of a thousand
WEIGHT[PLACES] *= 1.3


MASK = np.zeros((3, 3, SIZE, SIZE), np.float32)  # each channel weighted more to the right: mirrors look different
MASK[[0, 1, 2], [0, 1, 2]] = np.linspace(0, 2 / SIZE**2, SIZE)
INITIALISERS = {"mask": MASK, "head.weight": WEIGHT, "head.bias": BIAS}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """A weighted mean of each channel, then a linear layer of a thousand classes."""
    proto = model(1000, SIZE)
    proto.graph.node[0].CopyFrom(onnx.helper.make_node("Conv", ["images", "mask"], ["pooled"]))
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in INITIALISERS.items())
    onnx.checker.check_model(proto)
    told = metadata(labels=imagenet(), golden=(), temperature=1.0, preprocess=Preprocess(size=SIZE, crop=CROP))
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    path.write_bytes(attach(proto.SerializeToString(), told))
    return str(path)


def photographs():
    """Pieces of two photographs, of many shapes: (synset, image)."""
    sources = load_sample_images().images
    for label, synset in enumerate(SYNSETS):
        for number in range(PER_CLASS):
            source = sources[(label + number) % 2]
            width, height = DRAW.integers(40, 130, 2)
            left, top = DRAW.integers(0, 400), DRAW.integers(0, 250)
            yield synset, Image.fromarray(source[top : top + height, left : left + width])


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Some class folders, as below val/, and the pictures read back from them in the order of the classes."""
    root = tmp_path_factory.mktemp("images")
    kept = []
    for number, (synset, image) in enumerate(photographs()):
        (root / synset).mkdir(exist_ok=True)
        path = root / synset / f"ILSVRC2012_val_{number + 1:08}.JPEG"
        image.save(path, "JPEG", quality=95)
        kept.append((synset, Image.open(path).convert("RGB")))
    return root, kept


def independent(pictures, crops=1, shorts=(36,), mirror=False):
    """Top-1, top-5 and negative log-likelihood by torchvision's transforms on Pillow's images and numpy."""
    finish = v2.Compose(
        [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    )
    top1 = top5 = nll = 0
    for synset, picture in pictures:
        views = []
        for short in shorts:
            scaled = v2.Resize(short)(picture)
            cut = [v2.CenterCrop(SIZE)(scaled)] if crops == 1 else list(v2.TenCrop(SIZE)(scaled))
            views += cut + [v2.functional.horizontal_flip(view) for view in cut] * (mirror and crops == 1)
        means = (torch.stack([finish(view) for view in views]).numpy()[:, None] * MASK).sum(axis=(2, 3, 4))
        logits = means @ WEIGHT.T + BIAS
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        average = (powers / powers.sum(axis=1, keepdims=True)).mean(axis=0)
        best = np.argsort(-average)[:5]
        truth = imagenet().synsets.index(synset)
        top1, top5, nll = top1 + (best[0] == truth), top5 + (truth in best), nll - np.log(average[truth])
    return top1 / len(pictures), top5 / len(pictures), pytest.approx(nll / len(pictures), abs=0.01)


def measured(artifact, folder, capsys, *arguments):
    assert run(["evaluate", artifact, str(folder), "--json", *arguments]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    return found, captured.err


def figures(found):
    return found["top1"], found["top5"], found["nll"]


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], {}),
        (["--mirror"], {"mirror": True}),
        (["--crops", "10"], {"crops": 10}),
        (["--scales", "0.9,1.0,1.14"], {"shorts": (32, 36, 41)}),
        (["--scales", "32,48,64", "--mirror"], {"shorts": (32, 48, 64), "mirror": True}),
        (["--scales", "1,2", "--crops", "10"], {"shorts": (36, 72), "crops": 10}),
    ],
)
def test_an_independent_count_agrees(artifact, images, capsys, arguments, asked):
    root, pictures = images
    found, said = measured(artifact, root, capsys, "--split", "all", *arguments)
    assert found["split"] == "all"
    assert found["n"] == len(SYNSETS) * PER_CLASS
    assert figures(found) == independent(pictures, **asked)
    assert 0 < found["top1"] < found["top5"] < 1, "a count that says nothing"
    assert "5 of the model's 1,000 classes; all of them compete" in said


def test_the_protocols_differ(images):
    """Else the test above would not see one taken for the other."""
    _, pictures = images
    asked = ({}, {"mirror": True}, {"crops": 10}, {"shorts": (32, 48, 64)})
    found = [independent(pictures, **each) for each in asked]
    assert len({each[:2] for each in found}) > 1
    assert all(one[2] != other[2].expected for one, other in itertools.combinations(found, 2))


@pytest.mark.parametrize(("parts", "taken"), [(("val",), "val"), (("test",), "test"), (("val", "test"), "test")])
def test_parts_without_train_are_taken_whole(artifact, images, tmp_path, capsys, parts, taken):
    root, pictures = images
    for part in parts:
        shutil.copytree(root, tmp_path / part)
    found, _ = measured(artifact, tmp_path, capsys)
    assert (found["split"], found["n"]) == (taken, len(pictures))
    found, _ = measured(artifact, tmp_path, capsys, "--split", parts[0])
    assert (found["split"], found["n"]) == (parts[0], len(pictures))


def test_a_part_that_is_not_there_is_3_and_all_of_two_parts_2(artifact, images, tmp_path, capsys):
    root, _ = images
    shutil.copytree(root, tmp_path / "val")
    assert run(["evaluate", artifact, str(tmp_path), "--split", "test"]) == 3
    assert "it has no test, only val" in capsys.readouterr().err
    shutil.copytree(root, tmp_path / "test")
    assert run(["evaluate", artifact, str(tmp_path), "--split", "all"]) == 2
    assert "holds val and test. Choose one of them" in capsys.readouterr().err


def test_a_folder_of_classes_is_divided_as_in_training_and_says_so(artifact, images, capsys):
    root, _ = images
    found, said = measured(artifact, root, capsys)
    assert (found["split"], found["n"]) == ("test", len(SYNSETS))
    assert "--split all takes every one" in said


def test_one_class_alone_can_be_measured(artifact, images, tmp_path, capsys):
    root, _ = images
    shutil.copytree(root / SYNSETS[0], tmp_path / SYNSETS[0])
    found, _ = measured(artifact, tmp_path, capsys, "--split", "all")
    assert found["n"] == PER_CLASS


def test_strange_classes_are_3_with_both_differences(artifact, images, tmp_path, capsys):
    root, _ = images
    shutil.copytree(root, tmp_path / "data")
    (tmp_path / "data" / SYNSETS[0]).rename(tmp_path / "data" / "n99999999")
    assert run(["evaluate", artifact, str(tmp_path / "data"), "--split", "all"]) == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "only the model has" in error
    assert "only the data has 'n99999999'" in error


def test_a_csv_file_is_taken_whole_when_asked(artifact, images, tmp_path, capsys):
    root, pictures = images
    rows = [f"{path.relative_to(root)},{path.parent.name}" for path in sorted(root.rglob("*.JPEG"))]
    (root / "list.csv").write_text("\n".join(["path,label", *rows]))
    found, _ = measured(artifact, root / "list.csv", capsys, "--split", "all")
    assert found["n"] == len(pictures)
    assert figures(found) == independent(pictures)


def test_a_named_set_has_no_whole(artifact, capsys):
    assert run(["evaluate", artifact, "digits", "--split", "all"]) == 2
    assert "Choose train, val, test" in capsys.readouterr().err


def flat(images, folder):
    """The published layout: all images side by side."""
    folder.mkdir(parents=True)
    for path in images[0].rglob("*.JPEG"):
        shutil.copy(path, folder / path.name)
    return [synset for synset, _ in images[1]]


def kaggle(folder, synsets):
    rows = [f"ILSVRC2012_val_{n:08},{synset} 1 2 30 40 {synset} 5 6 7 8 " for n, synset in enumerate(synsets, 1)]
    (folder / KAGGLE).write_text("\n".join(["ImageId,PredictionString", *rows, ""]))


def tensorflow(folder, synsets):
    (folder / TENSORFLOW).write_text("\n".join([*synsets, *["n01440764"] * (COUNT - len(synsets))]) + "\n")


@pytest.mark.parametrize("write", [kaggle, tensorflow])
@pytest.mark.parametrize("above", [False, True])
def test_the_published_validation_folder(artifact, images, tmp_path, capsys, write, above):
    synsets = flat(images, tmp_path / "imagenet" / "val")
    write(tmp_path / "imagenet" / ("" if above else "val"), synsets)
    for folder, split in ((tmp_path / "imagenet" / "val", "all"), (tmp_path / "imagenet", "val")):
        found, _ = measured(artifact, folder, capsys)
        assert (found["split"], found["n"]) == (split, len(synsets))
        assert figures(found) == independent(images[1])


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (None, "", "nothing says what they show"),
        ("ILSVRC2012_validation_ground_truth.txt", "490\n", "meta.mat"),
        (TENSORFLOW, "n01440764\n", "1 lines, not 50,000"),
        (TENSORFLOW, "cat\n" * COUNT, "image 1 shows cat, no synset"),
        (KAGGLE, "ImageId,PredictionString\nILSVRC2012_val_00000001,n01440764 1 2 3 4\n", "does not name ILSVRC2012"),
        (KAGGLE, "<!doctype html>", "is not an image and what it shows"),
        (KAGGLE, "\udcff", "can't decode"),
    ],
)
def test_a_list_that_is_missing_or_damaged_is_named(images, tmp_path, name, text, says):
    flat(images, tmp_path / "val")
    if name:
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError) as refused:
        list_validation(str(tmp_path / "val"))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_other_folders_are_not_taken_for_it(images):
    assert list_validation(str(images[0])) is None


@pytest.mark.parametrize(
    ("scales", "says"),
    [
        ("0.5", "18 pixels, and the network sees 32"),
        ("31", "Use 0.889 or more"),
        ("1,x", "'x' is no scale"),
        ("", "'' is no scale"),
        ("nan", "no scale"),
        ("1e9", "no scale"),
        ("-1", "no scale"),
    ],
)
def test_impossible_scales_are_2(artifact, images, capsys, scales, says):
    assert run(["evaluate", artifact, str(images[0]), "--scales", scales]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_144_crops_have_scales_of_their_own(artifact, images, capsys):
    assert run(["evaluate", artifact, str(images[0]), "--scales", "1,2", "--crops", "144"]) == 2
    assert "four scales of their own" in capsys.readouterr().err


def test_links_that_lead_out_are_followed_when_allowed(artifact, images, tmp_path, capsys):
    (tmp_path / "val").mkdir()
    for synset in SYNSETS:
        (tmp_path / "val" / synset).symlink_to(images[0] / synset)
    assert run(["evaluate", artifact, str(tmp_path)]) == 3
    assert "--follow-links" in capsys.readouterr().err
    found, _ = measured(artifact, tmp_path, capsys, "--follow-links")
    assert found["n"] == len(images[1])


def test_what_cannot_be_read_is_not_counted_and_is_7_when_strict(artifact, images, tmp_path, capsys):
    shutil.copytree(images[0], tmp_path / "val")
    (tmp_path / "val" / SYNSETS[0] / "bad.JPEG").write_bytes(b"<html>")
    assert run(["evaluate", artifact, str(tmp_path), "--json", "--strict"]) == 7
    captured = capsys.readouterr()
    assert json.loads(captured.out)["n"] == len(images[1])
    assert "1 images could not be read" in captured.err
