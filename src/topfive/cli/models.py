"""`topfive models`: the networks, each with its paper and its exact counts; one of them in full, and two compared."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Any

from rich.console import Console
from rich.table import Table
from typer import Argument, Option, Typer
from typer.core import TyperGroup

from topfive.cli.count import UNITS, short
from topfive.errors import UsageError, nearest, need

if TYPE_CHECKING:
    from topfive.spec import ModelSpec

COLUMNS_WITH_PAPER = 100  # a narrower terminal has no room for titles
LIST = "list"


class ListByDefault(TyperGroup):
    """`topfive models`, `topfive models 'resnet*'`: what names no command is for the listing."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # Context is click's or typer's own
        if not args or args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [LIST, *args]
        return super().parse_args(ctx, args)


app = Typer(cls=ListByDefault)


@app.command(LIST)
def list_networks(
    pattern: Annotated[str, Argument(help="A part of a name, or a pattern such as 'resnet*_v1'.")] = "*",
    family: Annotated[str | None, Option(help="Only this family, e.g. VGG.")] = None,
    year: Annotated[int | None, Option(help="Only papers of this year.")] = None,
    max_params: Annotated[str | None, Option(metavar="NUMBER", help="At most so many parameters, e.g. 5M.")] = None,
    max_macs: Annotated[str | None, Option(metavar="NUMBER", help="At most so many MACs, e.g. 400M or 4.1G.")] = None,
    as_json: Annotated[bool, Option("--json", help="One JSON line for each network.")] = False,
) -> None:
    """List the networks: `topfive models 'resnet*'` is enough.

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


@app.command()
def info(
    name: Annotated[str, Argument(help="A network of `topfive models`.")],
    every_layer: Annotated[bool, Option("--all", help="Every layer, not only the stages.")] = False,
    as_json: Annotated[bool, Option("--json", help="All of it as one JSON line.")] = False,
) -> None:
    """Show one network: its paper, what it reported, where we depart from it, and its layers.

    MACs are the multiply-accumulates of one image of the given input.
    """
    need("torch", "train")
    from topfive.cli import model_info

    model_info.show(name, every_layer=every_layer, as_json=as_json)


@app.command()
def diff(
    first: Annotated[str, Argument(metavar="A", help="A network of `topfive models`.")],
    second: Annotated[str, Argument(metavar="B", help="Another.")],
    as_json: Annotated[bool, Option("--json", help="All of it as one JSON line.")] = False,
) -> None:
    """Compare two networks: their counts in numbers, their papers, and the first stages that differ."""
    need("torch", "train")
    from topfive.cli import model_diff

    model_diff.show(first, second, as_json=as_json)


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
        cells = [variant.name, str(paper.year), variant.family, short(facts.params), short(facts.macs), side]
        table.add_row(*cells, *([paper.title] if with_paper else []))
    return table
