"""Search by reinforcement: a controller proposes, and learns to propose what had the greater reward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from topfive.search.space import Choices, SearchSpace
from topfive.search.strategies.controller import Controller
from topfive.search.strategies.replay import Replay, one_thread
from topfive.search.trial import Trial
from topfive.train.randomness import generator


class Loss(Protocol):
    """From log-probabilities [N] by the controller as it is and as it was when it proposed, and advantages [N]."""

    def __call__(self, now: Tensor, before: Tensor, advantages: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class PolicyGradient:
    """A strategy.  Copies teach as much as new networks do; a failure teaches as the worst reward so far.

    `updates` steps of Adam are taken on each round; `decay` is that of the moving average of the rounds' mean rewards
    which is the baseline; `entropy` weighs a reward for staying undecided; `hidden`, `layers` and `spread` are the
    controller's.
    """

    loss: Loss
    hidden: int
    layers: int
    spread: float
    learning_rate: float
    updates: int
    decay: float
    entropy: float
    seed: int

    def __call__(
        self, space: SearchSpace, history: Sequence[Trial], count: int, rng: np.random.Generator
    ) -> list[Choices]:
        with one_thread():
            return self._replay.after(space, history).controller.sample(count, rng)

    @cached_property
    def _replay(self) -> Replay[Pupil]:
        return Replay(lambda space: Pupil(space, self))


class Pupil:
    """A controller with what belongs to its training."""

    def __init__(self, space: SearchSpace, settings: PolicyGradient):
        self.settings = settings
        chance = generator(settings.seed, "controller")
        self.controller = Controller(space, settings.hidden, settings.layers, settings.spread, chance)
        self.optimizer = torch.optim.Adam(self.controller.parameters(), settings.learning_rate, fused=True)
        self.baseline: float | None = None
        self.worst: float | None = None

    def learn(self, trials: Sequence[Trial]) -> None:
        """Steps on the trials of one round, which this controller must have proposed as it is."""
        measured = [trial.reward for trial in trials if trial.reward is not None]
        self.worst = min([*measured, *([] if self.worst is None else [self.worst])], default=None)
        if self.worst is None:
            return  # nothing was measured yet that a failure could be compared with
        rewards = np.array([self.worst if trial.reward is None else trial.reward for trial in trials])
        mean = float(rewards.mean())
        baseline = mean if self.baseline is None else self.baseline
        self.baseline = self.settings.decay * baseline + (1 - self.settings.decay) * mean
        self._step(torch.tensor([trial.choices for trial in trials]), torch.from_numpy(rewards - baseline).float())

    def _step(self, answers: Tensor, advantages: Tensor) -> None:
        before = None
        for _ in range(self.settings.updates):
            now, entropy = self.controller.judge(answers)
            before = now.detach() if before is None else before
            loss = self.settings.loss(now, before, advantages) - self.settings.entropy * entropy.mean()
            self.optimizer.zero_grad()
            torch.autograd.backward(loss)
            self.optimizer.step()
