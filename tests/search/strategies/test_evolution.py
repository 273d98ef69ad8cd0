from __future__ import annotations

import numpy as np
import pytest

from topfive.search.strategies.evolution import Evolution
from topfive.search.trial import Failure, Measurement, Trial


def trials(*pairs):
    """Trials of (choices, reward), one a round; a reward of None is a failure."""
    made = []
    for number, (choices, reward) in enumerate(pairs):
        outcome = Failure("killed") if reward is None else Measurement(reward, 1, 1, 1.0)
        made.append(Trial(number, number, choices, str(choices), "", outcome, reward))
    return made


def distance(a, b):
    return sum(left != right for left, right in zip(a, b, strict=True))


def children(toy, history, population, count=50):
    """With tournaments of all members, the parent is the best that is alive."""
    strategy = Evolution(population, sample=population)
    return strategy(toy.row(), history, count, np.random.default_rng(0))


BEST, OTHER = (3, 3, 3, 3, 3, 3), (0, 0, 0, 0, 0, 0)


def test_children_differ_from_the_best_member_in_one_decision(toy):
    history = trials(*[(OTHER, 0.1)] * 4, (BEST, 0.9), *[(OTHER, 0.1)] * 3)
    assert {distance(child, BEST) for child in children(toy, history, population=8)} == {1}


def test_the_oldest_dies_however_good_it_was(toy):
    history = trials((BEST, 0.9), *[(OTHER, 0.1)] * 8)
    assert {distance(child, OTHER) for child in children(toy, history, population=8)} == {1}
    assert {distance(child, BEST) for child in children(toy, history, population=9)} == {1}  # alive for one more


def test_a_copy_is_a_member_with_an_age_of_its_own(toy):
    history = trials((BEST, 0.9), *[(OTHER, 0.1)] * 4, (BEST, 0.9), *[(OTHER, 0.1)] * 4)
    assert {distance(child, BEST) for child in children(toy, history, population=5)} == {1}


def test_failures_are_no_members(toy):
    history = trials((BEST, 0.9), *[(OTHER, 0.1)] * 4, *[(OTHER, None)] * 9)
    assert {distance(child, BEST) for child in children(toy, history, population=5)} == {1}


def test_proposals_are_random_until_the_population_is_full(toy):
    history = trials(*[(OTHER, 0.1)] * 4)
    assert max(distance(child, OTHER) for child in children(toy, history, population=5)) > 1


def test_tournaments_are_of_members_drawn_anew(toy):
    history = trials(*[((place, *OTHER[1:]), 0.1 * place) for place in range(4)])
    found = Evolution(4, sample=1)(toy.row(), history, 200, np.random.default_rng(0))
    assert {child[0] for child in found} == {0, 1, 2, 3}


@pytest.mark.parametrize("answers", [1, 2])
def test_a_space_with_nothing_left_gives_copies_and_no_error(toy, answers):
    space = toy.row(answers=answers, decisions=2, levels=(2,))
    found = toy.searched(space, Evolution(), rounds=6)
    assert sum(trial.copy_of is None for trial in found) == space.size
