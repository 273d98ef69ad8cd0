"""Ways to search: each a function of history (protocols.Strategy)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from topfive.errors import UsageError, nearest
from topfive.search.protocols import Strategy
from topfive.search.strategies import ppo, reinforce
from topfive.search.strategies.evolution import Evolution
from topfive.search.strategies.progressive import Progressive
from topfive.search.strategies.random import Random
from topfive.search.strategies.surrogate import Recurrent

STRATEGIES: Mapping[str, Callable[[int], Strategy]] = {
    "random": lambda seed: Random(),
    "evolution": lambda seed: Evolution(),
    "reinforce": reinforce.strategy,
    "ppo": ppo.strategy,
    "pnas": lambda seed: Progressive(seed=seed),
    "pnas-rnn": lambda seed: Progressive(Recurrent, seed),
}


def strategy_named(name: str, seed: int = 0) -> Strategy:
    """A strategy with the settings that its file tells; `seed` is where the weights of those that learn begin."""
    if name not in STRATEGIES:
        raise UsageError("unknown strategy", name, nearest(name, STRATEGIES), f"There are: {', '.join(STRATEGIES)}")
    return STRATEGIES[name](seed)
