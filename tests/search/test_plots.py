"""The charts of a search."""

from __future__ import annotations

import pytest

from topfive.report import chart
from topfive.search import plots
from topfive.search.plots import front_chart, history_chart
from topfive.search.trial import Failure, Measurement, Trial


def trial(number, accuracy, latency=None, *, reward=None, per_round=2):
    outcome = Failure("diverged") if accuracy is None else Measurement(accuracy, 10, 20_000_000, 1.0, latency=latency)
    reward = accuracy if reward is None else reward
    return Trial(number, number // per_round, (number,), str(number), f"m{number}", outcome, reward)


@pytest.fixture
def drawn(monkeypatch):
    """What was handed to be drawn: points by label, and the rest."""
    found = {}

    def draw(title, series, **options):
        found.update(options, points={one.label: list(one.points) for one in series})
        return chart.draw(title, series, **options)

    monkeypatch.setattr(plots, "draw", draw)
    return found


def test_the_history_has_every_reward_the_best_so_far_and_the_rounds(drawn):
    trials = [trial(number, accuracy) for number, accuracy in enumerate([0.5, 0.4, None, 0.6, 0.7, 0.5])]
    assert history_chart(trials) is not None
    points = drawn["points"]
    assert points["a trial"] == [(0, 0.5), (1, 0.4), (3, 0.6), (4, 0.7), (5, 0.5)]
    assert points["best so far"] == [(0, 0.5), (3, 0.5), (3, 0.6), (4, 0.6), (4, 0.7), (5, 0.7)]
    assert points["mean of a round"] == [(0.5, pytest.approx(0.45)), (3, 0.6), (4.5, pytest.approx(0.6))]
    assert drawn["fractions"]


def test_rewards_above_one_are_no_percentages(drawn):
    assert history_chart([trial(0, 0.9, reward=1.2)]) is not None
    assert not drawn["fractions"]


def test_nothing_is_drawn_of_a_search_in_which_all_failed():
    assert history_chart([trial(0, None)]) is None
    assert history_chart([]) is None
    assert front_chart([trial(0, None), trial(1, 0.5)], "latency") is None


def test_the_front_rises_in_steps_from_the_cheapest(drawn):
    trials = [trial(0, 0.5, 1.0), trial(1, 0.4, 2.0), trial(2, 0.7, 3.0), trial(3, None)]
    found = front_chart(trials, "latency", target=2.0)
    assert found is not None
    assert found.mark == (chart.LEFT + chart.RIGHT) / 2
    assert drawn["points"]["a trial"] == [(1.0, 0.5), (2.0, 0.4), (3.0, 0.7)]
    assert drawn["points"]["front"] == [(1.0, 0.5), (3.0, 0.5), (3.0, 0.7)]


def test_multiply_accumulates_are_drawn_in_millions(drawn):
    front_chart([trial(0, 0.5)], "macs", target=1e6)
    assert drawn["points"]["a trial"] == [(20.0, 0.5)]
    assert drawn["mark"] == 1.0
