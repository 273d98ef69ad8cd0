from __future__ import annotations

import numpy as np
import torch

from topfive.recipe import recipe_from
from topfive.train.randomness import generator
from topfive.train.sampler import Sampler, balanced_order

LABELS = np.array([0] * 90 + [2] * 9 + [3])  # of class 1 there is none


def sampler(labels=LABELS, **settings):
    return Sampler(labels, recipe_from({"model": "m", "batch_size": 10, **settings}))


def epoch(found, number):
    return torch.cat([found.indices(number, index) for index in range(found.steps)])


def test_an_epoch_is_a_permutation_of_its_own():
    found = sampler()
    assert sorted(epoch(found, 0).tolist()) == list(range(100))
    assert not torch.equal(epoch(found, 0), epoch(found, 1))
    assert torch.equal(sampler().indices(1, 7), found.indices(1, 7)), "asked for out of order"


def test_repeated_views_stand_in_one_batch():
    found = sampler(aug_repeats=5)
    batch = found.indices(0, 3)
    values, counts = batch.unique(return_counts=True)
    assert (len(batch), len(values), set(counts.tolist())) == (10, 2, {5})
    assert found.steps == 10, "an epoch has as many steps, and so visits a fifth of the images"
    assert len(epoch(found, 0).unique()) == 20


def test_a_balanced_epoch_has_every_class_equally_often():
    drawn = torch.cat([balanced_order(LABELS, generator(seed, "order")) for seed in range(50)])
    shares = np.bincount(LABELS[drawn.numpy()], minlength=4) / len(drawn)
    assert np.abs(shares - [1 / 3, 0, 1 / 3, 1 / 3]).max() < 0.03
    assert len(drawn[drawn < 90].unique()) > 85, "all of a class come up"
    assert torch.equal(epoch(sampler(sampler="balanced"), 2), epoch(sampler(sampler="balanced"), 2))
