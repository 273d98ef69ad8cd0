"""`topfive search`: the architecture for given images, and the tables that searches are compared on."""

from __future__ import annotations

import typer

from topfive.cli.search_tabulate import tabulate

app = typer.Typer(no_args_is_help=True)
app.command("tabulate")(tabulate)
