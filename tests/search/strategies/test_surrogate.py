from __future__ import annotations

import numpy as np
import pytest
import torch

from topfive.search.space import Decision, SearchSpace
from topfive.search.strategies.surrogate import Ensemble, Perceptron, Recurrent, Words

NETS = [Perceptron, Recurrent]


def uneven():
    """A second level of one decision after a first of two; "x" is an answer to all."""
    asked = (Decision("a", ("x", "y")), Decision("b", ("x", "z")), Decision("c", ("w", "x", "y")))
    return SearchSpace("uneven", asked, str, str, (2, 3))


def test_answers_that_read_alike_are_one_word():
    words = Words(uneven())
    assert words.count == 5  # x, y, z, w and the empty one
    assert words.tokens(np.array([[0, 0, 1], [1, 1, 0]])).tolist() == [[[1, 1], [1, 0]], [[2, 3], [4, 0]]]
    assert words.tokens(np.array([[1, 0]])).tolist() == [[[2, 1], [0, 0]]]


@pytest.mark.parametrize("net", NETS)
def test_what_is_not_there_says_nothing(net, toy):
    """An architecture of a lower level scores the same among longer ones as where there are no others."""
    short, long = (toy.row(decisions=levels[-1], levels=levels) for levels in ((2,), (2, 4, 6)))
    nets = [net(Words(space), torch.Generator().manual_seed(0)) for space in (short, long)]
    choices = np.array([[0, 1], [3, 2]])
    scores = [each(Words(space).tokens(choices)) for each, space in zip(nets, (short, long), strict=True)]
    assert scores[0].shape == (5, 2)
    assert torch.allclose(scores[0], scores[1], atol=1e-6)


@pytest.mark.parametrize("net", NETS)
def test_the_order_of_a_higher_level_is_foretold(net, toy):
    space, rng = toy.row(), np.random.default_rng(0)
    known = [space.sample(rng, level) for level in (0, 1) for _ in range(40)]
    unknown = [space.sample(rng) for _ in range(200)]
    surrogate = Ensemble(space, net, seed=0)
    surrogate.fit(known, [10 * toy.worth(choices) - 3 for choices in known])
    scores = surrogate.predict(np.array(unknown))
    assert np.corrcoef(scores, [toy.worth(choices) for choices in unknown])[0, 1] > 0.4


@pytest.mark.parametrize("net", NETS)
def test_members_differ_and_the_seed_decides(net, toy):
    space, rng = toy.row(), np.random.default_rng(0)
    known = [space.sample(rng) for _ in range(10)]
    rewards = [toy.worth(choices) for choices in known]

    def predicted(seed):
        surrogate = Ensemble(space, net, seed)
        surrogate.fit(known, rewards)
        return surrogate.predict(np.array(known))

    torch.manual_seed(9)
    assert (predicted(1) == predicted(1)).all()
    assert (predicted(1) != predicted(2)).any()


@pytest.mark.parametrize("rewards", [[0.5], [0.5, 0.5, 0.5]])
def test_one_network_or_equal_ones_are_data_too(toy, rewards):
    surrogate = Ensemble(toy.row(), Perceptron, seed=0)
    surrogate.fit([(0, 1, 2, 3)] * len(rewards), rewards)
    assert np.isfinite(surrogate.predict(np.array([[0, 1, 2, 3], [1, 1, 1, 1]]))).all()
