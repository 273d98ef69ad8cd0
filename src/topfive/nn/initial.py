"""Starting weights that several papers share."""

from __future__ import annotations

from torch import nn


def he_normal(module: nn.Module) -> None:
    """He et al. 2015, arXiv:1502.01852, eq. 10, in the form that keeps the gradients' variance (fan out); biases 0."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
