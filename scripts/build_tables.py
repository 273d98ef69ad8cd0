"""Write docs/models.md and its drawings from what the papers' files say; with --check only say whether they are new.

Nothing is measured here: the tests hold every number against the built networks.
"""

from __future__ import annotations

import argparse
import calendar
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from family_tree import Person, family_tree
from scatter import Point, scatter

from topfive.cli.count import short
from topfive.cli.lineage import ancestors, stem, title_and_idea
from topfive.models import TIMELINE
from topfive.spec import ModelSpec, Paper, Reported

DOCS = Path(__file__).parents[1] / "docs"
IMAGENET = ("ImageNet val", "ILSVRC-2012 val")
NAME = re.compile(r"(?<![`\w])\w*_\w*(?![`\w])")
METRICS = {"top1_error": "top-1", "top5_error": "top-5"}

HEAD = """\
<!-- Written by `make tables`; do not edit. -->

# The networks

{networks} networks of {papers} papers, in order of first publication. Parameters and multiply-accumulates (MACs) are
those of the network that is built, exact, at the input that is given; the tests count them anew. Errors are those that
the papers report, never ours, each with the table it stands in and how it was measured; *recalled* marks a figure that
was not checked against the paper's own text. `topfive models info NAME` shows a network's layers,
`topfive models diff A B` compares two.

- [Error against cost](#error-against-cost)
- [Who builds on whom](#who-builds-on-whom)
- [Timeline](#timeline)
- [Every network](#every-network)
"""

COST = """\
## Error against cost

Filled points are one crop of the size that the MACs are counted at; hollow ones are many crops, larger crops, or a
protocol that we do not know; what those spend at test time is more than is drawn. Lines join the networks of one paper
that are better than every cheaper one of it.

![Top-1 error that the papers report against multiply-accumulates, coloured by year](models/top1_error.svg)

![Top-5 error that the papers report against multiply-accumulates, coloured by year](models/top5_error.svg)
"""

TREE = """\
## Who builds on whom

Drawn from the imports: a paper's file imports those of the papers whose parts it hands down or replaces. A paper
without a line shares with the others only the parts in `nn/`, which are no paper's own.

![The papers from top to bottom by year, each joined to those it imports](models/family_tree.svg)
"""


def documents() -> dict[Path, str]:
    """Every generated file, by its place under docs/."""
    return {
        Path("models.md"): page(),
        Path("models/top1_error.svg"): error_drawing("top1_error"),
        Path("models/top5_error.svg"): error_drawing("top5_error"),
        Path("models/family_tree.svg"): tree_drawing(),
    }


def page() -> str:
    networks = sum(len(module.VARIANTS) for module in TIMELINE)
    parts = [HEAD.format(networks=networks, papers=len(TIMELINE)), COST, TREE, "## Timeline\n"]
    parts.append("| published | paper | idea | networks | parameters | MACs | least top-1 error on ImageNet |")
    parts.append("|---|---|---|--:|--:|--:|--:|")
    parts += [_timeline_row(module) for module in TIMELINE]
    parts.append("\n## Every network")
    for module in TIMELINE:
        parts += _section(module)
    return "\n".join(parts) + "\n"


def _timeline_row(module: ModuleType) -> str:
    title, idea = title_and_idea(module)
    counts = [variant.facts for variant in module.VARIANTS]
    errors = [
        figure.value
        for facts in counts
        for figure in facts.reported
        if figure.metric == "top1_error" and figure.protocol.startswith(IMAGENET)
    ]
    cells = [
        f"{module.PAPER.year}-{module.PAPER.month:02}",
        f"[{title}](#{_anchor(title)})",
        idea,
        str(len(counts) or ""),
        _range(facts.params for facts in counts),
        _range(facts.macs for facts in counts),
        _percent(min(errors)) if errors else "",
    ]
    return _cells(cells)


