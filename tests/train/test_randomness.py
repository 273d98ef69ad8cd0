from __future__ import annotations

import subprocess
import sys

import torch

from topfive.train.randomness import generator, order, seed_of


def test_seed_depends_on_every_argument_and_on_nothing_else():
    seeds = {
        seed_of(*arguments) for arguments in [(0, "a"), (1, "a"), (0, "b"), (0, "a", 0), (0, "a", 1), (0, "a", 1, 0)]
    }
    assert len(seeds) == 6
    code = "from topfive.train.randomness import seed_of; print(seed_of(3, 'step', 7))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(other.stdout) == seed_of(3, "step", 7)


def test_counters_do_not_run_together():
    assert seed_of(0, "a", 1, 23) != seed_of(0, "a", 12, 3)


def test_order_is_a_permutation_and_differs_by_epoch():
    first, second = order(0, 0, 100), order(0, 1, 100)
    assert torch.equal(first.sort().values, torch.arange(100))
    assert not torch.equal(first, second)
    assert torch.equal(first, order(0, 0, 100))


def test_generator_leaves_the_global_state_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    torch.rand(5, generator=generator(0, "augment", 1))
    assert torch.equal(torch.rand(3), expected)
