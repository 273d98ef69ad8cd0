"""`topfive models diff A B`: two networks side by side."""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from topfive.cli.count import difference, short
from topfive.cli.model_info import description, layer_rows, quoted, shape

if TYPE_CHECKING:
    from topfive.nn.layer_table import Row
    from topfive.spec import ModelSpec

COUNTS = ("params", "macs", "num_classes", "in_channels", "input_size")
WORDS = ("family", "paper", "idea", "departs", "ancestors", "preprocess", "head", "reported")
SHOWN = 8  # stages that differ; the rest are counted

Pair = tuple["Row | None", "Row | None"]


def show(first: str, second: str, *, as_json: bool) -> None:
    """Print where `first` and `second` differ."""
    from topfive.models import spec

    one, other = spec(first), spec(second)
    pairs = compared(layer_rows(one)[1], layer_rows(other)[1])
    if as_json:
        print(json.dumps(_as_json(first, second, pairs), ensure_ascii=False))
    else:
        _print(one, other, pairs)


def compared(first: list[Row], second: list[Row]) -> list[Pair]:
    """The stages of two networks in order, equal ones beside each other; None where the other has no counterpart."""
    a_keys, b_keys = list(map(_key, first)), list(map(_key, second))
    pairs: list[Pair] = []
    for _, a, after_a, b, after_b in SequenceMatcher(None, a_keys, b_keys, autojunk=False).get_opcodes():
        for index in range(max(after_a - a, after_b - b)):
            left = first[a + index] if a + index < after_a else None
            right = second[b + index] if b + index < after_b else None
            pairs.append((left, right))
    return pairs


def differs(pair: Pair) -> bool:
    left, right = pair
    return left is None or right is None or _key(left) != _key(right)


def _key(row: Row) -> tuple[object, ...]:
    """All but the name, which is our own affair."""
    return row.layer, row.outputs, row.params, row.macs


def _as_json(first: str, second: str, pairs: list[Pair]) -> dict[str, Any]:
    one, other = description(first), description(second)
    facts = {key: {"a": one[key], "b": other[key], "difference": other[key] - one[key]} for key in COUNTS}
    words = {key: {"a": one[key], "b": other[key]} for key in WORDS if one[key] != other[key]}
    stages = [{"a": _plain(left), "b": _plain(right)} for left, right in pairs if differs((left, right))]
    return {"a": first, "b": second, "facts": facts, "differs": words, "layers": stages}


def _plain(row: Row | None) -> dict[str, Any] | None:
    return None if row is None else dict(row.__dict__)


def _print(one: ModelSpec, other: ModelSpec, pairs: list[Pair]) -> None:
    console = Console(highlight=False, markup=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", style="bold", no_wrap=True)
    for heading in (one.name, other.name):
        table.add_column(heading, overflow="fold", ratio=1)
    table.add_column("Difference", no_wrap=True)
    for row in _facts(one, other):
        table.add_row(*map(Text, row))
    console.print(table)
    console.print(Padding(_stages(pairs), (1, 0, 0, 0)))
    left_out = sum(map(differs, pairs)) - SHOWN
    if left_out > 0:
        console.print(f"and {left_out} more that differ")


def _facts(one: ModelSpec, other: ModelSpec) -> list[tuple[str, str, str, str]]:
    from topfive.cli.lineage import ancestors, file_of, title_and_idea

    a, b = one.facts, other.facts
    rows = [
        ("Parameters", f"{a.params:,}", f"{b.params:,}", difference(b.params, a.params)),
        ("MACs", f"{a.macs:,}", f"{b.macs:,}", difference(b.macs, a.macs)),
    ]
    words = [
        ("Input", *(f"{facts.in_channels}x{facts.input_size}x{facts.input_size}" for facts in (a, b))),
        ("Classes", str(a.num_classes), str(b.num_classes)),
        ("Published", f"{one.paper.year}-{one.paper.month:02}", f"{other.paper.year}-{other.paper.month:02}"),
        ("Paper", one.paper.title, other.paper.title),
        ("Idea", *(title_and_idea(file_of(variant))[1] for variant in (one, other))),
        ("Builds on", *(", ".join(ancestors(file_of(variant))) or "no earlier paper" for variant in (one, other))),
        ("Reported", *("\n".join(map(quoted, facts.reported)) or "nothing" for facts in (a, b))),
        ("Departs", one.departs or "nowhere known", other.departs or "nowhere known"),
    ]
    return rows + [(label, left, "same" if left == right else right, "") for label, left, right in words]


def _stages(pairs: list[Pair]) -> Table:
    """The first stages that differ as in a unified diff, with the one that is equal before each."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("", "Stage", "Layer", "Output"):
        table.add_column(heading, no_wrap=heading in ("", "Output"), overflow="fold")
    for heading in ("Params", "MACs"):
        table.add_column(heading, justify="right", no_wrap=True)
    shown = equal = 0
    for pair in pairs:
        if not differs(pair):
            equal += 1
            continue
        if shown == SHOWN:
            continue
        if equal:
            table.add_row("", Text(f"{equal} equal", style="dim"), "", "", "", "")
            equal = 0
        shown += 1
        for mark, row, style in (("-", pair[0], "red"), ("+", pair[1], "green")):
            if row is not None:
                cells = (mark, row.name, row.layer, shape(row.outputs), short(row.params), short(row.macs))
                table.add_row(*cells, style=style)
    if equal and shown < SHOWN:
        table.add_row("", Text(f"{equal} equal", style="dim"), "", "", "", "")
    return table
