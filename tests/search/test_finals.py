"""Which trial won, and what it is held against."""

from __future__ import annotations

import pytest

from heard import Heard
from topfive.data import open_data
from topfive.errors import LimitsError
from topfive.models import spec
from topfive.search import finals
from topfive.search.spaces.cells import Size, pnas
from topfive.search.trial import Failure, Measurement, Trial
from topfive.train import Run
from topfive.train.found import read_found

SPACE = pnas("tiny", ("separable_3x3", "max_3x3"), 1, Size(1, 4, 8, 1))


def trial(number, reward, latency=None, *, copy_of=None):
    outcome = Failure("diverged") if reward is None else Measurement(reward, 1, 2, 3.0, latency=latency)
    choices = (0, number % 2, 1, 0)
    return Trial(number, 0, choices, str(number), SPACE.model(choices), outcome, reward, copy_of)


@pytest.fixture
def alone(monkeypatch):
    """What networks take when nothing runs beside them, in milliseconds, by model; and which were asked."""
    latencies, asked = {}, []

    def latency_within(model, num_classes, limit):
        assert (num_classes, limit) == (10, 0.001)
        asked.append(model)
        return latencies[model] / 1e3

    monkeypatch.setattr(finals, "latency_within", latency_within)
    return latencies, asked


def test_the_best_come_first_and_once():
    trials = [trial(0, 0.5), trial(1, None), trial(2, 0.7), trial(3, 0.7), trial(4, 0.7, copy_of=2)]
    assert [one.number for one in finals.best_of(trials)] == [2, 3, 0]
    assert finals.winner_of(trials, 10, None).number == 2


def test_what_is_too_slow_beside_nothing_does_not_win(alone):
    latencies, asked = alone
    slow, quick = trial(0, 0.9, 1.1), trial(1, 0.8, 0.9)
    latencies |= {slow.model: 1.1, quick.model: 0.95}
    winner = finals.winner_of([slow, quick], 10, max_latency=0.001)
    assert winner.number == 1
    assert winner.outcome.latency == pytest.approx(0.95), "what was measured alone"
    assert asked == [quick.model], "those that kept to it in the search come first"


def test_where_none_is_fast_enough_the_nearest_is_said(alone):
    latencies, asked = alone
    slow, slower = trial(0, 0.9, 5.0), trial(1, 0.8, 6.0)
    latencies |= {slow.model: 2.0, slower.model: 3.5}
    with pytest.raises(LimitsError, match=r"within 1 ms: the nearest takes 2 ms.*--max-latency 2.2ms"):
        finals.winner_of([slow, slower], 10, max_latency=0.001)
    assert asked == [slow.model, slower.model]


def test_the_winner_is_written_as_train_reads_it(tmp_path):
    winner = trial(3, 0.7, 1.5)
    finals.write_winner(tmp_path, SPACE, winner)
    found = read_found(tmp_path / "genotype.json")
    assert (found.model, found.space, found.choices) == (winner.model, "tiny", winner.choices)
    assert found.answers == SPACE.read(winner.choices)
    assert found.measured == {
        **{"accuracy": 0.7, "params": 1, "macs": 2, "seconds": 3.0, "curve": [], "latency": 1.5},
        **{"trial": 3, "reward": 0.7},
    }


def test_both_have_one_recipe_and_one_cost():
    splits = open_data("digits")
    model = pnas("cells", ("separable_3x3", "max_3x3"), 1, Size(1, 16, 8, 1)).model((0, 0, 1, 0))
    measured = Measurement(0.9, 1, spec(model).facts.macs, 1.0)
    hand_made = finals.rival_of(Trial(0, 0, (0, 0, 1, 0), "", model, measured, 0.9), splits)
    assert hand_made.off <= 0.05
    assert hand_made.model.endswith("-s8:resnet20_cifar")
    ours, theirs = (finals.recipe_of(name, splits, 7, 60.0, seed=5) for name in (model, hand_made.model))
    assert ours.epochs == 7
    assert ours.seed == 5
    differing = {key for key in vars(ours) if getattr(ours, key) != getattr(theirs, key)}
    assert differing == {"model"}
    assert spec(hand_made.model).facts.input_size == ours.img_size == 8


def test_runs_of_another_winner_make_way_and_stay(tmp_path):
    def begun(name, model):
        (tmp_path / name).mkdir()
        with Run(tmp_path / name) as run:
            settings = {"recipe": {"model": model}, "data": {"fingerprint": "", "classes": []}, "environment": {}}
            run.write_config(
                {**settings, "preprocess": {"size": 8}, "placement": {"threads": 1, "channels_last": True}}
            )
        (tmp_path / name / "kept").write_text(model)

    heard = Heard()
    finals.set_aside(tmp_path, ("lenet5", "alexnet"), heard)
    begun("winner", "lenet5")
    finals.set_aside(tmp_path, ("lenet5", "alexnet"), heard)
    assert heard.lines == []
    begun("rival", "alexnet")
    begun("winner-1", "an older one")
    finals.set_aside(tmp_path, ("resnet18", "alexnet"), heard)
    kept = {path.name: (path / "kept").read_text() for path in tmp_path.iterdir()}
    assert kept == {"winner-1": "an older one", "winner-2": "lenet5", "rival-1": "alexnet"}
    assert len(heard.lines) == 2
