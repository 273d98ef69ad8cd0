"""`topfive scale`: larger networks from a small one, by EfficientNet's method."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Annotated

from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer import Argument, Option

from topfive.errors import StoppedError, need_to_train, shown


def scale(
    data: Annotated[str, Argument(help="A folder, a CSV file or a name (topfive data list).")],
    base: Annotated[str, Option(help="The network to be scaled: a name, or a file that topfive search wrote.")],
    out: Annotated[
        Path | None,
        Option(help="The folder; what was trained there is not trained again. Default: runs/scale-DATA-BASE."),
    ] = None,
    phi: Annotated[
        int, Option(min=1, max=4, help="Doublings of the multiply-accumulates, the last of the family.")
    ] = 3,
    step: Annotated[float, Option(min=0.02, max=0.5, help="Step of the grid's factors.")] = 0.1,
    tolerance: Annotated[
        float, Option(min=0.01, max=0.5, help="How far depth * width^2 * resolution^2 may be from 2.")
    ] = 0.1,
    epochs: Annotated[int, Option(min=1, help="Passes over the images, for every network.")] = 4,
    images: Annotated[
        int | None, Option(min=1, help="Training images. Default: all but those held out of them.")
    ] = None,
    validation: Annotated[int, Option(min=1, help="Images held out of training to compare on.")] = 5000,
    seed: Annotated[int, Option(min=0, help="Decides every random draw.")] = 0,
    workers: Annotated[int | None, Option(min=1, help="Networks trained at a time. Default: one a core.")] = None,
    data_root: Annotated[Path | None, Option(help="Where named data sets lie.")] = None,
    as_json: Annotated[bool, Option("--json", help="One JSON line on stdout at the end.")] = False,
) -> None:
    """Find how depth, width and resolution grow best together, and scale a network by it (arXiv:1905.11946).

    A grid of networks of twice the multiply-accumulates is trained; the best gives the family, which is trained beside
    networks that grow in one dimension alone to the same multiply-accumulates. The same command goes on where it ended.
    """
    need_to_train()
    from topfive import artifact
    from topfive.cli.search_progress import SearchProgress
    from topfive.data import open_data
    from topfive.data.part import within_training
    from topfive.models import spec
    from topfive.report.page import chart_file
    from topfive.report.wording import duration
    from topfive.search.ends import Ends
    from topfive.search.executors.local import Local
    from topfive.search.journal import journal_in
    from topfive.search.objective import Accuracy
    from topfive.search.plan import Plan
    from topfive.search.proxy import Proxy
    from topfive.search.scale import CompoundScaling, Scaled, recipe_for
    from topfive.search.scaling_report import HEADINGS, cells, chart, outcome, told_best, write_page
    from topfive.search.search import search
    from topfive.train.found import with_found

    base = with_found({"model": base})["model"]
    spec(base)
    strategy = CompoundScaling(Scaled(base, phi), step, tolerance)
    candidates = strategy.candidates()
    splits = within_training(open_data(data, data_root=data_root), images, validation)
    folder = out or Path("runs") / f"scale-{Path(splits.name).stem}-{base.partition(':')[0]}"
    plan = Plan(
        space=strategy.scaled.space,
        strategy=strategy,
        evaluate=Proxy(splits, recipe_for(epochs, splits)),
        objective=Accuracy(),
        seed=seed,
        asked={
            "data": splits.name,
            "fingerprint": splits.fingerprint,
            "images": len(splits.train),
            "on": len(splits.val),
        },
    )
    networks = 1 + len(candidates) + 4 * phi
    with contextlib.ExitStack() as opened:
        journal = opened.enter_context(journal_in(folder, plan.head))
        watch = opened.enter_context(SearchProgress(None, networks, journal.seconds))
        watch.note(f"{base}: {networks} networks, {len(candidates)} of them at one doubling; written to {folder}")
        try:
            history = search(plan, Local(**({} if workers is None else {"workers": workers})), journal, Ends(), watch)
        except StoppedError as stopped:
            raise StoppedError(stopped.exit_code - 128, folder, stopped.why, "The same command goes on") from None
        seconds = journal.seconds
    found = outcome(strategy, history)
    told = [
        f"{splits.name}: {len(splits.train):,} training images, {len(splits.val):,} more held out to compare on.",
        f"{epochs} epochs each, seed {seed}, one thread a network: {duration(found.seconds)} of processor time.",
    ]
    if (drawn := chart(found)) is not None:
        artifact.write(folder / "scaling.svg", chart_file(drawn))
    write_page(folder / "scaling.html", found, told)
    result = {**found.as_json(), "data": splits.name, "seed": seed, "seconds": round(seconds, 1), "out": str(folder)}
    artifact.write(folder / "scaling.json", (json.dumps(result, indent=1) + "\n").encode())
    if as_json:
        print(json.dumps(result))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for place, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if place else "left", no_wrap=True)
    for row in found.rows:
        if row.member.method != "grid":
            table.add_row(*(Text(shown(cell)) for cell in cells(row, found.rows[0])))
    console = Console(highlight=False)
    console.print(table)
    console.print(Text(f"\n{told_best(found)}\n{told[1]}\n{shown(folder / 'scaling.html')}"), soft_wrap=True)
