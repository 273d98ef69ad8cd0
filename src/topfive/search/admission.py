"""Which networks are worth an evaluation at all: those that can be built, and are not too big."""

from __future__ import annotations

from dataclasses import dataclass

from topfive.models import spec
from topfive.nn.measure import count_facts


def everything(model: str) -> str:
    """Refuses nothing, for evaluators that build nothing."""
    return ""


@dataclass(frozen=True)
class Limits:
    """Networks that can be built for `input_size` and have at most so many parameters and multiply-accumulates.

    They are built on the meta device, where they take neither memory nor time.
    """

    input_size: int
    num_classes: int
    in_channels: int = 3
    max_params: int | None = None
    max_macs: int | None = None

    def __call__(self, model: str) -> str:
        try:
            facts = count_facts(spec(model).build, self.input_size, self.num_classes, self.in_channels)
        except Exception as error:  # whatever a network that fits nothing may raise
            return f"cannot be built: {' '.join(str(error).split())}"
        if self.max_params is not None and facts.params > self.max_params:
            return f"too big: {facts.params:,} parameters, {self.max_params:,} allowed"
        if self.max_macs is not None and facts.macs > self.max_macs:
            return f"too big: {facts.macs:,} multiply-accumulates, {self.max_macs:,} allowed"
        return ""
