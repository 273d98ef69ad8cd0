"""The spaces by name, each at its paper's size and at sizes that train in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from topfive.errors import UsageError, nearest
from topfive.nn.found import Size
from topfive.search.space import SearchSpace
from topfive.search.spaces.cells import NASNET_OPERATIONS, PNAS_OPERATIONS, nasnet, pnas
from topfive.search.spaces.chain import FILTERS, KERNELS, Layers, chain
from topfive.search.spaces.mnasnet import MOBILENET_V2, SMALL, mnasnet
from topfive.search.spaces.scaling import factors_of

CHEAP = ("separable_3x3", "separable_5x5", "average_3x3", "max_3x3", "identity")
TWO = ("separable_3x3", "max_3x3")


@dataclass(frozen=True)
class Named:
    """A space for images of any side and channels; `side` and `channels` are those where nothing else is said."""

    make: Callable[[int, int], SearchSpace]
    side: int = 32
    channels: int = 3


SPACES = {
    # Searched with N = 2 and F = 32 (Zoph et al., appendix A).
    "nasnet": Named(lambda side, channels: nasnet("nasnet", NASNET_OPERATIONS, 5, Size(2, 32, side, channels))),
    "nasnet-small": Named(lambda side, channels: nasnet("nasnet-small", CHEAP, 2, Size(1, 16, side, channels))),
    # Searched with N = 2 and F = 24 (Liu et al., sec. 5.1).
    "pnas": Named(lambda side, channels: pnas("pnas", PNAS_OPERATIONS, 5, Size(2, 24, side, channels))),
    "pnas-small": Named(lambda side, channels: pnas("pnas-small", CHEAP, 3, Size(1, 16, side, channels))),
    # 4,015 cells, few enough to train them all.  One operation learns and the other does not, so that cells differ, and
    # by more than chance: by 2 points (standard deviation) at three blocks, two trainings of a cell by 0.7.
    "pnas-two": Named(lambda side, channels: pnas("pnas-two", TWO, 3, Size(1, 8, side, channels)), 8, 1),
    # Zoph and Le, sec. 4.1: without strides 15 layers, with strides 20.
    "chain": Named(lambda side, channels: chain("chain", Layers(side, channels, 15, KERNELS, FILTERS, (1,)))),
    "chain-strides": Named(
        lambda side, channels: chain("chain-strides", Layers(side, channels, 20, KERNELS, FILTERS, (1, 2, 3)))
    ),
    "chain-small": Named(
        lambda side, channels: chain("chain-small", Layers(side, channels, 4, (1, 3, 5), (8, 16, 24), (1, 2)))
    ),
    "mnasnet": Named(lambda side, channels: mnasnet("mnasnet", MOBILENET_V2, side, channels), 224),
    "mnasnet-small": Named(lambda side, channels: mnasnet("mnasnet-small", SMALL, side, channels)),
}
# Of a network that the space is named after, as in scaling:efficientnet_b0.
SCALINGS = {"scaling": (1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2.0), "scaling-small": (1.0, 1.2, 1.4)}


def space_named(name: str, side: int | None = None, channels: int | None = None) -> SearchSpace:
    """The space for images of `side` pixels a side and 1 or 3 `channels`.  UsageError for a name that is not there.

    Behind a colon, a space that scales a network has that network's name; side and channels are its own.
    """
    kind, colon, base = name.partition(":")
    if colon and kind in SCALINGS:
        return factors_of(name, base, SCALINGS[kind])
    if name not in SPACES:
        raise UsageError(
            "unknown space", name, nearest(name, SPACES), f"There are: {', '.join(SPACES)}, scaling:NETWORK"
        )
    named = SPACES[name]
    return named.make(side or named.side, channels or named.channels)
