"""RMSProp as TensorFlow computes it, which the mobile networks were trained with.

It differs from torch's in three ways that long runs notice: epsilon stands inside the root, the average of the squares
begins at one, and the rate is part of what the momentum remembers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import optim


class RMSProp(optim.Optimizer):
    """`alpha` 0.9 as in MobileNetV2 (sec. 6.1) and EfficientNet (sec. 5); `eps` 1e-3 as in their released code.

    The decay is part of the gradient, as in those papers.
    """

    def __init__(
        self, groups: Iterable[dict[str, Any]], lr: float, momentum: float = 0.9, alpha: float = 0.9, eps: float = 1e-3
    ):
        super().__init__(groups, {"lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            moving = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not moving:
                continue
            for parameter in moving:
                if not self.state[parameter]:
                    self.state[parameter]["square"] = torch.ones_like(parameter)
                    self.state[parameter]["momentum"] = torch.zeros_like(parameter)
            squares = [self.state[parameter]["square"] for parameter in moving]
            buffers = [self.state[parameter]["momentum"] for parameter in moving]
            gradients = [parameter.grad for parameter in moving]
            if group["weight_decay"]:
                gradients = list(torch._foreach_add(gradients, moving, alpha=group["weight_decay"]))
            torch._foreach_lerp_(squares, torch._foreach_mul(gradients, gradients), 1 - group["alpha"])
            roots = torch._foreach_add(squares, group["eps"])
            torch._foreach_sqrt_(roots)
            torch._foreach_mul_(buffers, group["momentum"])
            torch._foreach_addcdiv_(buffers, gradients, roots, value=group["lr"])
            torch._foreach_sub_(moving, buffers)
