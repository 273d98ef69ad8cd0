from __future__ import annotations

import copy

import pytest
import torch

from topfive.models import create_model
from topfive.recipe import recipe_from
from topfive.train import placement as placements
from topfive.train.loss import cross_entropy
from topfive.train.objective import Objective
from topfive.train.placement import Placement, choose_placement


def choose(model, **more):
    images, labels = torch.rand(4, 1, 32, 32), torch.arange(4)
    objective = Objective(model, cross_entropy, recipe_from({"model": "lenet5"}))
    return choose_placement(objective, images, labels, name="lenet5", **more)


def test_what_is_given_is_not_measured(monkeypatch):
    monkeypatch.setattr(placements, "_fastest", lambda trials: 1 / 0)
    assert choose(create_model("lenet5"), threads=1, channels_last=True) == Placement(1, True)


def test_the_trial_leaves_the_network_as_it_was():
    model = create_model("lenet5")
    before = copy.deepcopy(model.state_dict())
    chosen = choose(model, threads=1)
    assert chosen.threads == 1
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def arms(seconds):
    """Trials that take these seconds, after a first one that does not count."""
    return {placement: iter([99.0, *values]).__next__ for placement, values in seconds.items()}


def test_the_least_median_wins():
    one, two = Placement(1, False), Placement(1, True)
    assert placements._fastest(arms({one: [3.0, 9.0, 3.0, 3.0, 3.0], two: [2.0, 2.0, 8.0, 9.0, 2.0]})) == two


@pytest.mark.parametrize(("seconds", "threads"), [(0.9, 1), (0.8, 2)])
def test_a_second_thread_must_pay(seconds, threads):
    found = placements._fastest(arms({Placement(1, False): [1.0] * 5, Placement(2, False): [seconds] * 5}))
    assert found.threads == threads


def test_the_answer_is_kept_for_this_machine_network_and_shape(tmp_path, monkeypatch):
    cache = tmp_path / "deep" / "placement.json"
    first = choose(create_model("lenet5"), cache=cache)
    monkeypatch.setattr(placements, "_fastest", lambda trials: 1 / 0)
    assert choose(create_model("lenet5"), cache=cache) == first


def test_a_damaged_cache_is_measured_again(tmp_path):
    cache = tmp_path / "placement.json"
    for text in ("{", "[]", '{"x": 3}', '{"x": {"threads": 1}}'):
        cache.write_text(text)
        assert choose(create_model("lenet5"), threads=1, cache=cache).threads == 1


@pytest.mark.parametrize(("shape", "few"), [((128, 1, 28, 28), 128), ((32, 3, 224, 224), 7), ((16, 3, 600, 600), 4)])
def test_a_few_photographs_tell_the_speed(shape, few):
    assert placements.enough(torch.empty(shape)) == few


@pytest.mark.parametrize(
    ("looked", "timed", "expected"),
    [
        (0.0, [1.5, 2.5] * 5, (5 * 1.5 + 4 * 2.5) / 9),
        (30.0, [1.5] * 19 + [9.0], 1.5),  # a hiccup does not count
        (50.0, [1.0] * 14 + [9.0] * 4, (14 * 1.0 + 3 * 9.0) / 17),  # what is often slow does
    ],
)
def test_a_step_takes_the_mean_of_its_rounds_in_the_fastest_placement(monkeypatch, looked, timed, expected):
    seconds = iter([9.0, *[1.0] * placements.ROUNDS, *timed])
    monkeypatch.setattr(placements, "available_cores", lambda: 1)
    monkeypatch.setattr(placements, "_trial", lambda *_: seconds.__next__)
    objective = Objective(create_model("lenet5"), cross_entropy, recipe_from({"model": "lenet5"}))
    images, targets = torch.empty(4, 1, 32, 32), torch.zeros(4)
    assert placements.step_seconds(objective, images, targets, looked=looked) == pytest.approx(expected)
    assert next(seconds, None) is None


def test_parts_side_by_side_are_tried_where_there_are_parts(monkeypatch):
    tried = []
    monkeypatch.setattr(placements, "available_cores", lambda: 4)
    monkeypatch.setattr(placements, "_fastest", lambda trials: tried.append(set(trials)) or next(iter(trials)))
    for parts, threads in ((1, None), (2, None), (8, None), (2, 1)):
        choose(create_model("lenet5"), parts=parts, threads=threads, channels_last=True)
    in_turn = {Placement(1, True), Placement(4, True)}
    assert tried == [in_turn, {*in_turn, Placement(2, True, abreast=2)}, {*in_turn, Placement(2, True, abreast=2)}]


def test_processors_are_lent_and_given_back():
    before = torch.get_num_threads()
    with Placement(1, True, abreast=2).whole():
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before
