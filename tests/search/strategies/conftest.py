"""A space with a known optimum, and searches in it that take milliseconds."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from topfive.search.space import Decision, SearchSpace
from topfive.search.trial import Measurement, Trial
from topfive.train.randomness import seed_of

TARGET = (2, 0) * 3  # alike in all blocks, as far as an operation that is good in one is good in others


def row(answers=4, decisions=6, levels=(2, 4, 6), structure=str):
    """Decisions that all have the same answers."""
    texts = tuple("abcdefgh"[:answers])
    asked = tuple(Decision(f"question {number}", texts) for number in range(decisions))
    return SearchSpace("row", asked, lambda choices: f"row:{choices}", structure, levels)


def worth(choices):
    """1 at TARGET alone, and less with every answer that is far from it or missing."""
    near = [1 - abs(choice - wanted) / 4 for choice, wanted in zip(choices, TARGET, strict=False)]
    return float(sum(near) / len(TARGET))


def searched(space, strategy, rounds, count=20, seed=0, history=(), reward=worth, until=None):
    """The trials of `rounds` rounds after `history`; fewer where nothing is proposed or a new one reaches `until`."""
    trials = list(history)
    originals = {trial.key: trial.number for trial in reversed(trials)}
    begin = trials[-1].round + 1 if trials else 0
    for number in range(begin, begin + rounds):
        rng = np.random.default_rng(seed_of(seed, "propose", number))
        proposals = strategy(space, tuple(trials), count, rng)
        assert len(proposals) <= count
        for choices in proposals:
            key, value = space.key(choices), reward(choices)
            outcome = Measurement(min(max(value, 0.0), 1.0), 1, 1, 1.0)
            trials.append(Trial(len(trials), number, choices, key, "", outcome, value, originals.get(key)))
            originals.setdefault(key, trials[-1].number)
        if not proposals or (until is not None and any(trial.reward >= until for trial in trials)):
            break
    return trials


def models(space, strategy, until, seed, rounds=400):
    """Distinct networks until one is worth `until`."""
    trials = searched(space, strategy, rounds, seed=seed, until=until)
    assert any(trial.reward >= until for trial in trials)
    first = next(trial.number for trial in trials if trial.reward >= until)
    return sum(trial.copy_of is None for trial in trials[: first + 1])


@pytest.fixture
def toy():
    """What the tests of strategies share: row, worth, searched, models."""
    return SimpleNamespace(row=row, worth=worth, searched=searched, models=models, target=TARGET)


@pytest.fixture
def few_steps(monkeypatch):
    """Surrogates that hardly learn, where it does not matter what they say."""
    monkeypatch.setattr("topfive.search.strategies.surrogate.STEPS", 3)
