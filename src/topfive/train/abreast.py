"""Parts of a batch side by side: each is learnt from by a thread of its own, in a replica that has the same weights.

Threads that share one operation wait for each other at its end, hundreds of times a step; threads with a part each meet
once.  What comes out is that of the parts one after another: gradients are added, and running statistics move, in
their order.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

import torch
from torch import Tensor, nn

from topfive.nn.classifier import Classifier

Part = tuple[Tensor, Tensor]  # images and targets
Act = Callable[[nn.Module, Tensor, Tensor], float]  # forward and backward of a part; gives its loss
Statistics = nn.modules.batchnorm._BatchNorm


class Abreast:
    """`objective` and as many replicas as make `count`, each on `threads` threads."""

    def __init__(self, objective: nn.Module, count: int = 1, threads: int = 1):
        self.objective = objective
        self._replicas = [replica(objective) for _ in range(count - 1)]
        # Walking through a network costs as much as what is done with its parts here, at every step.
        self._modules = [list(each.modules()) for each in self._all]
        self._weights = [list(each.parameters()) for each in self._all]
        self._norms = [[m for m in modules if isinstance(m, Statistics)] for modules in self._modules]
        # Threads are counted by each thread for itself.
        self._pool = ThreadPoolExecutor(max(1, count - 1), "part", torch.set_num_threads, (threads,))

    def each(self, act: Act, parts: Sequence[Part]) -> list[float]:
        """What `act` gives for each part, with the gradients of all in the parameters of the objective."""
        values: list[float] = []
        for start in range(0, len(parts), len(self._all)):
            values += self._round(act, parts[start : start + len(self._all)])
        return values

    @property
    def _all(self) -> list[nn.Module]:
        return [self.objective, *self._replicas]

    def _round(self, act: Act, parts: Sequence[Part]) -> list[float]:
        if len(parts) == 1:
            return [act(self.objective, *parts[0])]
        before = self._follow(len(parts))
        others = [self._pool.submit(act, *each) for each in _joined(self._replicas, parts[1:])]
        try:
            value = act(self.objective, *parts[0])
        finally:
            wait(others)
        values = [value, *(other.result() for other in others)]
        for its in self._weights[1 : len(parts)]:
            add_gradients(self._weights[0], its)
        self._move_statistics(before, len(parts))
        return values

    def _follow(self, count: int) -> list[Tensor]:
        """Replicas become as the objective is, but for their own weights' gradients; gives its running statistics."""
        statistics = running(self._norms[0])
        for place in range(1, count):
            for ours, module in zip(self._modules[0], self._modules[place], strict=True):
                if module.training != ours.training:
                    module.training = ours.training
            for weight, own in zip(self._weights[0], self._weights[place], strict=True):
                own.requires_grad = weight.requires_grad
            if statistics:
                torch._foreach_copy_(running(self._norms[place]), statistics)
        return [tensor.clone() for tensor in statistics]

    @torch.no_grad()
    def _move_statistics(self, before: list[Tensor], count: int) -> None:
        """As if each part had moved them after the one before it."""
        if not before:
            return
        kept = [1 - (norm.momentum or 0.0) for norm in self._norms[0] for _ in range(2)]
        moved = running(self._norms[0])
        for norms in self._norms[1:count]:
            change = torch._foreach_sub(moved, before)
            torch._foreach_mul_(change, kept)
            torch._foreach_copy_(moved, torch._foreach_add(running(norms), change))
        for norm in self._norms[0]:
            if norm.training and norm.num_batches_tracked is not None:
                norm.num_batches_tracked += count - 1


def divided(images: Tensor, targets: Tensor, parts: int) -> list[Part]:
    """So many parts, fewer where they would be of less than two images: one alone has no statistics."""
    parts = max(1, min(parts, len(images) // 2))
    return list(zip(images.chunk(parts), targets.chunk(parts), strict=True))


def replica(objective: nn.Module) -> nn.Module:
    """A copy whose weights lie in the same memory; their gradients do not, and neither do running statistics."""
    own = {id(weight): nn.Parameter(weight.detach(), weight.requires_grad) for weight in objective.parameters()}
    return copy.deepcopy(objective, own)


def separable(objective: nn.Module, images: Tensor, targets: Tensor) -> bool:
    """Whether parts of a batch can be computed at a time: nothing is drawn, and nothing but averages is remembered.

    Threads would draw, and write, in any order.
    """
    tried = copy.deepcopy(objective).train()
    for module in tried.modules():
        if isinstance(module, Classifier):
            module.progress(1.0)  # what grows while a run lasts is drawn at its end
    norms = [module for module in tried.modules() if isinstance(module, Statistics)]
    if any(norm.momentum is None for norm in norms):
        return False
    theirs = {id(buffer) for norm in norms for buffer in norm.buffers()}
    others = [buffer for buffer in tried.buffers() if id(buffer) not in theirs]
    kept = [buffer.clone() for buffer in others]
    state = torch.get_rng_state()
    tried(images, targets)
    drawn = not torch.equal(state, torch.get_rng_state())
    torch.set_rng_state(state)
    return not drawn and all(map(torch.equal, others, kept))


def running(norms: Sequence[Statistics]) -> list[Tensor]:
    """Mean and variance of each that is learning; those of all are there or none's."""
    return [tensor for norm in norms for tensor in (norm.running_mean, norm.running_var) if tensor is not None]


@torch.no_grad()
def add_gradients(weights: Sequence[nn.Parameter], its: Sequence[nn.Parameter]) -> None:
    """Those of a replica's, which have none afterwards."""
    sums: list[Tensor] = []
    added: list[Tensor] = []
    for weight, own in zip(weights, its, strict=True):
        if own.grad is None:
            continue
        if weight.grad is None:
            weight.grad = own.grad
        else:
            sums.append(weight.grad)
            added.append(own.grad)
        own.grad = None
    if sums:
        torch._foreach_add_(sums, added)


def _joined(replicas: Sequence[nn.Module], parts: Sequence[Part]) -> list[tuple[nn.Module, Tensor, Tensor]]:
    return [(its, *part) for its, part in zip(replicas, parts, strict=False)]
