"""Running statistics that keep pace with a short run."""

from __future__ import annotations

from torch import nn

FORGOTTEN = 30  # time constants of the slowest average that must fit into a run
USUAL = 0.1  # torch's own momentum: quick enough for any run


def keep_pace(model: nn.Module, steps: int) -> None:
    """Raise the momentum of BatchNorm where a run of `steps` steps is too short for it.

    The mobile networks average with momentum 0.01, made for hundreds of thousands of steps: after four hundred the
    statistics still remember the random start, and a network that has learnt answers as if it had not.
    """
    least = min(USUAL, FORGOTTEN / max(1, steps))
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.momentum is not None:
            module.momentum = max(module.momentum, least)
