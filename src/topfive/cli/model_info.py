"""`topfive models info NAME`: one network, its paper and its layers."""

from __future__ import annotations

import calendar
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from topfive.cli.count import difference, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from topfive.nn.layer_table import Row, Shape
    from topfive.spec import ModelSpec, Paper, Reported

FORMS = {"paper", "original", "v1", "bn", "lrn", "aux", "tf"}  # words that tell forms of one network apart


def show(name: str, *, every_layer: bool, as_json: bool) -> None:
    """Print all that is known of `name`."""
    described = description(name, every_layer=every_layer)
    if as_json:
        print(json.dumps(described, ensure_ascii=False))
    else:
        _print(name, described)


def description(name: str, *, every_layer: bool = False) -> dict[str, Any]:
    """Facts, paper, figures, departures, kin and the layer table of `name`, as JSON has them."""
    from topfive.cli.lineage import ancestors, descendants, file_of, title_and_idea
    from topfive.models import spec

    variant = spec(name)
    file = file_of(variant)
    facts, paper = variant.facts, variant.paper
    return {
        "name": name,
        "family": variant.family,
        "year": paper.year,
        "month": paper.month,
        "paper": paper.title,
        "authors": paper.authors,
        "arxiv": paper.arxiv,
        "idea": title_and_idea(file)[1],
        "params": facts.params,
        "macs": facts.macs,
        "num_classes": facts.num_classes,
        "in_channels": facts.in_channels,
        "input_size": facts.input_size,
        "preprocess": asdict(variant.preprocess),
        "reported": [asdict(figure) for figure in facts.reported],
        "fact": variant.fact,
        "departs": variant.departs,
        "other_forms": [
            {"name": other.name, "params": other.facts.params, "macs": other.facts.macs} for other in forms(variant)
        ],
        "ancestors": list(ancestors(file)),
        "descendants": list(descendants(file)),
        **_layers(variant, every_layer),
    }


def _layers(variant: ModelSpec, every_layer: bool) -> dict[str, Any]:
    root, rows = layer_rows(variant, every_layer)
    embedding = getattr(root.module.head, "in_features", None)
    head = {"type": type(root.module.head).__name__, "in_features": embedding}
    return {"head": head, "layers": [asdict(row) for row in rows]}


def layer_rows(variant: ModelSpec, every_layer: bool = False) -> tuple[Any, list[Row]]:
    """The measured network and its table; on the meta device, where nothing is computed."""
    import torch

    from topfive.models import create_model
    from topfive.nn.layer_table import layers, measured, stages

    with torch.device("meta"):
        root = measured(create_model(variant.name), variant.facts.input_size)
    return root, (layers if every_layer else stages)(root)


def forms(variant: ModelSpec) -> list[ModelSpec]:
    """Other forms of one network: names of its family that differ from it by one of FORMS."""
    from topfive.models import list_models, spec

    words = set(variant.name.split("_"))
    others = [(other, words ^ set(other.name.split("_"))) for other in map(spec, list_models())]
    return [other for other, odd in others if other.family == variant.family and len(odd) == 1 and odd <= FORMS]


def citation(paper: Paper) -> str:
    """Authors, month and year, and where to read it."""
    where = f", arxiv.org/abs/{paper.arxiv}" if paper.arxiv else ""
    return f"{paper.authors}, {calendar.month_name[paper.month]} {paper.year}{where}"


def quoted(figure: Reported) -> str:
    """A figure as the paper has it: 22.85% top-1 error (table 3; ImageNet val, 10-crop)."""
    what = figure.metric.replace("top1", "top-1").replace("top5", "top-5").replace("_", " ")
    return f"{100 * figure.value:.4g}% {what} ({figure.where}; {figure.protocol})"


def shape(outputs: Sequence[Shape]) -> str:
    """256x56x56; "not run" for what evaluation leaves out."""
    return " + ".join("x".join(map(str, one)) for one in outputs) or "not run"


def _print(name: str, described: dict[str, Any]) -> None:
    from topfive.models import spec
    from topfive.nn.layer_table import Row

    variant = spec(name)
    facts, preprocess = variant.facts, variant.preprocess
    console = Console(highlight=False, markup=False)
    console.print(Text(f"{name}  ({variant.family}, {variant.paper.year})", style="bold"))
    console.print(variant.paper.title)
    console.print(citation(variant.paper), soft_wrap=False)
    console.print()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    features = described["head"]["in_features"]
    pad = f", {preprocess.pad} pixels of black around" if preprocess.pad else ""
    entries = [
        ("Idea", described["idea"]),
        ("Parameters", f"{facts.params:,}"),
        ("MACs", f"{facts.macs:,} for one image"),
        ("Input", f"{facts.in_channels}x{facts.input_size}x{facts.input_size}"),
        (
            "Preprocessing",
            f"short side to {preprocess.resize_side} ({preprocess.interpolation}), "
            f"middle {preprocess.size}x{preprocess.size}{pad}",
        ),
        ("Head", f"{described['head']['type']}, {f'{features} to ' if features else ''}{facts.num_classes} classes"),
        *(("Reported" if index == 0 else "", quoted(figure)) for index, figure in enumerate(facts.reported)),
        ("Departs", variant.departs or "nowhere that we know of"),
        *(
            (
                "Other forms" if index == 0 else "",
                f"{other.name}: parameters {difference(other.facts.params, facts.params)}, "
                f"MACs {difference(other.facts.macs, facts.macs)}",
            )
            for index, other in enumerate(forms(variant))
        ),
        ("Builds on", ", ".join(described["ancestors"]) or "no earlier paper"),
        ("Built on by", ", ".join(described["descendants"]) or "no later paper"),
    ]
    for label, text in entries:
        grid.add_row(label, Text(text))
    console.print(grid)
    rows = [Row(**row) for row in described["layers"]]
    console.print(Padding(_table(rows), (1, 0, 0, 0)))


def _table(rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_footer=True)
    table.add_column("Stage", "total", overflow="fold")
    table.add_column("Layer", overflow="fold")
    table.add_column("Output", no_wrap=True)
    table.add_column("Params", short(sum(row.params for row in rows)), justify="right", no_wrap=True)
    table.add_column("MACs", short(sum(row.macs for row in rows)), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row.name, row.layer, shape(row.outputs), short(row.params), short(row.macs))
    return table
