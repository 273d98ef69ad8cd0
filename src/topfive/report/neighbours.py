"""An order of the classes in which those that are taken for each other stand together, so that a large matrix shows it.

Pairs of chains are joined end to end, the most often confused first, as in single-linkage clustering: first only up to
blocks that can be read as a table, then these blocks to one whole chain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Chain = tuple[int, ...]


def blocks(counts: NDArray[np.int64], most: int) -> list[Chain]:
    """The classes of a confusion matrix in blocks of at most `most`, such that the blocks follow each other too."""
    errors = _mutual(counts)
    small = _chains(errors, most)
    member = np.zeros((len(counts), len(small)))
    for index, chain in enumerate(small):
        member[list(chain), index] = 1
    between = _mutual(member.T @ errors @ member)
    return [small[index] for chain in _chains(between, len(small)) for index in chain]


def _mutual(counts: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """How often two classes, or blocks, are taken for each other, either way."""
    both = (counts + counts.T).astype(np.float64)
    np.fill_diagonal(both, 0)
    return both


def _chains(errors: NDArray[np.float64], most: int) -> list[Chain]:
    """Chains of at most `most`, of those with the most errors first; a class that nothing links is one by itself."""
    rows, columns = np.nonzero(np.triu(errors, 1))
    chain_of: dict[int, Chain] = {index: (index,) for index in range(len(errors))}
    for link in np.argsort(-errors[rows, columns], kind="stable"):
        one, other = chain_of[int(rows[link])], chain_of[int(columns[link])]
        if one is other or len(one) + len(other) > most:
            continue
        joined = _joined(one, other, errors)
        chain_of.update(dict.fromkeys(joined, joined))
    distinct = dict.fromkeys(chain_of.values())
    return sorted(distinct, key=lambda chain: -errors[np.ix_(chain, chain)].sum())


def _joined(one: Chain, other: Chain, errors: NDArray[np.float64]) -> Chain:
    """Both end to end, turned so that the ends that meet are the ones most often confused."""
    ways = [(a, b) for a in (one, one[::-1]) for b in (other, other[::-1])]
    first, second = max(ways, key=lambda way: errors[way[0][-1], way[1][0]])
    return first + second
