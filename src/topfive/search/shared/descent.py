"""What a search by shared weights changes from step to step, and its way into a checkpoint and back."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn, optim

from topfive.errors import RefusedError
from topfive.search.shared.supernet import Supernet
from topfive.train.checkpoint import Checkpoint, flatten, pack_optimizer, under, unpack_optimizer


@dataclass
class Descent:
    """`step` steps have been taken, each of the architecture and then of the weights.

    `losses` are the sums of both over the epoch under way, that of the weights first.
    """

    network: Supernet
    weights: optim.Optimizer
    architecture: optim.Optimizer
    step: int = 0
    losses: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def descend(self, optimizer: optim.Optimizer, loss: Tensor, clip: float | None = None) -> bool:
        """One step of one of the two; False, and nothing is changed, where the loss is no number."""
        if not math.isfinite(loss.item()):
            return False
        self.network.zero_grad()
        self.network.architecture.grad = None
        torch.autograd.backward(loss)
        if clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), clip)
        optimizer.step()
        self.losses[int(optimizer is self.architecture)] += loss.item()
        return True

    def checkpoint(self, asked: dict[str, Any]) -> Checkpoint:
        """Everything, as tensors and JSON; `asked` is what the search was begun with."""
        tensors = {"architecture": self.network.architecture.detach().clone()}
        tensors.update(flatten("model", self.network.state_dict()))
        groups = {}
        for name, optimizer in self._optimizers():
            packed, groups[name] = pack_optimizer(optimizer)
            tensors.update(flatten(name, packed))
        return Checkpoint(self.step, tensors, {"asked": asked, "groups": groups, "losses": self.losses})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become what `checkpoint` holds; RefusedError where it is another network's."""
        try:
            self.network.load_state_dict(under("model", checkpoint.tensors))
            with torch.no_grad():
                self.network.architecture.copy_(checkpoint.tensors["architecture"])
            for name, optimizer in self._optimizers():
                unpack_optimizer(optimizer, under(name, checkpoint.tensors), checkpoint.state["groups"][name])
            self.step, self.losses = checkpoint.step, list(checkpoint.state["losses"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            why = f"it does not fit the search ({' '.join(str(error).split())[:200]})"
            raise RefusedError(
                "checkpoint", f"of step {checkpoint.step}", why, "Start anew with another --out"
            ) from None

    def _optimizers(self) -> tuple[tuple[str, optim.Optimizer], ...]:
        return ("weights", self.weights), ("architecture", self.architecture)
