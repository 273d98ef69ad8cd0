"""Shipped large, searched small: the network that stands for a large one while a search trains it for seconds.

A cell is found with few filters on small images and then used with more of both (Zoph et al. 2017, arXiv:1707.07012,
sec. 4).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from topfive.models import mnasnet, neural_architecture_search, spec
from topfive.nn import found
from topfive.nn.measure import count_facts
from topfive.search.latency import latency_within
from topfive.search.protocols import Evaluator
from topfive.search.trial import Measurement


@dataclass(frozen=True)
class Transfer:
    """The same architecture for images of `side` pixels, and cells with `filters` in the first stage; None: as is."""

    side: int | None = None
    filters: int | None = None

    def __call__(self, model: str) -> str:
        family = model.partition(":")[0]
        if family in found.FAMILIES:
            cell = found.read(model)
            size = dataclasses.replace(
                cell.size, side=self.side or cell.size.side, filters=self.filters or cell.size.filters
            )
            return dataclasses.replace(cell, size=size).name
        if self.side is None:
            return model
        if family == "chain":
            return dataclasses.replace(neural_architecture_search.read(model), side=self.side).name
        if family == "mnasnet":
            return dataclasses.replace(mnasnet.read(model), side=self.side).name
        return model


@dataclass(frozen=True)
class Reduced:
    """Measures the accuracy of what stands for a network, and the costs of the network itself.

    Its latency, in milliseconds, only where it is limited, to `max_latency` seconds: see `latency_within`.
    """

    evaluate: Evaluator
    transfer: Transfer
    num_classes: int
    max_latency: float | None = None

    def __call__(self, model: str, seed: int) -> Measurement:
        row = spec(model)
        facts = count_facts(row.build, row.facts.input_size, self.num_classes, row.facts.in_channels)
        limit = self.max_latency
        latency = None if limit is None else 1e3 * latency_within(model, self.num_classes, limit)
        measured = self.evaluate(self.transfer(model), seed)
        return dataclasses.replace(measured, params=facts.params, macs=facts.macs, latency=latency)
