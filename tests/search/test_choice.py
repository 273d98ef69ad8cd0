"""What a search is where nothing is named, and what the named things change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from faults.datasets import good
from heard import Heard
from topfive.data import open_data
from topfive.errors import UsageError
from topfive.models import spec
from topfive.search.choice import TRAINING, VALIDATION, budget_for, check_names, divided, settings_for
from topfive.search.finals import recipe_of
from topfive.search.settings import Config, Source, in_memory, read_config, write_config
from topfive.train.fit import Silent


@pytest.fixture(scope="module")
def digits():
    return open_data("digits")


def test_small_images_are_searched_for_cells(digits):
    heard = Heard()
    settings = settings_for(digits, {}, heard)
    assert (settings.space, settings.strategy, settings.objective) == ("pnas-small", "evolution", "accuracy")
    assert (settings.side, settings.trial_side, settings.channels) == (8, 8, 1)
    assert settings.training + settings.validation == len(digits.train)
    assert len(heard.lines) == 4
    assert "pnas-small" in heard.lines[1]


def test_a_limit_asks_for_blocks_and_for_its_reward(digits):
    slow = settings_for(digits, {"max_latency": 0.002}, Silent())
    assert (slow.space, slow.objective, slow.target) == ("mnasnet-small", "hard", ("latency", 2.0))
    big = settings_for(digits, {"max_macs": 10**6}, Silent())
    assert (big.space, big.objective, big.target) == ("mnasnet-small", "accuracy", ("macs", 1e6))


def test_what_is_named_is_as_asked(digits):
    heard = Heard()
    settings = settings_for(digits, {"space": "chain-small", "strategy": "random", "epochs": 1, "seed": 7}, heard)
    assert (settings.space, settings.strategy, settings.epochs, settings.seed) == ("chain-small", "random", 1, 7)
    assert "as asked" in heard.lines[1]
    assert "as asked" in heard.lines[2]


def test_photographs_are_read_once_and_small(tmp_path):
    splits = open_data(str(good(tmp_path / "data", count=6)))
    settings = settings_for(splits, {}, Silent())
    assert (settings.side, settings.channels) == (96, 3)
    kept = in_memory(splits, 12)
    assert kept.train.images.shape == (len(splits.train), 3, 12, 12)
    assert kept.train.labels.tolist() == splits.train.labels.tolist()


def test_images_in_memory_keep_their_channels_and_lose_their_size(digits):
    kept = in_memory(digits, 4)
    assert kept.train.images.shape[1:] == (1, 4, 4)
    assert np.array_equal(in_memory(digits, 8).train.images, digits.train.images)


def test_the_second_look_is_at_whole_networks_by_the_recipe_of_the_end(digits):
    settings = settings_for(digits, {"epochs": 1}, Silent())
    model = "pnas:n1-f16-s8-c1:separable_3x3@0+max_3x3@0"
    trial, look = settings.plan(digits).evaluate, settings.closer(digits)
    assert trial.transfer(model) != look.transfer(model) == model
    recipe = look.evaluate.recipe
    end = recipe_of(model, digits, recipe.epochs, None, seed=0)
    assert recipe == dataclasses.replace(end, model="", img_size=None)
    assert not {*map(bytes, look.evaluate.splits.val.images)} & {*map(bytes, digits.test.images)}
    measured = look(model, 0)
    assert len(measured.curve) == recipe.epochs == 3
    assert measured.macs == spec(model).facts.macs
    assert measured.accuracy > 0.5


@pytest.mark.parametrize(("images", "side"), [(60_000, 16), (1000, 16), (3, 8), (1, 8), (60_000, 54)])
def test_a_trial_learns_from_some_images_and_is_judged_on_others(images, side):
    training, validation = divided(images, side)
    assert 1 <= training <= TRAINING
    assert 1 <= validation <= VALIDATION
    assert training + validation <= max(2, images)


def test_the_time_is_shared():
    """A fifth of what the trainings leave is kept for the second look."""
    assert budget_for(None, None, None).search_seconds == pytest.approx(0.8 * 0.7 * 3600)
    assert budget_for(600.0, None, 0.0).search_seconds == pytest.approx(480.0)
    assert budget_for(600.0, None, 100.0).search_seconds == pytest.approx(320.0)
    by_trials = budget_for(None, 50, None)
    assert (by_trials.time, by_trials.search_seconds, by_trials.trials) == (None, None, 50)
    with pytest.raises(UsageError, match="leave nothing"):
        budget_for(60.0, None, 30.0)


@pytest.mark.parametrize(
    ("wishes", "why"),
    [
        ({"space": "pnsa"}, "did you mean 'pnas'"),
        ({"strategy": "randm"}, "did you mean 'random'"),
        ({"objective": "hrad"}, "did you mean 'hard'"),
        ({"objective": "hard"}, "State a limit"),
    ],
)
def test_names_are_checked_before_images_are_read(wishes, why):
    with pytest.raises(UsageError, match=why):
        check_names(wishes)


def test_a_configuration_is_read_as_it_was_written(digits, tmp_path):
    settings = settings_for(digits, {"max_latency": 0.002}, Silent())
    config = Config(source=Source(source="digits", split_seed=3), settings=settings, budget=budget_for(None, 3, None))
    write_config(tmp_path, config)
    assert read_config(tmp_path) == config


def test_a_plan_tells_all_that_decides_its_trials(digits):
    settings = settings_for(digits, {}, Silent())
    head = settings.plan(digits).head
    assert head["asked"] == dataclasses.asdict(settings)
    assert head["asked"]["fingerprint"] == digits.fingerprint
    assert len(str(head)) < 20_000, "no image stands in it"
