from __future__ import annotations

import contextlib
import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faults.artifacts import png
from topfive.artifact import Card
from topfive.cli import run
from topfive.cli.explain import class_of
from topfive.errors import UsageError
from topfive.export.folder import write_folder
from topfive.labels import Labels
from topfive.models import create_model
from topfive.preprocess import Preprocess

SIDE = 32
LABELS = Labels(("red", "green", "blue"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A run folder whose network has learnt nothing."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    network = create_model("resnet20_cifar", num_classes=3)
    for _ in range(20):  # for its normalisation
        network.train()(torch.randn(8, 3, SIDE, SIDE))
    preprocess = Preprocess(size=SIDE, crop=1.0)
    write_folder(network, folder, preprocess=preprocess, labels=LABELS, card=Card(architecture="resnet20_cifar"))
    return str(folder)


@pytest.fixture
def pictures(tmp_path):
    folder, random = tmp_path / "pictures", np.random.default_rng(0)
    folder.mkdir()
    for name in "abc":
        Image.fromarray(random.integers(0, 256, (40, 50, 3), np.uint8)).save(folder / f"{name}.png")
    return folder


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_one_line_a_path_one_picture_a_method_and_a_page(model, pictures, tmp_path, capsys):
    (pictures / "bad.jpg").write_bytes(b"<html>")
    out = tmp_path / "out"
    methods = ("grad-cam", "grad-cam++", "occlusion", "integrated-gradients")
    asked = [argument for name in methods for argument in ("--method", name)]
    assert run(["explain", str(pictures), "--model", model, "--out", str(out), "--json", "--top", "2", *asked]) == 0
    found = lines(capsys.readouterr().out)
    assert [line["path"] for line in found] == [str(pictures / name) for name in ("a.png", "b.png", "bad.jpg", "c.png")]
    assert found[2] == {"path": str(pictures / "bad.jpg"), "error": "not an image: HTML"}
    first = found[0]["explanations"]
    assert [(one["method"], one["label"]) for one in first[:2]] == [
        ("grad-cam", first[0]["label"]),
        ("grad-cam", first[1]["label"]),
    ]
    assert first[0]["probability"] >= first[1]["probability"]
    assert {one["method"] for one in first} == set(methods)
    assert len(list(out.glob("*.png"))) == 3 * len(methods)
    for line in found:
        for one in line.get("explanations", []):
            with Image.open(one["file"]) as image:
                assert image.size == (3 * SIDE, SIDE)
    page = (out / "index.html").read_text()
    assert page.count("<img") == 3 * len(methods) * 3
    assert "not an image: HTML" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page), "the page must need nothing beside it"


def test_a_sheet_of_channels(model, pictures, tmp_path, capsys):
    out = tmp_path / "out"
    command = [
        "explain",
        str(pictures),
        "--model",
        model,
        "--out",
        str(out),
        "--method",
        "deconvnet",
        "--method",
        "guided",
    ]
    assert run([*command, "--layer", "stages.0", "--json"]) == 0
    found = lines(capsys.readouterr().out)
    assert sorted(path.name for path in out.iterdir()) == [
        "deconvnet-stages.0.png",
        "guided-stages.0.png",
        "index.html",
    ]
    patches = [patch for line in found for patch in line["patches"]]
    assert {patch["method"] for patch in patches} == {"deconvnet", "guided"}
    assert {patch["rank"] for patch in patches} == {1, 2, 3}
    assert len({patch["channel"] for patch in patches}) == (out / "index.html").read_text().count("<img") / 2


def test_the_built_in_classifier_is_the_default(pictures, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["explain", str(pictures / "a.png"), "--out", str(out), "--class", "n02123159"]) == 0
    said = capsys.readouterr().out
    assert "tiger cat" in said
    assert said.splitlines()[-1] == str(out / "index.html")
    assert (out / "0001-a-grad-cam.png").exists()


def test_strict_counts_what_could_not_be_read(model, pictures, tmp_path, capsys):
    (pictures / "bad.jpg").write_bytes(b"")
    command = ["explain", str(pictures), "--model", model, "--out", str(tmp_path / "out")]
    assert run(command) == 0
    assert "bad.jpg: empty file" in capsys.readouterr().err
    assert run([*command, "--strict"]) == 7
    assert "1 of 4 files" in capsys.readouterr().err


def test_names_that_are_hostile_stay_text(model, pictures, tmp_path, capsys):
    name = "<script>alert(1)</script>\u202e" + "x" * 150 + ".png"
    folder = tmp_path / "hostile"
    folder.mkdir()
    path = folder / name.replace("/", "-")
    path.write_bytes(png((200, 10, 10)))
    out = tmp_path / "out"
    assert run(["explain", str(path), "--model", model, "--out", str(out)]) == 0
    page = (out / "index.html").read_text()
    assert "<script" not in page
    assert "\u202e" not in page
    assert "\u202e" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("extra", "code", "why"),
    [
        (["--method", "gradcam"], 2, "did you mean 'grad-cam'"),
        (["--class", "gren"], 2, "did you mean 'green'"),
        (["--class", "3"], 2, "none of the 3 classes"),
        (["--layer", "stagse.1"], 2, "did you mean 'stages.1'"),
        (["--layer", "head"], 2, "no maps"),
        (["--layer", "stages.1", "--method", "occlusion"], 2, "looks at no layer"),
        (["--top", "0"], 2, "--top"),
        (["--model", "gone.onnx"], 4, "no such file"),
    ],
)
def test_what_cannot_be_meant_is_named(model, pictures, tmp_path, capsys, extra, code, why):
    assert run(["explain", str(pictures), "--model", model, "--out", str(tmp_path / "out"), *extra]) == code
    said = capsys.readouterr().err
    assert why in said
    assert "Traceback" not in said


def test_a_file_is_no_folder_for_pictures(model, pictures, tmp_path, capsys):
    (tmp_path / "out").write_text("kept")
    assert run(["explain", str(pictures), "--model", model, "--out", str(tmp_path / "out")]) == 5
    assert "cannot write" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "kept"


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5, unique=True), st.text())
def test_a_class_is_meant_by_its_name_or_its_number(names, other):
    labels = Labels(tuple(names))
    for index, name in enumerate(names):
        assert class_of(name, labels) == index
    with contextlib.suppress(UsageError):
        found = class_of(other, labels)
        assert other.casefold() == names[found].casefold() or int(other) == found


def test_a_name_that_two_classes_have_is_no_answer():
    labels = Labels(("crane", "cat", "crane"), ("n1", "n2", "n3"))
    assert class_of("n3", labels) == 2
    assert class_of("CAT", labels) == 1
    with pytest.raises(UsageError, match="2 classes have this name: 0, 2"):
        class_of("crane", labels)
