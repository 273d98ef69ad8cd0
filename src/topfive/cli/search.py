"""`topfive search`: the architecture for given images, and the tables that searches are compared on."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from topfive.cli.search_data import search
from topfive.cli.search_shared import shared
from topfive.cli.search_tabulate import tabulate

_SEARCH = "search"  # the part whose name is not said


class Parts(TyperGroup):
    """Where the first word is the name of no part, the words are those of a search: `topfive search DATA`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = bool(args) and args[0] in self.commands and args[0] != _SEARCH
        return super().parse_args(ctx, args if named else [_SEARCH, *args])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return None if name == _SEARCH else name, command, rest


app = typer.Typer(cls=Parts)
app.command(_SEARCH)(search)
app.command("shared")(shared)
app.command("tabulate")(tabulate)
