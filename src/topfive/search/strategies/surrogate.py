"""Surrogates: networks that read an architecture and say what it would be worth.

Liu et al. 2017, arXiv:1712.00559, sec. 4.3 and appendix.  M is the number of members of an ensemble, which are computed
side by side, N of architectures, B of blocks (what a level adds), W the greatest number of decisions in a block, V of
words, H a width.  Tokens are int64 [N, B, W], 0 where there is no decision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from topfive.search.space import Choices, SearchSpace
from topfive.train.randomness import generator

MEMBERS = 5
WIDTH = 100  # of embeddings and hidden layers, as in the paper
STEPS = 100  # of Adam on all data at once; the paper does not tell its number
RATE = 0.002  # the paper's after the first level
CHUNK = 4096  # architectures that are predicted at once


class Words:
    """The decisions of a space as tokens; answers that read alike are one word wherever they are given."""

    def __init__(self, space: SearchSpace):
        words = {answer: None for decision in space.decisions for answer in decision.answers}
        numbers = {word: number for number, word in enumerate(words, start=1)}
        self.count = len(numbers) + 1  # with the empty one, 0
        ends = space.levels
        self._blocks = [slice(start, end) for start, end in zip((0, *ends[:-1]), ends, strict=True)]
        self.width = max(block.stop - block.start for block in self._blocks)
        greatest = max(len(decision.answers) for decision in space.decisions)
        self._numbers = np.zeros((len(space.decisions), greatest), np.int64)
        for place, decision in enumerate(space.decisions):
            self._numbers[place, : len(decision.answers)] = [numbers[answer] for answer in decision.answers]

    def tokens(self, choices: NDArray[np.int64]) -> Tensor:
        """choices [N, decisions of a level] -> tokens [N, B, W] with the B of the last level."""
        tokens = np.zeros((len(choices), len(self._blocks), self.width), np.int64)
        for place, block in enumerate(self._blocks):
            if block.stop <= choices.shape[1]:
                read = self._numbers[np.arange(block.start, block.stop), choices[:, block]]
                tokens[:, place, : read.shape[1]] = read
        return torch.from_numpy(tokens)


class Linears(nn.Module):
    """A linear layer for each member: [M, N, inputs] -> [M, N, outputs]."""

    def __init__(self, inputs: int, outputs: int, chance: torch.Generator):
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(MEMBERS, inputs, outputs).uniform_(-bound, bound, generator=chance))
        self.bias = nn.Parameter(torch.empty(MEMBERS, 1, outputs).uniform_(-bound, bound, generator=chance))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class Perceptron(nn.Module):
    """The embeddings of a block side by side, their mean over the blocks, two hidden layers."""

    def __init__(self, words: Words, chance: torch.Generator):
        super().__init__()
        self.embed = embeddings(words, chance)
        self.first = Linears(words.width * WIDTH, WIDTH, chance)
        self.second = Linears(WIDTH, WIDTH, chance)
        self.head = Linears(WIDTH, 1, chance)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens [N, B, W] -> scores [M, N].

        Embedding, mean and first layer are linear, and words few: what each says to the layer from each place is
        computed once, and architectures only add up, which is a sixteenth of the arithmetic.
        """
        blocks = (tokens > 0).any(2).sum(1)
        shares = F.one_hot(tokens, self.embed.shape[1])[..., 1:].sum(1) / blocks[:, None, None]  # [N, W, V - 1]
        places = self.first.weight.reshape(MEMBERS, -1, WIDTH, WIDTH)  # [M, W, H, H]
        said = torch.einsum("mvh,mwhk->mwvk", self.embed[:, 1:], places).flatten(1, 2)
        heard = torch.baddbmm(self.first.bias, shares.flatten(1).expand(MEMBERS, -1, -1), said)
        scores: Tensor = self.head(self.second(heard.relu()).relu())
        return scores[..., 0]


class Recurrent(nn.Module):
    """An LSTM reads the words of all blocks in their order."""

    def __init__(self, words: Words, chance: torch.Generator):
        super().__init__()
        self.embed = embeddings(words, chance)
        self.read = Linears(WIDTH, 4 * WIDTH, chance)
        self.recall = Linears(WIDTH, 4 * WIDTH, chance)
        self.head = Linears(WIDTH, 1, chance)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens [N, B, W] -> scores [M, N]."""
        state = memory = torch.zeros(MEMBERS, len(tokens), WIDTH)
        heard = self.read(self.embed)  # what each word says to the gates: [M, V, 4 H]
        for word in tokens.flatten(1).unbind(1):
            gates = heard[:, word] + self.recall(state)
            keep, write, show = gates[..., : 3 * WIDTH].sigmoid().chunk(3, dim=2)
            memory_next = keep * memory + write * gates[..., 3 * WIDTH :].tanh()
            there = (word > 0)[:, None]
            memory = torch.where(there, memory_next, memory)
            state = torch.where(there, show * memory_next.tanh(), state)
        scores: Tensor = self.head(state)
        return scores[..., 0]


def embeddings(words: Words, chance: torch.Generator) -> nn.Parameter:
    """[M, V, H], the paper's beginning."""
    return nn.Parameter(torch.empty(MEMBERS, words.count, WIDTH).uniform_(-0.1, 0.1, generator=chance))


Net = Callable[[Words, torch.Generator], nn.Module]


class Ensemble:
    """The mean of MEMBERS networks, each fitted from scratch to all data but a fifth of its own.

    Rewards are brought to mean 0 and deviation 1, where the paper has a sigmoid that begins near the mean of its
    accuracies: only the order matters, and a reward need not be an accuracy.
    """

    def __init__(self, space: SearchSpace, net: Net, seed: int):
        self._words = Words(space)
        self._chance = generator(seed, "surrogate")
        self._net = net(self._words, self._chance)

    def fit(self, choices: Sequence[Choices], rewards: Sequence[float]) -> None:
        """Least absolute error, on architectures of all levels together."""
        tokens = torch.cat([self._words.tokens(np.array([each])) for each in choices])
        targets = torch.tensor(rewards, dtype=torch.float64)
        targets = ((targets - targets.mean()) / (targets.std(correction=0) or 1.0)).float()
        part = torch.randperm(len(choices), generator=self._chance) % MEMBERS
        kept = part != torch.arange(MEMBERS)[:, None]  # [M, N]
        optimizer = torch.optim.Adam(self._net.parameters(), RATE, fused=True)
        for _ in range(STEPS):
            optimizer.zero_grad()
            errors = (self._net(tokens) - targets).abs() * kept
            torch.autograd.backward(errors.sum() / len(choices))
            optimizer.step()

    @torch.no_grad()
    def predict(self, choices: NDArray[np.int64]) -> NDArray[np.float64]:
        """choices [N, decisions of a level] -> scores [N], in the order of the rewards."""
        scores = [
            self._net(self._words.tokens(chunk)).mean(0)
            for chunk in np.split(choices, range(CHUNK, len(choices), CHUNK))
        ]
        return torch.cat(scores).double().numpy()
