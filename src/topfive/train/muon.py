"""Muon: SGD whose filters move by all directions of their momentum alike.

Keller Jordan et al. 2024, https://kellerjordan.github.io/posts/muon.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, optim

# The post's: so steep at nought that few iterations bring singular values near 1, though never onto it.
QUINTIC = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
STEP = 0.2  # of the rate: so much longer than a gradient's is an orthogonal step


class Muon(optim.Optimizer):
    """Nesterov's momentum; that of a convolution's filters is made orthogonal before the step.

    Filters [out, in, height, width] are a matrix [out, in x height x width]; their singular values all become about 1,
    times sqrt(out / inputs) where that is more than 1.  Everything else (norms, biases, linear layers) moves as by SGD.
    A filter's step is `STEP` of the rate, and its weights shrink as SGD with this momentum would shrink them in the
    long run, by lr x weight_decay / (1 - momentum): rates and decays that suit SGD suit Muon.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float, momentum: float = 0.9):
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            moving = [parameter for parameter in group["params"] if parameter.grad is not None]
            self._slide([parameter for parameter in moving if parameter.ndim != 4], group)
            alike: dict[torch.Size, list[Tensor]] = {}
            for parameter in moving:
                if parameter.ndim == 4:
                    alike.setdefault(parameter.shape, []).append(parameter)
            for filters in alike.values():
                self._turn(filters, group)

    def _slide(self, moving: list[Tensor], group: dict[str, Any]) -> None:
        """SGD's step."""
        if moving:
            gradients = list(torch._foreach_add(_gradients(moving), moving, alpha=group["weight_decay"]))
            torch._foreach_add_(moving, self._directions(moving, gradients, group["momentum"]), alpha=-group["lr"])

    def _turn(self, filters: list[Tensor], group: dict[str, Any]) -> None:
        """Muon's step, of filters of one shape: together, for one is too small to keep a processor busy."""
        shape = filters[0].shape
        directions = self._directions(filters, _gradients(filters), group["momentum"])
        orthogonal = orthogonalised(torch.stack([each.reshape(shape[0], -1) for each in directions]))
        tall = max(1.0, orthogonal.shape[1] / orthogonal.shape[2]) ** 0.5
        rate = group["lr"]
        torch._foreach_mul_(filters, 1 - rate * group["weight_decay"] / max(1e-3, 1 - group["momentum"]))
        torch._foreach_add_(filters, [each.reshape(shape) for each in orthogonal], alpha=-STEP * rate * tall)

    def _directions(self, moving: list[Tensor], gradients: list[Tensor], momentum: float) -> list[Tensor]:
        """Nesterov's, after the gradients were added to the momentum."""
        for parameter in moving:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        buffers = [self.state[parameter]["momentum"] for parameter in moving]
        torch._foreach_mul_(buffers, momentum)
        torch._foreach_add_(buffers, gradients)
        return list(torch._foreach_add(gradients, buffers, alpha=momentum))


def orthogonalised(matrices: Tensor) -> Tensor:
    """`matrices` [N, rows, columns] with singular values near 1 and the singular vectors they have: U V^T, about.

    Newton and Schulz' iteration, of the fifth power (the post's algorithm 2): products of matrices only.
    """
    first, third, fifth = QUINTIC
    wide = matrices.transpose(1, 2) if matrices.shape[1] > matrices.shape[2] else matrices
    wide = wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = wide @ wide.transpose(1, 2)
        wide = torch.baddbmm(wide, torch.baddbmm(gram, gram, gram, beta=third, alpha=fifth), wide, beta=first)
    return wide.transpose(1, 2) if matrices.shape[1] > matrices.shape[2] else wide


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]
