"""Class lists: what the index of a logit means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Labels:
    """The classes in the order of their index.

    `synsets` are WordNet 3.0 identifiers such as "n02123045", one a class, or none at all.  A synset stands once;
    a name may repeat (ImageNet has a bird and a machine called "crane").
    """

    names: tuple[str, ...]
    synsets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.synsets and len(self.synsets) != len(self.names):
            raise ValueError(f"{len(self.names)} names but {len(self.synsets)} synsets")
        if len(set(self.synsets)) != len(self.synsets):
            raise ValueError("a synset stands twice")

    def __len__(self) -> int:
        return len(self.names)

    def synset(self, index: int) -> str | None:
        """The synset of a class, or None where the list has none."""
        return self.synsets[index] if self.synsets else None


@cache
def imagenet() -> Labels:
    """The 1,000 classes of ILSVRC 2012, identifiers sorted as strings; each is named by its first WordNet 3.0 lemma."""
    rows = _table()
    return Labels(names=tuple(lemmas[0] for _, lemmas in rows), synsets=tuple(synset for synset, _ in rows))


@cache
def imagenet_lemmas() -> tuple[tuple[str, ...], ...]:
    """Every WordNet lemma of each ImageNet class: "tench" is also "Tinca tinca"."""
    return tuple(lemmas for _, lemmas in _table())


@cache
def _table() -> tuple[tuple[str, tuple[str, ...]], ...]:
    text = resources.files(__name__).joinpath("imagenet.tsv").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return tuple((synset, tuple(lemmas.split("|"))) for synset, lemmas in lines)
