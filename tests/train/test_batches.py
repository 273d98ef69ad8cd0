from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from topfive.data import ArrayDataset, FileDataset
from topfive.preprocess import Preprocess
from topfive.recipe import recipe_from
from topfive.train import loading as module
from topfive.train.batches import MemoryBatches, StreamBatches, side_at, training_batches
from topfive.train.loading import EvaluationBatches


@pytest.fixture
def photographs(tmp_path):
    """Ten colour images of different shapes, as files."""
    draw = np.random.default_rng(0)
    paths = []
    for i in range(10):
        pixels = draw.integers(0, 256, (40 + 3 * i, 60 - 2 * i, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        paths.append(f"{i}.png")
    return FileDataset(str(tmp_path), tuple(paths), np.arange(10) % 2, ("a", "b"))


@pytest.fixture
def small():
    images = np.random.default_rng(1).integers(0, 256, (25, 1, 12, 12), dtype=np.uint8)
    return ArrayDataset(images, np.arange(25) % 5, tuple("abcde"), "small")


PREPROCESS = Preprocess(size=24, crop=0.75)
RECIPE = recipe_from({"model": "m", "batch_size": 4, "epochs": 3, "scale": [0.3, 1], "hflip": 0.5})


@pytest.mark.parametrize("kind", [MemoryBatches, StreamBatches])
def test_a_batch_is_a_function_of_its_place(kind, photographs):
    first, second = (kind(photographs, RECIPE, PREPROCESS, workers) for workers in (1, 3))
    in_order = [first.at(epoch, index) for epoch in range(2) for index in range(first.steps)]
    alone = second.at(1, 1)
    images, labels = in_order[first.steps + 1]
    assert torch.equal(images, alone[0])
    assert torch.equal(labels, alone[1])
    assert images.shape == (4, 3, 24, 24)
    assert not torch.equal(in_order[0][0], in_order[first.steps][0]), "epochs differ"


def test_an_epoch_visits_each_image_at_most_once_and_leaves_out_the_incomplete_batch(small):
    recipe = recipe_from({"model": "m", "batch_size": 4})
    batches = MemoryBatches(small, recipe, Preprocess(size=12, crop=1, mean=(0.5,), std=(0.5,)))
    names = [name for index in range(batches.steps) for name in batches.names(0, index)]
    assert (batches.steps, len(names), len(set(names))) == (6, 24, 24)


def test_a_data_set_smaller_than_a_batch_is_one_batch(small):
    recipe = recipe_from({"model": "m", "batch_size": 400})
    batches = MemoryBatches(small, recipe, Preprocess(size=12, crop=1, mean=(0.5,), std=(0.5,)))
    assert batches.steps == 1
    assert len(batches.at(0, 0)[0]) == 25


def test_without_augmentation_training_sees_what_the_shipped_file_sees(small):
    preprocess = Preprocess(size=16, crop=1, mean=(0.4,), std=(0.2,))
    batches = MemoryBatches(small, recipe_from({"model": "m", "batch_size": 25}), preprocess)
    images, _ = batches.at(0, 0)
    for name, image in zip(batches.names(0, 0), images.numpy(), strict=True):
        pixels = small.images[int(name.split("/")[-1])][0]
        np.testing.assert_array_equal(image, preprocess.normalise(preprocess.pixels(pixels)[None])[0])


def test_what_does_not_fit_in_memory_is_streamed(photographs, monkeypatch):
    assert isinstance(training_batches(photographs, RECIPE, PREPROCESS, 1), MemoryBatches)
    monkeypatch.setattr(module, "memory_bytes", lambda: 1000)
    assert isinstance(training_batches(photographs, RECIPE, PREPROCESS, 1), StreamBatches)


def test_evaluation_is_the_same_from_memory_and_from_disk(photographs, monkeypatch):
    held = [tuple(map(torch.clone, pair)) for pair in EvaluationBatches(photographs, PREPROCESS, 4, 2)]
    monkeypatch.setattr(module, "memory_bytes", lambda: 1000)
    streamed = list(EvaluationBatches(photographs, PREPROCESS, 4, 2))
    assert len(held) == len(streamed) == 3
    for (images, labels), (others, theirs) in zip(held, streamed, strict=True):
        assert torch.equal(images, others)
        assert torch.equal(labels, theirs)


@pytest.mark.parametrize("kind", [MemoryBatches, StreamBatches])
def test_scale_jitter_zooms_within_its_range(kind, tmp_path):
    """A ramp of 3 grey levels a pixel, 60 high, resized to 30 to 60 pixels: 6 to 3 levels a pixel of the crop."""
    ramp = np.broadcast_to(np.arange(0, 240, 3, dtype=np.uint8)[None, :, None], (60, 80, 3))
    for i in range(16):
        Image.fromarray(np.ascontiguousarray(ramp)).save(tmp_path / f"{i}.png")
    files = FileDataset(str(tmp_path), tuple(f"{i}.png" for i in range(16)), np.zeros(16, dtype=np.int64), ("a",))
    preprocess = Preprocess(size=24, crop=0.4, mean=(0.0,) * 3, std=(1.0,) * 3)
    recipe = recipe_from({"model": "m", "batch_size": 16, "resize": (1.25, 2.5)})
    images, _ = kind(files, recipe, preprocess, 2).at(0, 0)
    slopes = 255 * (images[:, 0, 12, 20] - images[:, 0, 12, 4]) / 16
    assert 2.9 < float(slopes.min()) < 3.8
    assert 4.5 < float(slopes.max()) < 6.1
    assert float(images[:, 0, 12, 12].std()) > 0.02, "from differing places"


@pytest.mark.parametrize(
    ("epochs", "sides"),
    [
        (1, [28]),
        (2, [16, 28]),
        (3, [16, 24, 28]),
        (4, [16, 20, 24, 28]),
        (5, [16, 20, 24, 28, 28]),
        (11, [16] * 3 + [20] * 2 + [24] * 2 + [28] * 4),
    ],
)
def test_images_grow_by_stages_of_which_the_last_is_twice_as_long(epochs, sides):
    recipe = recipe_from({"model": "resnet20_cifar", "epochs": epochs, "start_size": 16})
    assert [side_at(recipe, 28, epoch) for epoch in range(epochs)] == sides


def test_images_that_do_not_grow_are_whole():
    recipe = recipe_from({"model": "resnet20_cifar", "epochs": 5})
    assert {side_at(recipe, 28, epoch) for epoch in range(5)} == {28}
