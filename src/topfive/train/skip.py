"""Steps that are left out as if they had never been taken: their loss or their gradients are without bounds."""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor, nn

from topfive.errors import UsageError
from topfive.train.state import State

_NAN = re.compile(r"skip:([1-9][0-9]{0,8})")


def skips_from(text: str) -> int:
    """How many steps may be left out: none by "stop", three by "skip:3"; else UsageError."""
    found = _NAN.fullmatch(text)
    if found is None and text != "stop":
        raise UsageError("--nan", text, "it is stop or skip:N", "Use e.g. skip:3")
    return int(found[1]) if found else 0


def without_bounds(loss: float, state: State, *, gradients: bool) -> str:
    """What of a step is no number, in words; nothing where all is well.

    A scaler looks for gradients without bounds itself, and lowers its scale.
    """
    if not math.isfinite(loss):
        return f"loss {loss}"
    if gradients and not state.scaler.is_enabled():
        those = [weight.grad for weight in state.model.parameters() if weight.grad is not None]
        if not math.isfinite(nn.utils.get_total_norm(those).item()):
            return "gradients without bounds"
    return ""


def buffers(model: nn.Module) -> list[Tensor]:
    """Copies of what a forward pass changes: the running statistics of norms."""
    return [buffer.clone() for buffer in model.buffers()]


@torch.no_grad()
def put_back(model: nn.Module, before: list[Tensor]) -> None:
    """The statistics become what `buffers` copied."""
    for buffer, kept in zip(model.buffers(), before, strict=True):
        buffer.copy_(kept)
