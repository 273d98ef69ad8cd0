from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from topfive.search.space import Decision, SearchSpace
from topfive.search.strategies.controller import Controller

SIZES = (2, 1, 4, 3)
ALL = list(itertools.product(*map(range, SIZES)))


@pytest.fixture
def controller():
    """Of decisions with different numbers of answers, far from undecided."""
    asked = tuple(Decision(str(size), tuple(map(str, range(size)))) for size in SIZES)
    space = SearchSpace("uneven", asked, str, str, (4,))
    return Controller(space, hidden=8, layers=2, spread=1.0, generator=torch.Generator().manual_seed(0))


def test_probabilities_of_all_architectures_sum_to_one(controller):
    logs, _ = controller.judge(torch.tensor(ALL))
    assert logs.exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert logs.std() > 0.5  # not undecided


def test_architectures_are_sampled_as_they_are_judged(controller):
    logs, _ = controller.judge(torch.tensor(ALL))
    counts = Counter(controller.sample(20_000, np.random.default_rng(0)))
    found = np.array([counts[choices] for choices in ALL])
    assert found.sum() == 20_000  # nothing outside the space
    expected = 20_000 * logs.exp().detach().numpy()
    assert (np.abs(found - expected) < 6 * np.sqrt(expected + 1)).all()


def test_entropy_is_that_of_the_distribution(controller):
    """The mean over architectures of the sum of the entropies on the way is the entropy of all (the chain rule)."""
    logs, on_the_way = controller.judge(torch.tensor(ALL))
    chances = logs.exp()
    assert (chances * on_the_way).sum().item() == pytest.approx(-(chances * logs).sum().item(), rel=1e-4)


def test_gradients_are_finite_and_reach_every_weight(controller):
    logs, entropy = controller.judge(torch.tensor(ALL))
    (logs.mean() + entropy.mean()).backward()
    for name, weights in controller.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.isfinite().all(), name
        assert weights.grad.any(), name


def test_beginning_depends_on_its_own_generator_alone(controller):
    space = SearchSpace("one", (Decision("a", ("x", "y")),), str, str, (1,))
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = Controller(space, 4, 1, 0.1, torch.Generator().manual_seed(5))
    assert torch.equal(torch.get_rng_state(), before)
    second = Controller(space, 4, 1, 0.1, torch.Generator().manual_seed(5))
    for left, right in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(left, right)
        assert left.abs().max() <= 0.1
