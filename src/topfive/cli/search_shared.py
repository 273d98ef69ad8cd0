"""`topfive search shared`: one network that holds every cell of a space, and the cell that it leaves."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

from rich.console import Console
from typer import Argument, Option

from topfive.errors import UsageError, need

ANY = "lenet5"  # a network's name, where the data are opened and it does not matter
SIDE = 32  # pixels that photographs are searched at


def shared(
    data: Annotated[str, Argument(metavar="DATA", help="A folder, a CSV file or the name of a data set.")],
    out: Annotated[Path, Option(help="The .json file that topfive train --model reads.")],
    space: Annotated[str, Option(help="A space of one cell: pnas-small or pnas.")] = "pnas-small",
    epochs: Annotated[int, Option(min=1, help="Passes over one half of the images.")] = 10,
    images: Annotated[int, Option(min=4, help="Training images to use at most.")] = 8192,
    batch_size: Annotated[int, Option(min=2, help="Images a step.")] = 64,
    lr: Annotated[float, Option(min=1e-9, help="The highest learning rate of the weights.")] = 0.025,
    seed: Annotated[int, Option(min=0, help="Decides every random draw.")] = 0,
    data_root: Annotated[Path | None, Option(help="Where named data sets lie.")] = None,
    as_json: Annotated[bool, Option("--json", help="JSON lines on stdout: epochs, then the result.")] = False,
) -> None:
    """Search with shared weights (DARTS, arXiv:1806.09055): one training that holds all cells, and one cell left over.

    It takes one training instead of hundreds and says less: how good a cell is with shared weights hardly ranks it
    among others. Hold what it finds against random cells: topfive search DATA --strategy random --space SPACE.
    """
    if out.suffix.lower() != ".json":
        raise UsageError("--out", out, "the file of an architecture ends in .json")
    need("torch", "train")
    from topfive.cli.progress import TrainingProgress
    from topfive.data.part import within_training
    from topfive.search.shared.darts import RECIPE, Epoch, darts
    from topfive.search.spaces import space_named
    from topfive.train import DataChoices, Request, settle
    from topfive.train.found import Found, write_found
    from topfive.train.recipes import is_small

    space_named(space)  # a wrong name is told before any image is read
    with TrainingProgress() as progress:
        request = Request(data, settings={"model": ANY}, data_root=data_root, choices=DataChoices())
        splits = settle(request, progress).splits
    if images < len(splits.train):
        splits = within_training(splits, images, 0)
    shape = splits.train[0][0].shape if is_small(splits) else (3, SIDE, SIDE)
    chosen = space_named(space, shape[1], shape[0])
    recipe = dataclasses.replace(RECIPE, epochs=epochs, batch_size=batch_size, lr=lr, seed=seed)
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def watch(epoch: Epoch) -> None:
        if as_json:
            print(json.dumps(dataclasses.asdict(epoch)), flush=True)
        losses = f"loss {epoch.loss:.4f}, of the architecture {epoch.architecture_loss:.4f}"
        console.print(f"epoch {epoch.number} of {epochs}: {losses}\n  {epoch.model}", markup=False)

    found = darts(chosen, splits, recipe, watch)
    measured = {"weights": found.weights, "strategy": "darts", "seed": seed, "epochs": epochs}
    answers = chosen.read(found.choices)
    write_found(out, Found(model=found.model, space=space, choices=found.choices, answers=answers, measured=measured))
    if as_json:
        print(json.dumps({"model": found.model, "choices": found.choices, "out": str(out)}))
    else:
        print(f"{found.model}\nTrain it with: topfive train {data} --model {out}")
