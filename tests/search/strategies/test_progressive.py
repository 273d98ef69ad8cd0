from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from topfive.errors import UsageError
from topfive.search.strategies.progressive import Progressive
from topfive.search.trial import Failure

pytestmark = pytest.mark.usefixtures("few_steps")


def stages(trials):
    """The choices of consecutive trials of one length."""
    return [
        (length, [trial.choices for trial in group])
        for length, group in itertools.groupby(trials, key=lambda trial: len(trial.choices))
    ]


def test_it_grows_level_by_level_from_what_was_measured(toy):
    trials = toy.searched(toy.row(), Progressive(top=12), rounds=7, count=6)
    found = stages(trials)
    assert [(length, len(choices)) for length, choices in found] == [(2, 16), (4, 12), (6, 12)]
    for (length, below), (_, above) in itertools.pairwise(found):
        assert {choices[:length] for choices in above} <= set(below)
    assert not any(trial.copy_of is not None for trial in trials)


def test_a_round_never_mixes_levels(toy):
    trials = toy.searched(toy.row(), Progressive(top=7), rounds=12, count=5)
    for _, group in itertools.groupby(trials, key=lambda trial: trial.round):
        assert len({len(trial.choices) for trial in group}) == 1


def test_networks_that_compute_alike_are_measured_once_at_the_first_level(toy):
    space = toy.row(structure=lambda choices: str([sorted(choices[:2]), choices[2:]]))
    trials = toy.searched(space, Progressive(), rounds=1, count=50)
    assert len(trials) == 10  # of 16 choices
    assert {trial.key for trial in trials} == {space.key(pair) for pair in itertools.product(range(4), repeat=2)}


@pytest.mark.parametrize(("answers", "top"), [(3, 18), (12, 256)])
def test_what_goes_on_is_256_or_twice_the_first_level(toy, answers, top):
    space = dataclasses.replace(toy.row(), decisions=tuple(
        dataclasses.replace(decision, answers=tuple(map(str, range(answers)))) for decision in toy.row().decisions
    ))  # fmt: skip
    trials = toy.searched(space, Progressive(), rounds=2, count=10_000)
    assert [len(choices) for _, choices in stages(trials)] == [answers**2, min(top, answers**4)]


def test_after_the_last_level_it_climbs_again_until_all_is_measured(toy):
    space = toy.row(answers=2)
    trials = toy.searched(space, Progressive(top=5), rounds=100)
    assert [length for length, _ in stages(trials)][:5] == [2, 4, 6, 4, 6]
    assert len({trial.key for trial in trials}) == len(trials) == 2**2 + 2**4 + 2**6


def test_failures_have_no_children(toy):
    space, strategy = toy.row(), Progressive(top=12)
    first = toy.searched(space, strategy, rounds=1)
    failed = [
        dataclasses.replace(trial, outcome=Failure("killed"), reward=None) if trial.choices[0] else trial
        for trial in first
    ]
    assert {choices[0] for choices in strategy(space, failed, 50, np.random.default_rng(0))} == {0}


def test_where_everything_fails_it_ends(toy):
    space, strategy = toy.row(), Progressive()
    failed = [
        dataclasses.replace(trial, outcome=Failure("killed"), reward=None)
        for trial in toy.searched(space, strategy, rounds=1)
    ]
    assert strategy(space, failed, 20, np.random.default_rng(0)) == []


def test_a_space_of_one_level_is_measured_whole(toy):
    space = toy.row(answers=3, decisions=3, levels=(3,))
    trials = toy.searched(space, Progressive(), rounds=10)
    assert [trial.choices for trial in trials] == list(itertools.product(range(3), repeat=3))


def test_a_first_level_too_large_to_be_measured_is_refused(toy):
    space = toy.row(answers=8, decisions=6, levels=(6,))
    with pytest.raises(UsageError, match=r"measures all 262,144 choices.*such as evolution"):
        Progressive()(space, (), 8, np.random.default_rng(0))
