"""The controller: a recurrent network that answers the decisions of a space one after the other.

Zoph and Le 2016, arXiv:1611.01578, sec. 3.2 and fig. 2.  N is a number of architectures, D of decisions, V of answers
to all decisions together.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor, nn

from topfive.search.space import Choices, SearchSpace


class Controller(nn.Module):
    """An LSTM; each step reads the answer to the decision before and has a softmax over the answers to its own."""

    offsets: Tensor
    mask: Tensor

    def __init__(self, space: SearchSpace, hidden: int, layers: int, spread: float, generator: torch.Generator):
        """`spread`: all weights begin uniformly within +- this."""
        super().__init__()
        sizes = [len(decision.answers) for decision in space.decisions]
        offsets = list(itertools.accumulate(sizes, initial=0))
        with torch.random.fork_rng():  # the layers draw weights of their own before they get ours
            self.embed = nn.Embedding(offsets[-1] + 1, hidden)  # the last row starts the sequence
            self.lstm = nn.LSTM(hidden, hidden, layers, batch_first=True)
            self.head = nn.Linear(hidden, offsets[-1])
        for weights in self.parameters():
            nn.init.uniform_(weights, -spread, spread, generator)
        places = torch.arange(offsets[-1])
        self.register_buffer("offsets", torch.tensor(offsets[:-1]))
        ends = torch.tensor(offsets[1:])
        self.register_buffer("mask", (places >= self.offsets[:, None]) & (places < ends[:, None]))  # [D, V]

    def forward(self, answers: Tensor) -> Tensor:
        """answers int64 [N, D] -> log-probabilities [N, D, V] given the answers before; -inf at other decisions'."""
        start = torch.full((len(answers), 1), self.embed.num_embeddings - 1)
        before = torch.cat([start, (answers + self.offsets)[:, :-1]], dim=1)
        states, _ = self.lstm(self.embed(before))
        logits = self.head(states).masked_fill(~self.mask, -torch.inf)
        return torch.log_softmax(logits, dim=2)

    def judge(self, answers: Tensor) -> tuple[Tensor, Tensor]:
        """answers int64 [N, D] -> their log-probability [N], and the sum over decisions of the entropy there [N]."""
        logs = self(answers)
        chosen = logs.gather(2, (answers + self.offsets)[:, :, None]).sum((1, 2))
        finite = logs.masked_fill(~self.mask, 0.0)
        return chosen, -(logs.exp() * finite).sum((1, 2))

    @torch.no_grad()
    def sample(self, count: int, rng: np.random.Generator) -> list[Choices]:
        """Architectures as probable as the controller holds them; all chance is that of `rng`."""
        draws = rng.random((count, len(self.offsets)))
        last = torch.full((count, 1), self.embed.num_embeddings - 1)
        state, answers = None, []
        for step, mask in enumerate(self.mask):
            states, state = self.lstm(self.embed(last), state)
            chances = torch.softmax(self.head(states[:, 0])[:, mask].double(), dim=1).numpy()
            answer = (chances.cumsum(1) < draws[:, step, None]).sum(1).clip(max=chances.shape[1] - 1)
            answers.append(answer)
            last = torch.from_numpy(answer)[:, None] + self.offsets[step]
        return [tuple(map(int, row)) for row in np.stack(answers, axis=1)]
