"""A genealogy as an SVG: generations from top to bottom, few crossings, straight lines of descent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import fsum
from statistics import fmean

from years import INK, MUTED, colour

FONT = "Helvetica,Arial,sans-serif"
ADVANCE = 6.9  # of one character, generously
BOX, STEP, PAD = 36, 74, 12  # heights: of a box, from layer to layer, above and below a year
LEFT, MARGIN, TOP = 78, 28, 74
GAP, THREAD = 18, 16  # between boxes; of a line that passes a layer
ROUNDS = 24


@dataclass(frozen=True)
class Person:
    """`parents` are names of others; `layer` orders those of one year."""

    name: str
    title: str
    year: int
    parents: tuple[str, ...]
    tooltip: str


Span = tuple[int, float, float]  # a node's layer, left and right end


@dataclass(frozen=True)
class Family:
    """All who are related: the middle of each, and the spans they take."""

    middle: dict[Node, float]
    spans: list[Span]


Node = str  # a name, or "parent>child@3" where a line passes layer 3


def family_tree(people: Sequence[Person], *, title: str, note: str) -> str:
    """The drawing; a line that an intermediate ancestor already implies is thin and dashed."""
    rows = _rows(people)
    layer_of = {name: index for index, (_, names) in enumerate(rows) for name in names}
    edges = [(parent, person.name) for person in people for parent in person.parents]
    chains = {edge: _chain(edge, layer_of) for edge in edges}
    by_name = {person.name: person for person in people}
    families = [_family(names, chains, layer_of, by_name, len(rows)) for names in _families(people)]
    middle, left, right = _packed(families)
    middle = {node: x + LEFT + MARGIN - left for node, x in middle.items()}
    right += LEFT + 2 * MARGIN - left
    tops, bands, bottom = _heights(rows)
    implied = _implied(people)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right:.0f} {bottom:.0f}" width="{right:.0f}" '
        f'height="{bottom:.0f}" role="img" font-family="{FONT}" font-size="12.5">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{right:.0f}" height="{bottom:.0f}" fill="#fff"/>',
        f'<text x="{MARGIN}" y="32" font-size="18" font-weight="bold" fill="{INK}">{escape(title)}</text>',
        f'<text x="{MARGIN}" y="54" fill="{MUTED}">{escape(note)}</text>',
    ]
    for index, (year, top, end) in enumerate(bands):
        if index % 2 == 0:
            parts.append(f'<rect y="{top:.0f}" width="{right:.0f}" height="{end - top:.0f}" fill="#f3f4f6"/>')
        parts.append(
            f'<text x="{MARGIN}" y="{(top + end) / 2 + 5:.0f}" font-size="14" font-weight="bold" '
            f'fill="{colour(year)}">{year}</text>'
        )
    for edge, chain in sorted(chains.items(), key=lambda item: item[0] not in implied):
        stroke = colour(by_name[edge[0]].year)
        parts.append(_line(chain, layer_of[edge[0]], middle, tops, stroke, thin=edge in implied))
    for person in people:
        parts += _box(person, middle[person.name], tops[layer_of[person.name]])
    return "\n".join([*parts, "</svg>", ""])


def _rows(people: Sequence[Person]) -> list[tuple[int, list[str]]]:
    """(year, names) of each layer; within a year children stand below their parents."""
    year_of = {person.name: person.year for person in people}
    generation: dict[str, int] = {}
    for person in people:  # in order of publication, so parents come first
        within = [generation[parent] for parent in person.parents if year_of[parent] == person.year]
        generation[person.name] = max(within, default=-1) + 1
    layers: dict[tuple[int, int], list[str]] = {}
    for person in people:
        layers.setdefault((person.year, generation[person.name]), []).append(person.name)
    return [(year, layers[year, within]) for year, within in sorted(layers)]


def _families(people: Sequence[Person]) -> list[list[str]]:
    """The names, related ones together, in order of their first publication."""
    family = {person.name: index for index, person in enumerate(people)}
    for person in people:
        for parent in person.parents:
            old, new = family[person.name], family[parent]
            family = {name: min(old, new) if index in (old, new) else index for name, index in family.items()}
    return [[name for name in family if family[name] == index] for index in sorted(set(family.values()))]


def _family(
    names: Sequence[str],
    chains: Mapping[tuple[str, str], list[Node]],
    layer_of: Mapping[str, int],
    by_name: Mapping[str, Person],
    height: int,
) -> Family:
    """One family laid out for itself."""
    layers: list[list[Node]] = [[] for _ in range(height)]
    for name in names:
        layers[layer_of[name]].append(name)
    own = [chain for edge, chain in chains.items() if edge[1] in names]
    for chain in own:
        for node in chain[1:-1]:
            layers[int(node.rpartition("@")[2])].append(node)
    links = sorted({link for chain in own for link in pairwise(chain)})
    width = {node: _width(by_name[node]) if node in by_name else float(THREAD) for layer in layers for node in layer}
    layers = _ordered(layers, links)
    middle = _placed(layers, links, width)
    spans = [
        (index, middle[node] - width[node] / 2, middle[node] + width[node] / 2)
        for index, layer in enumerate(layers)
        for node in layer
    ]
    return Family(middle, spans)


def _packed(families: Sequence[Family]) -> tuple[dict[Node, float], float, float]:
    """All places, the left and the right end: the largest family first, the others in its gaps or beside it."""
    middle: dict[Node, float] = {}
    taken: list[Span] = []
    for family in sorted(families, key=lambda family: -len(family.middle)):
        shift = min(_shifts(family, taken), key=lambda by: _widening(family, taken, by))
        middle |= {node: x + shift for node, x in family.middle.items()}
        taken += [(layer, a + shift, b + shift) for layer, a, b in family.spans]
    return middle, min(a for _, a, _ in taken), max(b for _, _, b in taken)


def _shifts(family: Family, taken: Sequence[Span]) -> list[float]:
    """Where the family may stand: beside something that is there, at either end or in the middle, and free of all."""
    against = [
        shift
        for layer, a, b in family.spans
        for other, left, right in taken
        if layer == other
        for shift in (right + 2 * GAP - a, left - 2 * GAP - b)
    ]
    if taken:
        start, end = min(a for _, a, _ in taken), max(b for _, _, b in taken)
        low, high = min(a for _, a, _ in family.spans), max(b for _, _, b in family.spans)
        against += [start - low, end - high, (start + end - low - high) / 2]
    free = [shift for shift in against if not _touches(family, taken, shift)]
    return sorted(free) or [0.0]


def _touches(family: Family, taken: Sequence[Span], shift: float) -> bool:
    return any(
        layer == other and a + shift < right + 1.9 * GAP and b + shift > left - 1.9 * GAP
        for layer, a, b in family.spans
        for other, left, right in taken
    )


def _widening(family: Family, taken: Sequence[Span], shift: float) -> tuple[float, float]:
    """By how much the drawing grows, and how far from its middle the family then is."""
    if not taken:
        return 0.0, 0.0
    start, end = min(a for _, a, _ in taken), max(b for _, _, b in taken)
    low, high = min(a for _, a, _ in family.spans) + shift, max(b for _, _, b in family.spans) + shift
    grown = max(end, high) - min(start, low) - (end - start)
    return round(grown, 1), round(abs(low + high - start - end), 1)


def _chain(edge: tuple[str, str], layer_of: Mapping[str, int]) -> list[Node]:
    parent, child = edge
    between = range(layer_of[parent] + 1, layer_of[child])
    return [parent, *(f"{parent}>{child}@{layer}" for layer in between), child]


def _implied(people: Sequence[Person]) -> set[tuple[str, str]]:
    """Edges to an ancestor that another parent descends from too."""
    above: dict[str, set[str]] = {}
    for person in people:
        above[person.name] = set(person.parents).union(*(above[parent] for parent in person.parents))
    return {
        (parent, person.name)
        for person in people
        for parent in person.parents
        if any(parent in above[other] for other in person.parents)
    }


def _ordered(layers: list[list[Node]], links: Sequence[tuple[Node, Node]]) -> list[list[Node]]:
    """Each layer in an order that few lines cross: sweeps by the mean of the neighbours, then swaps of neighbours."""
    up, down = _neighbours(links)
    best, fewest = layers, _crossings(layers, links)
    for sweep in range(ROUNDS):
        beside = up if sweep % 2 == 0 else down
        layers = [list(layer) for layer in layers]
        for index in range(len(layers)) if sweep % 2 == 0 else reversed(range(len(layers))):
            at = _positions(layers)
            # Those without neighbours on this side keep their place among the others.
            key = {
                node: fmean(at[other] for other in beside[node]) if beside.get(node) else at[node]
                for node in layers[index]
            }
            layers[index].sort(key=lambda node: key[node])
        layers = _swapped(layers, links)
        crossings = _crossings(layers, links)
        if crossings < fewest:
            best, fewest = layers, crossings
    return best


def _positions(layers: Sequence[Sequence[Node]]) -> dict[Node, float]:
    """Places from 0 to 1 in each layer."""
    return {node: (index + 0.5) / len(layer) for layer in layers for index, node in enumerate(layer)}


def _neighbours(links: Iterable[tuple[Node, Node]]) -> tuple[dict[Node, list[Node]], dict[Node, list[Node]]]:
    up: dict[Node, list[Node]] = {}
    down: dict[Node, list[Node]] = {}
    for above, below in links:
        up.setdefault(below, []).append(above)
        down.setdefault(above, []).append(below)
    return up, down


def _crossings(layers: Sequence[Sequence[Node]], links: Sequence[tuple[Node, Node]]) -> int:
    at = {node: index for layer in layers for index, node in enumerate(layer)}
    of = {node: index for index, layer in enumerate(layers) for node in layer}
    between: dict[int, list[tuple[int, int]]] = {}
    for above, below in links:
        between.setdefault(of[above], []).append((at[above], at[below]))
    return sum(
        (a - c) * (b - d) < 0
        for pairs in between.values()
        for index, (a, b) in enumerate(pairs)
        for c, d in pairs[:index]
    )


def _swapped(layers: list[list[Node]], links: Sequence[tuple[Node, Node]]) -> list[list[Node]]:
    """Neighbours change places as long as that saves a crossing."""
    up, down = _neighbours(links)
    better = True
    while better:
        better = False
        at = {node: index for layer in layers for index, node in enumerate(layer)}
        for layer in layers:
            for index in range(len(layer) - 1):
                left, right = layer[index], layer[index + 1]
                saved = 0
                for beside in (up, down):
                    for a in beside.get(left, ()):
                        for b in beside.get(right, ()):
                            saved += (at[a] > at[b]) - (at[a] < at[b])
                if saved > 0:
                    layer[index], layer[index + 1] = right, left
                    at[left], at[right] = index + 1, index
                    better = True
    return layers


def _placed(
    layers: Sequence[Sequence[Node]], links: Sequence[tuple[Node, Node]], width: Mapping[Node, float]
) -> dict[Node, float]:
    """The middle of each node: near its neighbours above and below, in order and without touching."""
    up, down = _neighbours(links)
    middle: dict[Node, float] = {}
    for layer in layers:
        x = 0.0
        for node in layer:
            middle[node] = x + width[node] / 2
            x += width[node] + GAP
        for node in layer:
            middle[node] -= x / 2
    for sweep in range(8 * ROUNDS):
        for layer in filter(None, layers if sweep % 2 == 0 else reversed(layers)):
            wishes, weights = [], []
            for node in layer:
                pulls = [(middle[other], _pull(node, other)) for other in (*up.get(node, ()), *down.get(node, ()))]
                weights.append(fsum(pull for _, pull in pulls) or 0.05)
                wishes.append(fsum(x * pull for x, pull in pulls) / weights[-1] if pulls else middle[node])
            for node, x in zip(layer, _apart(layer, wishes, weights, width), strict=True):
                middle[node] = x
    return middle


def _pull(node: Node, other: Node) -> float:
    """A line that passes layers is to be straight there, and to bend at its ends."""
    return (1.0, 3.0, 16.0)[(">" in node) + (">" in other)]


def _apart(
    layer: Sequence[Node], wishes: Sequence[float], weights: Sequence[float], width: Mapping[Node, float]
) -> list[float]:
    """The places nearest to the wishes, by weighted squares, that keep order and distance."""
    offsets = [0.0]
    for before, after in pairwise(layer):
        gap = 4 if ">" in before and ">" in after else GAP
        offsets.append(offsets[-1] + (width[before] + width[after]) / 2 + gap)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, members: neighbours that had to be pushed together
    for wish, weight, offset in zip(wishes, weights, offsets, strict=True):
        mean, total, members = wish - offset, weight, 1
        while blocks and blocks[-1][0] > mean:
            other, other_weight, other_members = blocks.pop()
            mean = (mean * total + other * other_weight) / (total + other_weight)
            total, members = total + other_weight, members + other_members
        blocks.append((mean, total, members))
    means = [mean for mean, _, members in blocks for _ in range(members)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _heights(rows: Sequence[tuple[int, list[str]]]) -> tuple[list[float], list[tuple[int, float, float]], float]:
    """The top of each layer's boxes, (year, top, bottom) of each band, and the height of it all."""
    tops: list[float] = []
    bands: list[tuple[int, float, float]] = []
    y = float(TOP)
    for year, _ in rows:
        if not bands or bands[-1][0] != year:
            bands.append((year, y, y + STEP))
        else:
            bands[-1] = (year, bands[-1][1], y + STEP)
        tops.append(y + (STEP - BOX) / 2)
        y += STEP
    return tops, bands, y + PAD


