from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from faults.datasets import good
from topfive.data import ArrayDataset, Splits, open_data
from topfive.errors import UsageError
from topfive.models import list_models, spec
from topfive.preprocess import Preprocess
from topfive.train import recipe_from
from topfive.train.placement import Placement
from topfive.train.plan import build, check_same, configuration, continued, preprocess_for, rehearse, takes

DIGITS = open_data("digits")


def arrays(side: int, channels: int = 3, count: int = 12) -> Splits:
    images = np.random.default_rng(side).integers(0, 256, (count, channels, side, side), dtype=np.uint8)
    labels = np.arange(count, dtype=np.int64) % 3
    parts = [ArrayDataset(images, labels, ("a", "b", "c"), f"x/{name}") for name in ("train", "val", "test")]
    return Splits("x", *parts, fingerprint=f"{side} {channels}", mirror=True)


@pytest.mark.parametrize(
    ("model", "native", "size", "pad"),
    [
        ("lenet5", 28, 28, 2),  # MNIST is framed, as in the paper
        ("lenet5", 32, 32, 0),
        ("lenet5", 8, 32, 0),
        ("resnet20_cifar", 32, 32, 0),
        ("resnet20_cifar", 28, 28, 0),  # fully convolutional: as they are
        ("resnet18", 32, 64, 0),
        ("resnet18", 28, 64, 0),
        ("alexnet_paper", 28, 227, 0),  # takes its own size alone
    ],
)
def test_images_in_memory_get_the_size_that_suits_the_network(model, native, size, pad):
    splits = arrays(native, channels=1)
    recipe = recipe_from({"model": model})
    found = preprocess_for(recipe, splits)
    assert (found.size, found.pad, found.crop) == (size, pad, 1.0)
    assert takes(spec(model), found.side)
    rehearse(recipe, splits, found)


@pytest.mark.parametrize("name", [n for n in list_models() if spec(n).facts.params < 7e7 and "1202" not in n][::12])
def test_every_network_learns_from_small_images_as_they_come(name):
    splits = arrays(28)
    recipe = recipe_from({"model": name})
    rehearse(recipe, splits, preprocess_for(recipe, splits))


def test_a_misspelt_policy_fails_before_images_are_loaded():
    recipe = recipe_from({"model": "lenet5", "aa": "trivail"})
    with pytest.raises(UsageError, match="did you mean 'trivial'"):
        rehearse(recipe, DIGITS, preprocess_for(recipe, DIGITS))


def test_photographs_keep_the_networks_own_geometry(tmp_path):
    splits = open_data(str(good(tmp_path)))
    own = spec("resnet18").preprocess
    found = preprocess_for(recipe_from({"model": "resnet18"}), splits)
    assert (found.size, found.crop, found.interpolation) == (own.size, own.crop, own.interpolation)
    smaller = preprocess_for(recipe_from({"model": "resnet18", "img_size": 96}), splits)
    assert (smaller.size, smaller.crop) == (96, own.crop)


def test_weights_bring_their_own_preprocessing():
    given_ = Preprocess(size=100, crop=0.9, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    recipe = recipe_from({"model": "resnet18"})
    assert preprocess_for(recipe, DIGITS, given_) == given_
    other = preprocess_for(dataclasses.replace(recipe, img_size=64), DIGITS, given_)
    assert (other.size, other.crop, other.mean, other.std) == (64, 1.0, given_.mean, given_.std)


def test_mean_and_deviation_are_those_of_the_training_images():
    splits = arrays(16)
    pixels = splits.train.images / 255
    found = preprocess_for(recipe_from({"model": "resnet20_cifar"}), splits)
    assert found.mean == pytest.approx(pixels.mean((0, 2, 3)), abs=1e-4)
    assert found.std == pytest.approx(pixels.std((0, 2, 3)), abs=1e-4)
    grey = preprocess_for(recipe_from({"model": "lenet5"}), arrays(32, channels=1))
    assert len(grey.mean) == len(grey.std) == 1
    colour = preprocess_for(recipe_from({"model": "resnet20_cifar"}), arrays(32, channels=1))
    assert len(colour.mean) == 3
    assert len(set(colour.mean)) == 1, "grey in three channels"


def test_images_without_contrast_do_not_divide_by_nothing():
    splits = arrays(32, channels=1)
    flat = dataclasses.replace(splits.train, images=np.zeros_like(splits.train.images))
    found = preprocess_for(recipe_from({"model": "lenet5"}), dataclasses.replace(splits, train=flat))
    assert found.std[0] > 0


def test_the_head_is_that_of_the_data():
    assert build(recipe_from({"model": "resnet20_cifar"}), arrays(32)).num_classes == 3


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "vgg11", "img_size": 8}, "img-size"),
        ({"model": "mobilenet_v2", "img_size": 32, "batch_size": 1}, "batch-size"),
        ({"model": "lenet5", "img_size": 30}, "32x32"),
    ],
)
def test_what_the_network_cannot_learn_from_is_said(changes, says):
    recipe = recipe_from(changes)
    with pytest.raises(UsageError, match=says):
        rehearse(recipe, DIGITS, preprocess_for(recipe, DIGITS))


OWN = preprocess_for(recipe_from({"model": "lenet5"}), DIGITS)


def planned(splits=DIGITS, **settings):
    recipe = recipe_from({"model": "lenet5", **settings})
    source = {"source": "digits", "root": None}
    config = configuration(recipe, splits, OWN, Placement(1, True), source)
    return recipe, yaml.safe_load(yaml.safe_dump(config))


@given(st.integers(1, 500), st.floats(1e-9, 1e3), st.floats(0.01, 1), st.booleans())
def test_a_configuration_survives_its_file(epochs, lr, smallest, amp):
    recipe, config = planned(epochs=epochs, lr=lr, scale=(smallest, 1.0), amp=amp)
    assert recipe_from(config["recipe"]) == recipe
    assert Placement(**config["placement"]) == Placement(1, True)
    assert Preprocess(**config["preprocess"]) == OWN
    assert check_same(config, recipe, DIGITS) == []


def test_what_a_run_went_on_with_is_on_record():
    _, config = planned()
    other = dataclasses.replace(DIGITS, fingerprint="other")
    once = continued(config, other, ["the images changed"], 7)
    twice = continued(once, other, ["torch 1 -> 2"], 9)
    assert twice["data"]["fingerprint"] == "other"
    assert twice["data"]["source"] == "digits"
    assert [entry["step"] for entry in twice["resumed"]] == [7, 9]
    assert "resumed" not in config
