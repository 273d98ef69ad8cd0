"""Surrogates: networks that read an architecture and say what it would be worth.

Liu et al. 2017, arXiv:1712.00559, sec. 4.3 and appendix A.  N is a number of architectures, B of blocks (what a level
adds), W the greatest number of decisions in a block; tokens are int64 [N, B, W], 0 where a block has fewer decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from topfive.search.space import Choices, SearchSpace
from topfive.train.randomness import generator

MEMBERS = 5
WIDTH = 100  # of embeddings and hidden layers, as in the paper
STEPS = 100  # of Adam on all data at once; the paper does not tell its number
CHUNK = 16_384  # architectures that are predicted at once


class Words:
    """The decisions of a space as tokens; answers that read alike are one word wherever they are given."""

    def __init__(self, space: SearchSpace):
        words = {answer: None for decision in space.decisions for answer in decision.answers}
        numbers = {word: number for number, word in enumerate(words, start=1)}
        self.levels = space.levels
        self.starts = (0, *space.levels[:-1])
        self.width = max(end - start for start, end in zip(self.starts, self.levels, strict=True))
        self.size = len(numbers) + 1
        greatest = max(len(decision.answers) for decision in space.decisions)
        self._numbers = np.zeros((len(space.decisions), greatest), np.int64)
        for place, decision in enumerate(space.decisions):
            self._numbers[place, : len(decision.answers)] = [numbers[answer] for answer in decision.answers]

    def tokens(self, choices: NDArray[np.int64]) -> Tensor:
        """choices [N, decisions of a level] -> tokens [N, B, W]."""
        blocks = self.levels.index(choices.shape[1]) + 1
        tokens = np.zeros((len(choices), blocks, self.width), np.int64)
        for block, (start, end) in enumerate(zip(self.starts, self.levels[:blocks], strict=False)):
            tokens[:, block, : end - start] = self._numbers[np.arange(start, end), choices[:, start:end]]
        return torch.from_numpy(tokens)


class Perceptron(nn.Module):
    """The embeddings of a block side by side, their mean over the blocks, two hidden layers."""

    def __init__(self, words: Words):
        super().__init__()
        self.embed = nn.Embedding(words.size, WIDTH, padding_idx=0)
        self.layers = nn.Sequential(
            nn.Linear(words.width * WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens [N, B, W] -> [N]."""
        scores: Tensor = self.layers(self.embed(tokens).flatten(2).mean(1))
        return scores[:, 0]


class Recurrent(nn.Module):
    """An LSTM reads the tokens of all blocks in their order."""

    def __init__(self, words: Words):
        super().__init__()
        self.embed = nn.Embedding(words.size, WIDTH, padding_idx=0)
        self.lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens [N, B, W] -> [N]."""
        states, _ = self.lstm(self.embed(tokens.flatten(1)))
        scores: Tensor = self.head(states[:, -1])
        return scores[:, 0]


class Ensemble:
    """The mean of MEMBERS networks, each fitted from scratch to all data but a part of its own.

    Rewards are brought to mean 0 and deviation 1, where the paper has a sigmoid that begins near the mean of its
    accuracies: only the order matters, and a reward need not be an accuracy.
    """

    def __init__(self, space: SearchSpace, net: Callable[[Words], nn.Module], seed: int):
        self.words = Words(space)
        self._chance = generator(seed, "surrogate")
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.members = nn.ModuleList(net(self.words) for _ in range(MEMBERS))
        for embedding in (module for module in self.members.modules() if isinstance(module, nn.Embedding)):
            nn.init.uniform_(embedding.weight, -0.1, 0.1, self._chance)

    def fit(self, choices: Sequence[Choices], rewards: Sequence[float]) -> None:
        """Least absolute error.  Architectures of all levels teach together, each level a batch."""
        targets = np.array(rewards)
        targets = (targets - targets.mean()) / (targets.std() or 1.0)
        parts = torch.randperm(len(choices), generator=self._chance).numpy() % MEMBERS
        lengths = np.array([len(each) for each in choices])
        batches = []
        for level in sorted(set(lengths)):
            tokens = self.words.tokens(np.array([each for each in choices if len(each) == level]))
            of_level = torch.from_numpy(targets[lengths == level]).float()
            batches.append((tokens, of_level, torch.from_numpy(parts[lengths == level])))
        rate = 0.01 if len(batches) == 1 else 0.002
        optimizer = torch.optim.Adam(self.members.parameters(), rate)
        for _ in range(STEPS):
            optimizer.zero_grad()
            torch.autograd.backward([self._loss(*batch) for batch in batches])
            optimizer.step()

    def _loss(self, tokens: Tensor, targets: Tensor, parts: Tensor) -> Tensor:
        losses = []
        for member, net in enumerate(self.members):
            kept = parts != member
            losses.append((net(tokens[kept]) - targets[kept]).abs().sum())
        return torch.stack(losses).sum() / len(targets)

    @torch.no_grad()
    def predict(self, choices: NDArray[np.int64]) -> NDArray[np.float64]:
        """choices [N, decisions of a level] -> scores [N], in the order of the rewards."""
        chunks = [self.words.tokens(choices[start : start + CHUNK]) for start in range(0, len(choices), CHUNK)]
        scores = [torch.stack([net(tokens) for net in self.members]).mean(0) for tokens in chunks]
        return torch.cat(scores).double().numpy()
