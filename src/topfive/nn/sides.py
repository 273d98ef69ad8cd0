"""Side classifiers: logits from mid-network, so that training reaches there, too.  Szegedy et al. 2014, sec. 5."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Sides:
    """Those that a paper trains a network with.

    `weight` is that of each of their losses beside the main one, 1.  `at` makes a module with a linear `head` from the
    number of classes, by the name of the part of the network whose maps it judges, in the order in which parts run.
    """

    weight: float
    at: Mapping[str, Callable[[int], nn.Module]]