def _split(title: str) -> list[str]:
    """One line, or two of a long title."""
    first, mark, second = title.partition(" and ")
    return [f"{first} and", second] if mark and len(title) > 22 else [title]


def _width(person: Person) -> float:
    return max(len(line) for line in _split(person.title)) * ADVANCE + 20


def _box(person: Person, middle: float, top: float) -> list[str]:
    lines, width = _split(person.title), _width(person)
    first = top + BOX / 2 + 4.5 - 7.5 * (len(lines) - 1)
    stroke = colour(person.year)
    text = "".join(
        f'<tspan x="{middle:.1f}" y="{first + 15 * index:.1f}">{escape(line)}</tspan>'
        for index, line in enumerate(lines)
    )
    return [
        f"<g><title>{escape(person.tooltip)}</title>",
        f'<rect x="{middle - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" height="{BOX}" rx="6" fill="#fff" '
        f'stroke="{stroke}" stroke-width="1.6"/>',
        f'<text text-anchor="middle" font-weight="bold" fill="{stroke}">{text}</text></g>',
    ]


def _line(
    chain: Sequence[Node], first: int, middle: Mapping[Node, float], tops: Sequence[float], stroke: str, *, thin: bool
) -> str:
    """From the bottom of the parent, in layer `first`, to the top of the child, straight past the boxes between."""
    path = f"M{middle[chain[0]]:.1f},{tops[first] + BOX:.1f}"
    for index, (above, below) in enumerate(pairwise(chain), first):
        start, end = tops[index] + BOX, tops[index + 1]
        half = (start + end) / 2
        path += f"C{middle[above]:.1f},{half:.1f} {middle[below]:.1f},{half:.1f} {middle[below]:.1f},{end:.1f}"
        if below != chain[-1]:
            path += f"V{end + BOX:.1f}"
    drawn = 'stroke-width="1" stroke-dasharray="2 4" stroke-opacity="0.6"' if thin else 'stroke-width="1.8"'
    return f'<path d="{path}" fill="none" stroke="{stroke}" {drawn}/>'
