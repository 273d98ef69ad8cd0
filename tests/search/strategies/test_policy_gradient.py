from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from topfive.search.strategies import ppo, reinforce
from topfive.search.strategies.policy_gradient import Pupil
from topfive.search.strategies.random import Random
from topfive.search.trial import Failure


def test_a_failure_teaches_as_the_worst_so_far(toy):
    """Half of all networks fail; the controller comes to propose the other half, though no reward tells them apart."""
    space, strategy = toy.row(answers=2, decisions=4, levels=(4,)), reinforce.strategy(0)
    history = []
    for _ in range(60):
        history = toy.searched(space, strategy, 1, history=history, reward=lambda choices: 0.5 + choices[1] / 10)
        history = [
            dataclasses.replace(trial, outcome=Failure("too big"), reward=None) if trial.choices[0] else trial
            for trial in history
        ]
    last = [trial.choices[0] for trial in history[-100:]]
    assert sum(last) < 10 < sum(trial.choices[0] for trial in history[:100])


def test_where_everything_fails_it_goes_on_and_learns_nothing(toy):
    space, strategy = toy.row(), reinforce.strategy(0)
    history = [
        dataclasses.replace(trial, outcome=Failure("killed"), reward=None)
        for trial in toy.searched(space, strategy, rounds=2)
    ]
    rng = np.random.default_rng
    assert strategy(space, history, 20, rng(7)) == strategy(space, (), 20, rng(7))


def test_baseline_moves_towards_the_mean_reward(toy):
    pupil = Pupil(toy.row(), reinforce.strategy(0))
    first, second = (toy.searched(toy.row(), Random(), 1, seed=seed) for seed in (0, 1))
    means = [np.mean([trial.reward for trial in trials]) for trials in (first, second)]
    pupil.learn(first)
    assert pupil.baseline == pytest.approx(means[0])
    pupil.learn(second)
    assert pupil.baseline == pytest.approx(0.95 * means[0] + 0.05 * means[1])


def test_the_first_step_of_both_has_one_gradient():
    """At a ratio of 1 nothing is clipped, and PPO climbs as REINFORCE does."""
    advantages = torch.tensor([0.3, -0.2])
    gradients = []
    for loss in (reinforce.ExpectedReward(), ppo.Clipped(0.2)):
        now = torch.tensor([-3.0, -2.0], requires_grad=True)
        loss(now, now.detach(), advantages).backward()
        gradients.append(now.grad)
    assert torch.allclose(*gradients)


def test_a_ratio_outside_the_clip_teaches_only_to_come_back():
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0])
    before = torch.zeros(4)
    now = torch.log(torch.tensor([1.3, 1.3, 0.7, 0.7])).requires_grad_()
    ppo.Clipped(0.2)(now, before, advantages).backward()
    assert (now.grad != 0).tolist() == [False, True, True, False]
