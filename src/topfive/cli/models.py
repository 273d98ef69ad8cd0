"""`topfive models`: the networks, each with its paper and its exact counts."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated

from rich.console import Console
from rich.table import Table
from typer import Argument, Option

from topfive.errors import UsageError, nearest, need

if TYPE_CHECKING:
    from topfive.spec import ModelSpec

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9}
COLUMNS_WITH_PAPER = 100  # a narrower terminal has no room for titles


def models(
    pattern: Annotated[str, Argument(help="A part of a name, or a pattern such as 'resnet*_v1'.")] = "*",
    family: Annotated[str | None, Option(help="Only this family, e.g. VGG.")] = None,
    year: Annotated[int | None, Option(help="Only papers of this year.")] = None,
    max_params: Annotated[str | None, Option(metavar="NUMBER", help="At most so many parameters, e.g. 5M.")] = None,
    max_macs: Annotated[str | None, Option(metavar="NUMBER", help="At most so many MACs, e.g. 400M or 4.1G.")] = None,
    as_json: Annotated[bool, Option("--json", help="One JSON line for each network.")] = False,
) -> None:
    """List the networks, each with its paper and its exact counts.

    MACs are the multiply-accumulates of one image of the given input.
    """
    params, macs = _number("--max-params", max_params), _number("--max-macs", max_macs)
    need("torch", "train")
    from topfive.models import list_models, spec

    names = list_models(pattern if set(pattern) & set("*?[") else f"*{pattern}*")
    if not names:
        raise UsageError("no model is called", pattern, nearest(pattern, list_models()), "See: topfive models")
    families = {spec(name).family.lower(): spec(name).family for name in list_models()}
    if family is not None and family.lower() not in families:
        hint = nearest(family.lower(), families)
        raise UsageError("unknown family", family, hint, f"There are: {', '.join(families.values())}")
    chosen = [
        variant
        for variant in map(spec, names)
        if (family is None or variant.family.lower() == family.lower())
        and (year is None or variant.paper.year == year)
        and variant.facts.params <= params
        and variant.facts.macs <= macs
    ]
    if as_json:
        for variant in chosen:
            print(json.dumps(_line(variant), ensure_ascii=False))
    elif chosen:
        console = Console()
        console.print(_table(chosen, console.width >= COLUMNS_WITH_PAPER))
    else:
        Console(stderr=True).print("no network fits all of these", highlight=False)


def _number(flag: str, text: str | None) -> float:
    """The value of "5M", "4.1G" or "300000"; infinity where nothing was said."""
    if text is None:
        return math.inf
    digits, unit = (text[:-1], text[-1].upper()) if text and not text[-1].isdigit() else (text, "")
    try:
        value = round(float(digits) * UNITS[unit], 6)  # 4.1 * 10**9 is a little less than 4.1G
    except (ValueError, KeyError):
        raise UsageError(f"cannot read {flag}", text, "it is not a number", "Write e.g. 5M, 4.1G or 300000") from None
    if not value > 0:
        raise UsageError(f"cannot use {flag}", text, "it must be greater than 0")
    return value


def _line(variant: ModelSpec) -> dict[str, str | int]:
    return {
        "name": variant.name,
        "family": variant.family,
        "year": variant.paper.year,
        "paper": variant.paper.title,
        "arxiv": variant.paper.arxiv,
        "params": variant.facts.params,
        "macs": variant.facts.macs,
        "num_classes": variant.facts.num_classes,
        "in_channels": variant.facts.in_channels,
        "input_size": variant.facts.input_size,
        "fact": variant.fact,
        "departs": variant.departs,
    }


def _table(variants: list[ModelSpec], with_paper: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", expand=with_paper)
    table.add_column("Name", no_wrap=True)
    table.add_column("Year", no_wrap=True)
    table.add_column("Family", no_wrap=True)
    for count in ("Params", "MACs", "Input"):
        table.add_column(count, justify="right", no_wrap=True)
    if with_paper:
        table.add_column("Paper", no_wrap=True, overflow="ellipsis", ratio=1)
    for variant in variants:
        facts, paper = variant.facts, variant.paper
        side = f"{facts.in_channels}x{facts.input_size}x{facts.input_size}"
        cells = [variant.name, str(paper.year), variant.family, _short(facts.params), _short(facts.macs), side]
        table.add_row(*cells, *([paper.title] if with_paper else []))
    return table


def _short(count: int) -> str:
    """Three digits and a unit: 61.7K, 25.6M, 4.09G."""
    for unit in "KMG":
        size = count / UNITS[unit]
        if size < 999.5 or unit == "G":
            return f"{size:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f}{unit}"
    raise AssertionError("G ends the loop")
