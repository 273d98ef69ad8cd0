"""`topfive data`: which named data sets there are, fetching one; and what is wrong with any, and splitting it."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from topfive.cli.data_check import check
from topfive.cli.data_split import split
from topfive.data.download import download
from topfive.data.named import NAMED, find

app = typer.Typer(no_args_is_help=True)
DATA_ROOT = typer.Option(
    None, "--data-root", help="Where named data sets lie (default: $TOPFIVE_DATA, ~/.local/share/topfive)."
)
JSON = typer.Option(False, "--json", help="Machine-readable lines on stdout.")


@app.command("list")
def list_sets(data_root: Path | None = DATA_ROOT, as_json: bool = JSON) -> None:
    """List the named data sets and whether they are here."""
    for named in NAMED.values():
        folder = find(named, data_root)
        present = folder is not None or not named.layouts
        if as_json:
            row = {
                "name": named.name,
                "present": present,
                "path": None if folder is None else str(folder),
                "classes": named.num_classes,
                "licence": named.licence,
            }
            print(json.dumps(row))
        else:
            where = str(folder) if folder else "in the package" if present else f"not here. {named.remedy}"
            print(f"{named.name:<14} {named.num_classes:>5} classes  {where}")


@app.command("get")
def get(
    name: str = typer.Argument(help="A data set of `topfive data list`."),
    data_root: Path | None = DATA_ROOT,
    as_json: bool = JSON,
) -> None:
    """Download a named data set through torchvision, checksums proven."""
    folder = download(name, data_root)
    print(json.dumps({"name": name, "path": str(folder)}) if as_json else f"{name} is in {folder}")


app.command("check")(check)
app.command("split")(split)
