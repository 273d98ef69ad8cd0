"""The chains of Zoph and Le 2016, arXiv:1611.01578, sec. 4.1: of each layer its kernel, filters and stride, and for
every earlier layer whether this one sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from topfive.models.neural_architecture_search import Layer, Network
from topfive.search.space import Choices, Decision, SearchSpace

KERNELS, FILTERS = (1, 3, 5, 7), (24, 36, 48, 64)


@dataclass(frozen=True)
class Layers:
    """What the layers of a chain may be, and the images they are for: pixels a side, 1 or 3 channels."""

    side: int
    channels: int
    count: int
    kernels: tuple[int, ...]
    filters: tuple[int, ...]
    strides: tuple[int, ...]

    def decisions(self) -> list[Decision]:
        rows: list[Decision] = []
        for number in range(1, self.count + 1):
            own = {"height": self.kernels, "width": self.kernels, "filters": self.filters, "stride": self.strides}
            rows += [Decision(f"layer {number} {what}", tuple(map(str, values))) for what, values in own.items()]
            rows += [Decision(f"layer {number} sees layer {other}", ("no", "yes")) for other in range(1, number)]
        return rows

    def levels(self) -> tuple[int, ...]:
        """A layer has four decisions, and one more for each before it."""
        return tuple(4 * layers + layers * (layers - 1) // 2 for layers in range(1, self.count + 1))

    def network(self, choices: Choices) -> Network:
        """The layers in an order that depends on what computes alone, so that equal networks have equal names."""
        rows: list[Layer] = []
        left = list(choices)
        while left:
            (height, width, filters, stride), left = left[:4], left[4:]
            sees, left = left[: len(rows)], left[len(rows) :]
            rows.append(
                Layer(
                    self.kernels[height],
                    self.kernels[width],
                    self.filters[filters],
                    self.strides[stride],
                    tuple(number for number, yes in enumerate(sees, 1) if yes),
                )
            )
        return Network(self.side, self.channels, ordered(rows))


def ordered(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The same graph of layers, numbered anew by what each is, what it sees and what sees it.

    Layers are told apart by rounds of colours: a layer's next colour is its own, those of what it sees and those of
    what sees it.  Where two still have one colour the first is made different and the rounds go on.  Graphs whose
    unlike layers keep one colour would get two orders, and so be trained twice; none gets another's.
    """
    count = len(layers)
    sees = [[other - 1 for other in layer.inputs] for layer in layers]
    seen_by = [[place for place in range(count) if other in sees[place]] for other in range(count)]
    colours = _numbered([(layer.height, layer.width, layer.filters, layer.stride) for layer in layers])
    while True:
        while (finer := _refined(colours, sees, seen_by)) != colours:
            colours = finer
        twins = [colour for colour in colours if colours.count(colour) > 1]
        if not twins:
            break
        chosen = colours.index(min(twins))
        colours = _numbered([(colour, place != chosen) for place, colour in enumerate(colours)])
    order: list[int] = []
    while len(order) < count:  # what is seen stands before what sees it
        ready = [place for place in range(count) if place not in order and set(sees[place]) <= set(order)]
        order.append(min(ready, key=colours.__getitem__))
    number = {place: position for position, place in enumerate(order, 1)}
    return tuple(
        replace(layers[place], inputs=tuple(sorted(number[other] for other in sees[place]))) for place in order
    )


def _numbered(keys: Sequence[tuple[object, ...]]) -> list[int]:
    """The rank of each key among the different ones."""
    ranks = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    return [ranks[key] for key in keys]


def _refined(colours: Sequence[int], sees: Sequence[Sequence[int]], seen_by: Sequence[Sequence[int]]) -> list[int]:
    return _numbered(
        [
            (
                colours[place],
                tuple(sorted(colours[other] for other in sees[place])),
                tuple(sorted(colours[other] for other in seen_by[place])),
            )
            for place in range(len(colours))
        ]
    )


def chain(name: str, layers: Layers) -> SearchSpace:
    """A level a number of layers, as the paper lets its chains grow."""
    return SearchSpace(
        name=name,
        decisions=tuple(layers.decisions()),
        model=lambda choices: layers.network(choices).name,
        structure=lambda choices: layers.network(choices).name,
        levels=layers.levels(),
        settings=asdict(layers),
    )
