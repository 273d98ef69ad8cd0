from __future__ import annotations

from collections import Counter

import numpy as np

from topfive.search.strategies.random import Random


def test_nothing_is_proposed_twice_and_all_is_in_the_end(toy):
    space = toy.row(answers=3, decisions=3, levels=(3,))
    trials = toy.searched(space, Random(), rounds=50)
    assert len(trials) == len({trial.key for trial in trials}) == space.size
    assert Random()(space, trials, 20, np.random.default_rng(0)) == []


def test_networks_that_compute_alike_are_proposed_once(toy):
    space = toy.row(answers=4, decisions=2, levels=(2,), structure=lambda choices: str(sorted(choices)))
    assert len(toy.searched(space, Random(), rounds=50)) == 10  # of 16 choices


def test_choices_are_uniform_at_the_last_level(toy):
    space = toy.row(answers=4, decisions=6)
    proposals = [Random()(space, (), 1, np.random.default_rng(seed))[0] for seed in range(2000)]
    for place in range(6):
        counts = Counter(choices[place] for choices in proposals)
        assert all(abs(counts[answer] - 500) < 100 for answer in range(4))  # five deviations
