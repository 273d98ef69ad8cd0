"""`topfive search shared`: one network that holds every cell of a space, and the cell that it leaves."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from topfive.errors import UsageError, need

ANY = "lenet5"  # a network's name, where the data are opened and it does not matter
SIDE = 32  # pixels that photographs are searched at


def shared(
    data: Annotated[str, Argument(metavar="DATA", help="A folder, a CSV file or the name of a data set.")],
    out: Annotated[Path | None, Option(help="The folder of the search. Default: runs/DATA-shared.")] = None,
    resume: Annotated[
        str | None, Option(metavar="[DIR]", help="Continue the search in DIR, or in --out where no DIR follows.")
    ] = None,
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
    among others. Hold what it finds against random cells: topfive search DATA --strategy random --space SPACE. A
    search that was stopped or killed goes on with --resume, to the same bits.
    """
    need("torch", "train")
    from topfive.cli.progress import TrainingProgress
    from topfive.data.part import within_training
    from topfive.search.finals import GENOTYPE
    from topfive.search.shared.darts import RECIPE, Epoch, darts
    from topfive.search.spaces import space_named
    from topfive.train import DataChoices, Request, settle
    from topfive.train.found import Found, write_found
    from topfive.train.recipes import is_small
    from topfive.train.run import free_folder

    class SharedProgress(TrainingProgress):
        def epoch_done(self, epoch: Epoch) -> None:
            if as_json:
                print(json.dumps(dataclasses.asdict(epoch)), flush=True)
            losses = f"loss {epoch.loss:.4f}, of the architecture {epoch.architecture_loss:.4f}"
            self.line(f"epoch {epoch.number:>3}  {losses}\n  {epoch.model}")

    space_named(space)  # a wrong name is told before any image is read
    folder = _place(out, resume)
    with SharedProgress() as progress:
        request = Request(data, settings={"model": ANY}, data_root=data_root, choices=DataChoices())
        splits = settle(request, progress).splits
        folder = folder or free_folder(f"{Path(splits.name).stem}-shared")
        if images < len(splits.train):
            splits = within_training(splits, images, 0)
        shape = splits.train[0][0].shape if is_small(splits) else (3, SIDE, SIDE)
        chosen = space_named(space, shape[1], shape[0])
        recipe = dataclasses.replace(RECIPE, epochs=epochs, batch_size=batch_size, lr=lr, seed=seed)
        found = darts(chosen, splits, recipe, progress, folder)
    measured = {"weights": found.weights, "strategy": "darts", "seed": seed, "epochs": epochs}
    answers, path = chosen.read(found.choices), folder / GENOTYPE
    write_found(path, Found(model=found.model, space=space, choices=found.choices, answers=answers, measured=measured))
    if as_json:
        print(json.dumps({"model": found.model, "choices": found.choices, "genotype": str(path)}))
    else:
        print(f"{found.model}\nTrain it with: topfive train {data} --model {path}")


def _place(out: Path | None, resume: str | None) -> Path | None:
    """The folder where one is named; without --resume it must not hold a search yet."""
    from topfive.train.run import CHECKPOINTS

    if resume is not None:
        if not resume and out is None:
            raise UsageError("--resume", None, "which search?", "Name its folder: --resume runs/NAME, or give --out")
        return Path(resume) if resume else out
    if out is not None and (out / CHECKPOINTS).exists():
        raise UsageError("search", out, "it was begun already", "Continue it with --resume, or use another --out")
    return out
