"""Dropout at another rate than the paper's.  Srivastava et al. 2014, JMLR 15."""

from __future__ import annotations

from torch import nn

from topfive.errors import UsageError
from topfive.nn.classifier import Classifier


def set_dropout(model: Classifier, rate: float) -> None:
    """Set the probability (from 0, below 1) of all dropout: before the head, and where else the network has it.

    The side classifiers keep their paper's.
    """
    if not 0 <= rate < 1:
        raise UsageError(f"cannot drop features with probability {rate:g}", why="it must be at least 0 and below 1")
    for name, module in model.named_modules():
        if isinstance(module, nn.Dropout) and not name.startswith("sides."):
            module.p = rate
