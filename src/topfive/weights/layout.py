"""How another library names the parameters that our networks have, as a table of rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

Rule = tuple[str, str | Callable[..., str]]
_BLOCK = re.compile(r"(stages\.\d+)\.(\d+)\.")


@dataclass(frozen=True)
class Layout:
    """One library's names for the networks of one family.

    A rule is a pattern of our module names, in which `#` stands for a number, and their name for it, or a function
    that makes their name from the numbers; the first rule that fits counts, one for a single tensor before all others.
    Where they number blocks through all stages, `through` makes the second number of our `stages.#.#` do the same.
    `marks` are tensors that every network of this layout has, and by which it is known.

    `maps` has, by patterns of our tensors, height and width of what is a map in theirs and none in ours: of a linear
    layer that is a convolution there, of a scale with a place for every channel.
    `differs` says how a network of ours, all of whose names fit, computes another thing than theirs, "" where it does
    not; None where theirs come in several arithmetics, and the user has to know.  `disagrees` says the same of a source
    that calls itself by a name, the network's or a file's, where only that tells two libraries apart.  `aside` are
    beginnings of their names that may be there without being here: of side classifiers.
    """

    library: str
    family: str
    marks: tuple[str, ...]
    rules: Sequence[Rule]
    through: bool = False
    maps: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    differs: Callable[[nn.Module], str] | None = None
    disagrees: Callable[[nn.Module, str], str] | None = None
    aside: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.library}'s {self.family}"

    def names(self, ours: Iterable[str]) -> dict[str, str] | None:
        """Their name for each of our tensors, or None where one has no rule: then it is no such network."""
        ours = list(ours)
        numbers = _through(ours) if self.through else {}
        found = {}
        for name in ours:
            module, _, leaf = name.rpartition(".")
            if (tensor := self._theirs(_renumbered(name, numbers))) is not None:
                found[name] = tensor
            elif (theirs := self._theirs(_renumbered(module, numbers))) is not None:
                found[name] = f"{theirs}.{leaf}"
            elif name.startswith("sides."):
                found[name] = name  # a library that leaves out the side classifiers has no name for them
            else:
                return None
        return found

    def objection(self, model: nn.Module, named: str) -> str:
        """Why weights that call themselves `named`, "" where they do not, are not for the arithmetic of `model`."""
        why = self.differs(model) if self.differs is not None else ""
        return why or (self.disagrees(model, named) if self.disagrees is not None and named else "")

    def shaped(self, name: str, tensor: Tensor) -> Tensor:
        """Our tensor `name` in their shape."""
        for pattern, sides in self.maps.items():
            if _fits(pattern, name):
                return tensor.reshape(len(tensor), *([-1] * (tensor.ndim - 1)), *sides)
        return tensor

    def _theirs(self, name: str) -> str | None:
        for pattern, theirs in self.rules:
            if match := _fits(pattern, name):
                try:
                    return theirs if isinstance(theirs, str) else theirs(*map(int, match.groups()))
                except LookupError:
                    return None  # their network has no such place
        return None


def of_stages(count: int) -> Callable[[nn.Module], str]:
    """`differs` where the rules for one size name the tensors of the others too."""
    return lambda model: "" if len(list(model.get_submodule("stages").children())) == count else "choose another size"


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key by which `layer.2` stands before `layer.10`."""
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in name.split(".")]


def _fits(pattern: str, name: str) -> re.Match[str] | None:
    return re.fullmatch(re.escape(pattern).replace(r"\#", r"(\d+)"), name)


def _through(ours: Iterable[str]) -> dict[str, int]:
    """Each `stages.S.P` with its number, counted through all stages."""
    blocks = {match[0][:-1] for name in ours if (match := _BLOCK.match(name))}
    return {block: number for number, block in enumerate(sorted(blocks, key=natural))}


def _renumbered(module: str, numbers: dict[str, int]) -> str:
    match = _BLOCK.match(module + ".")
    if match is None or not numbers:
        return module
    block = match[0][:-1]
    return f"{match[1]}.{numbers[block]}{module[len(block) :]}"
