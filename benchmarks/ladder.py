"""How much small networks learn for what they cost: the order of the ladder that `topfive train --max-macs` goes down.

    python benchmarks/ladder.py [--seed 0] [--draw]

Every network that may stand on the ladder for small images learns 12,000 training images of Fashion-MNIST, the same
short time and by one recipe, and is measured on 10,000 others: ResNet-20 by width and side, by EfficientNet's compound
coefficient (its alpha, beta and gamma, downward), MobileNetV2 by its two multipliers, networks of searched cells by
their first filters and side, the ladder as it stands, and LeNet-5.  The cells are the best two of
`benchmarks/tables/pnas-two.csv`.

Appends one JSON line a finished run to benchmarks/ladder.jsonl and skips what is there; --draw only writes
docs/ladder.svg.  About an hour of one core a seed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import measure
from measure import append, finished

from topfive.data import open_data
from topfive.models import spec
from topfive.models.efficientnet import Multiplied
from topfive.nn.measure import count_facts
from topfive.report.chart import Series, draw
from topfive.report.page import chart_file
from topfive.search.table import read_rows
from topfive.spec import Facts
from topfive.train.ladder import ladder

RESULTS = Path(__file__).with_suffix(".jsonl")
TABLE = Path(__file__).parent / "tables" / "pnas-two.csv"
DRAWING = Path(__file__).parents[1] / "docs" / "ladder.svg"
TRAINING, VALIDATION, EPOCHS = 12_000, 10_000, 4
CLASSES, CHANNELS = 10, 1
RESNET, MOBILENET, LENET = "resnet20_cifar", "mobilenet_v2", "lenet5"
SIDES = (28, 24, 20, 18, 14)
WIDTHS = (1.0, 0.75, 0.5, 0.375, 0.25)
ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15  # Tan and Le 2019, arXiv:1905.11946, sec. 3.3
COEFFICIENTS = tuple(-0.5 * step for step in range(1, 15))
MOBILE_SIDES, MOBILE_WIDTHS = (64, 48), (1.0, 0.75, 0.5, 0.35, 0.2)
CELLS, FILTERS, CELL_SIDES = 2, (8, 12, 16, 24), (28, 20, 14)
MOST = 18_000_000  # multiply-accumulates: what costs more takes too long to be tried often


class Candidate(NamedTuple):
    """A network that may be a rung, and the family whose line it is a point of."""

    family: str
    model: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", action="append", type=int, help="default: 0")
    parser.add_argument("--images", type=int, default=TRAINING, help="that are learnt")
    parser.add_argument("--model", action="append", help="default: all")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--draw", action="store_true", help="only draw")
    parser.add_argument("--here", nargs=2, metavar=("MODEL", "SEED"), help="one run, in this process")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measured(options.here[0], int(options.here[1]), options.images)))
        return
    if not options.draw:
        fill(options)
    lines = [line for line in finished(options.results) if line["images"] == options.images]
    DRAWING.write_bytes(drawing(lines))


def candidates() -> Iterator[Candidate]:
    """Each family from strong to modest."""
    for width, side in itertools.product(WIDTHS, SIDES):
        yield Candidate("ResNet-20: width, side", Multiplied(1.0, width, side, RESNET).name)
    for phi in COEFFICIENTS:
        depth, width = round(ALPHA**phi, 2), round(BETA**phi, 2)
        yield Candidate("ResNet-20: compound", Multiplied(depth, width, round(SIDES[0] * GAMMA**phi), RESNET).name)
    for width, side in itertools.product(MOBILE_WIDTHS, MOBILE_SIDES):
        yield Candidate("MobileNetV2", Multiplied(1.0, width, side, MOBILENET).name)
    for cell, filters, side in itertools.product(best_cells(), FILTERS, CELL_SIDES):
        yield Candidate("searched cells", f"pnas:n1-f{filters}-s{side}-c1:{cell}")
    for rung in ladder(open_data("fashion-mnist")):
        if rung["model"] != LENET:
            yield Candidate("the ladder", rung["model"])
    yield Candidate("LeNet-5", LENET)


def best_cells() -> list[str]:
    """The most accurate of the table, as the text of their nodes."""
    means: dict[str, list[float]] = {}
    for row in read_rows(TABLE):
        means.setdefault(row.model.rpartition(":")[2], []).append(row.measurement.accuracy)
    return sorted(means, key=lambda cell: -sum(means[cell]) / len(means[cell]))[:CELLS]


def _wanted(models: list[str] | None) -> list[Candidate]:
    return [each for each in candidates() if (each.model in models if models else counted(each.model).macs < MOST)]


def counted(model: str) -> Facts:
    """Its cost with the classes and the channels of Fashion-MNIST."""
    row = spec(model)
    return count_facts(row.build, row.facts.input_size, CLASSES, CHANNELS)


def fill(options: argparse.Namespace) -> None:
    """Measure those that are not there yet, each in a process of its own."""
    runs = [(each, seed) for seed in options.seed or [0] for each in _wanted(options.model)]
    for number, (candidate, seed) in enumerate(runs, 1):
        key = {**candidate._asdict(), "seed": seed, "images": options.images}
        if any(key.items() <= line.items() for line in finished(options.results)):
            continue
        print(f"# {number} of {len(runs)}: {candidate.model}", file=sys.stderr, flush=True)
        command = [sys.executable, __file__, "--here", candidate.model, str(seed), "--images", str(options.images)]
        try:
            done = measure.run(command, {"OMP_NUM_THREADS": "1"})
        except subprocess.CalledProcessError as error:
            print(f"# failed with {error.returncode}", file=sys.stderr, flush=True)
            continue
        append(options.results, {**key, **json.loads(done.stdout.splitlines()[-1])})


def measured(model: str, seed: int, images: int) -> dict[str, Any]:
    """One run in this process, on one thread."""
    from topfive.data.part import within_training
    from topfive.search.proxy import Proxy
    from topfive.search.scale import recipe_for

    splits = within_training(open_data("fashion-mnist"), images, VALIDATION)
    found = Proxy(splits, recipe_for(EPOCHS, splits))(model, seed)
    cost = counted(model)
    return {
        "accuracy": found.accuracy,
        "params": cost.params,
        "macs": cost.macs,
        "processor_seconds": round(found.seconds, 2),
        "n": len(splits.val),
    }


def drawing(lines: list[dict[str, Any]]) -> bytes:
    """Accuracy against multiply-accumulates, the mean of the seeds, a colour a family."""
    points: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for line in lines:
        point = line["macs"] / 1e6, line["accuracy"]
        points.setdefault(line["family"], {}).setdefault(line["model"], []).append(point)
    series = []
    for number, (family, models) in enumerate(points.items(), 1):
        means = [(some[0][0], sum(y for _, y in some) / len(some)) for some in models.values()]
        series.append(Series(family, f"run-{number}", sorted(means), joined=False))
    chart = draw("Accuracy", series, fractions=True, x_label="million multiply-accumulates", whole=False)
    if chart is None:
        raise SystemExit("nothing has been measured yet")
    return chart_file(chart)


if __name__ == "__main__":
    main()
