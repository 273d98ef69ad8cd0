from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from topfive.data import ArrayDataset, open_data
from topfive.models import spec
from topfive.recipe import recipe_from
from topfive.train import pace
from topfive.train.placement import enough
from topfive.train.recipes import quick

DIGITS = open_data("digits")


def recipe(**settings):
    base = dataclasses.asdict(quick(spec("lenet5"), DIGITS))
    return recipe_from({**base, "epochs": 10, "batch_size": 128, **settings})


def photographs(count=64):
    images = np.zeros((count, 3, 160, 160), np.uint8)
    part = ArrayDataset(images, np.arange(count) % 2, ("a", "b"), "x")
    return dataclasses.replace(DIGITS, train=part, val=part)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that each part of a step is said to take; which were asked for is kept."""

    class Clock:
        network, drawing, moving = 1.0, 0.0, 0.0
        images, looked = (), ()

    parts = itertools.cycle(("drawing", "moving"))

    def step_seconds(objective, images, targets, parts, looked):
        Clock.images += (tuple(images.shape),)
        Clock.looked += (looked,)
        return Clock.network

    def repeated(act):
        act()
        return getattr(Clock, next(parts))

    monkeypatch.setattr(pace, "step_seconds", step_seconds)
    monkeypatch.setattr(pace, "repeated", repeated)
    return Clock


def test_an_epoch_is_its_steps_and_a_third_of_as_much_an_image_answered(clock):
    steps = len(DIGITS.train) // 128
    assert pace.epoch_seconds(recipe(), DIGITS) == pytest.approx(steps + len(DIGITS.val) / 128 / 3)
    assert clock.images == ((128, 1, 32, 32),)


def test_a_step_draws_its_images_and_moves_the_weights(clock):
    before = pace.epoch_seconds(recipe(), DIGITS)
    clock.drawing, clock.moving = 0.25, 0.5
    assert pace.epoch_seconds(recipe(), DIGITS) == pytest.approx(1.75 * before)


def test_it_looks_the_longer_the_more_is_to_be_planned(clock):
    for within in (0.0, 100.0, 1e6):
        pace.epoch_seconds(recipe(), DIGITS, within)
    assert clock.looked == (0.0, 100 * pace.LOOK, pace.LONGEST)


def test_a_few_photographs_tell_the_pace_of_a_batch(clock):
    splits = photographs()
    wanted = recipe_from({"model": "mobilenet_v2", "batch_size": 64, "img_size": 224, "epochs": 10})
    few = enough(torch.empty(64, 1, 224, 224))
    clock.moving = 0.5
    whole = 64 / few + 0.5  # the weights are moved once, however many images there are
    assert pace.epoch_seconds(wanted, splits) == pytest.approx(whole + whole / 3)
    assert {shape[0] for shape in clock.images} == {few}


def test_growing_images_cost_less(monkeypatch):
    seen = []

    def by_pixels(recipe, splits, preprocess, state, epoch, looked):
        side = pace.side_at(recipe, preprocess.side, epoch)
        seen.append(side)
        return side**2

    monkeypatch.setattr(pace, "whole_step_seconds", by_pixels)
    settings = {"model": "resnet20_cifar", "img_size": 32}
    whole = pace.epoch_seconds(recipe(**settings), DIGITS)
    assert pace.epoch_seconds(recipe(**settings, start_size=8), DIGITS) < whole / 1.5
    assert seen == [32, 8, 32]


@pytest.mark.parametrize("settings", [{"aug_repeats": 4}, {"mixup": 0.2}, {"scale": (0.5, 1.0)}, {"model_ema": 0.0}])
def test_every_kind_of_batch_is_timed(settings):
    train = ArrayDataset(DIGITS.train.images[:9], DIGITS.train.labels[:9], DIGITS.train.classes, "digits")
    assert 0 < pace.epoch_seconds(recipe(**settings), dataclasses.replace(DIGITS, train=train)) < 10


def test_files_are_taken_as_large_as_they_are_read(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        for i in range(6):
            Image.new("RGB", (90, 70)).save(tmp_path / label / f"{i}.png")
    splits = open_data(str(tmp_path))
    wanted = recipe_from({"model": "mobilenet_v2", "batch_size": 4, "epochs": 1})
    noise = pace.noise(splits, pace.fed(wanted, splits), 4)
    assert noise.images.shape == (4, 3, 256, 256)
    assert noise.classes == ("a", "b")


def test_an_act_is_repeated_until_its_time_is_told(monkeypatch):
    now = iter(np.arange(0, 1000, 0.5))
    monkeypatch.setattr(pace.time, "perf_counter", lambda: float(next(now)))
    done = []
    assert pace.repeated(lambda: done.append(0)) == 0.5
    assert len(done) == 1 + pace.LEAST  # half seconds each: a second is over before three are there