def _section(module: ModuleType) -> list[str]:
    title, idea = title_and_idea(module)
    builds_on = [f"[{other}](../src/topfive/models/{other}.py)" for other in ancestors(module)]
    parts = [
        f"\n### {title}\n",
        f"{_citation(module.PAPER)}  ",
        f"Idea: {idea}.  ",
        f"Code: [{stem(module)}.py](../src/topfive/models/{stem(module)}.py)"
        + (f", which builds on {', '.join(builds_on)}" if builds_on else "")
        + ".\n",
    ]
    if not module.VARIANTS:
        return [*parts, "Its networks are built by names that say what they are made of, as the file tells."]
    parts += ["| network | input | parameters | MACs | the paper reports |", "|---|---|--:|--:|---|"]
    for variant in module.VARIANTS:
        facts = variant.facts
        side = f"{facts.in_channels}x{facts.input_size}x{facts.input_size}"
        parts.append(_cells([f"`{variant.name}`", side, f"{facts.params:,}", f"{facts.macs:,}", _reported(variant)]))
    departing: dict[str, list[str]] = {}
    for variant in module.VARIANTS:
        if variant.departs:
            departing.setdefault(variant.departs, []).append(f"`{variant.name}`")
    if departing:
        parts.append("\nDepartures from the paper:\n")
        parts += [f"- {', '.join(names)}: {_prose(words)}." for words, names in departing.items()]
    return parts


def _citation(paper: Paper) -> str:
    title = f"[{paper.title}](https://arxiv.org/abs/{paper.arxiv})" if paper.arxiv else paper.title
    return f"{title}. {paper.authors}, {calendar.month_name[paper.month]} {paper.year}."


def _reported(variant: ModelSpec) -> str:
    """Figures that stand in one table and were measured in one way are said together."""
    together: dict[tuple[str, str], list[Reported]] = {}
    for figure in variant.facts.reported:
        together.setdefault((figure.where, figure.protocol), []).append(figure)
    said = []
    for (where, protocol), figures in together.items():
        errors = ", ".join(f"{METRICS[figure.metric]} {_percent(figure.value)}" for figure in figures)
        said.append(f"{errors} ({where.replace('recalled', '*recalled*')}; {protocol})")
    return "; ".join(said)


def _cells(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _prose(words: str) -> str:
    """Names with underscores are no emphasis."""
    return NAME.sub(r"`\g<0>`", words.rstrip("."))


def _percent(fraction: float) -> str:
    """To a tenth, or to a hundredth where that says more."""
    return f"{100 * fraction:.2f}".removesuffix("0") + "%"


def _range(counts: Iterable[int]) -> str:
    ordered = sorted(counts)
    if not ordered:
        return ""
    low, high = ordered[0], ordered[-1]
    return short(low) if low == high else f"{short(low)} to {short(high)}"


def _anchor(title: str) -> str:
    """As GitHub makes it from a heading."""
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter == "-")


def error_drawing(metric: str) -> str:
    """Every network with a reported ImageNet error; forms that share cost and error are one point."""
    points: dict[tuple[str, float, float], Point] = {}
    for module in TIMELINE:
        for variant in module.VARIANTS:
            figure = next((one for one in variant.facts.reported if _drawn(one, metric)), None)
            if figure is None:
                continue
            key = (stem(module), variant.facts.macs, figure.value)
            points.setdefault(
                key,
                Point(
                    label=variant.name,
                    x=variant.facts.macs,
                    y=figure.value,
                    year=variant.paper.year,
                    joined=stem(module),
                    hollow="1 crop" not in figure.protocol or "1 crop of" in figure.protocol,
                ),
            )
    return scatter(
        list(points.values()),
        title=f"{METRICS[metric].capitalize()} error on ImageNet against cost",
        note="Reported by the papers. Filled: one crop at the size that is counted. Hollow: any other protocol.",
        x_title="multiply-accumulates for one image",
        y_title=f"{METRICS[metric]} error",
    )


def _drawn(figure: Reported, metric: str) -> bool:
    return figure.metric == metric and figure.protocol.startswith(IMAGENET)


def tree_drawing() -> str:
    people = []
    for module in TIMELINE:
        title, idea = title_and_idea(module)
        paper = module.PAPER
        tooltip = f"{paper.title} ({paper.authors}, {paper.year}): {idea}"
        people.append(Person(stem(module), title, paper.year, ancestors(module), tooltip))
    return family_tree(
        people,
        title="Who builds on whom",
        note="Drawn from the imports of the papers' files. Dashed: an ancestor that another parent descends from too.",
    )


def main(arguments: list[str] | None = None, docs: Path = DOCS) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a file is stale")
    check = parser.parse_args(arguments).check
    stale = []
    for place, text in documents().items():
        path = docs / place
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(place))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"{'stale' if check else 'written'}: {', '.join(stale)}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
