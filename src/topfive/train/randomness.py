"""Counter-based randomness: every draw is a function of (run seed, purpose, counters), so there is no state to save.

A run that stops at any step and is resumed draws the same numbers, whatever the number of workers.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def seed_of(seed: int, purpose: str, *counters: int) -> int:
    """A 63-bit seed that depends on nothing but its arguments (Python's own `hash` is salted by process)."""
    text = ":".join([str(seed), purpose, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def generator(seed: int, purpose: str, *counters: int) -> torch.Generator:
    """A fresh CPU generator for one purpose at one place of the run."""
    return torch.Generator().manual_seed(seed_of(seed, purpose, *counters))


def reseed(seed: int, device: torch.device) -> None:
    """What torch draws next, on the processor and on `device`, follows from `seed`.

    torch.manual_seed would queue a note for every kind of device that is not there, at the price of a small network's
    step.
    """
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        kind = torch.get_device_module(device)
        getattr(kind, "manual_seed_all", kind.manual_seed)(seed)  # where there may be many of a kind


def order(seed: int, epoch: int, count: int) -> Tensor:
    """The order in which epoch `epoch` visits `count` samples: int64 [count]."""
    return torch.randperm(count, generator=generator(seed, "order", epoch))
