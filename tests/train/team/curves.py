"""Run by torchrun, two processes: the losses of the same run by one, by two, and by two that lack a part.

Writes {what: [loss of each step]} as JSON to the file that is its argument.  In double precision: in single, BatchNorm
on the black margins of digits makes 1e-7 in the first step 1e-3 in the tenth.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor

from topfive.data import open_data
from topfive.recipe import Recipe
from topfive.train import loading
from topfive.train.fit import Silent, Surroundings, fit
from topfive.train.processes import Team, joined
from topfive.train.run import Run

STEPS, FEW = 10, 3  # for a run that should be the same, and for one that should not
RECIPE = Recipe(model="resnet20_cifar", epochs=1, batch_size=32, lr=0.1, seed=3, shift=1, smoothing=0.1, clip_grad=1)


class EnoughError(Exception):
    pass


class Curve(Silent):
    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.losses: list[float] = []

    def stepped(self, step: int, loss: float) -> None:
        self.losses.append(loss)
        if step == self.steps:
            raise EnoughError


def losses(team: Team, folder: Path, steps: int = FEW) -> list[float]:
    curve = Curve(steps)
    around = Surroundings(threads=1, channels_last=False, watch=curve, team=team)
    try:
        with Run(folder, writes=team.leads) as run:
            fit(RECIPE, open_data("digits"), run, "cpu", around)
    except EnoughError:
        return curve.losses
    raise AssertionError("it ended before its time")


class Unsliced(Team):
    def share(self, batch: Tensor) -> Tensor:
        return batch[:: self.size]


def main(result: Path) -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    doubled = mock.patch("topfive.train.batches.normalised", lambda *given: loading.normalised(*given).double())
    with joined("cpu") as (team, _), tempfile.TemporaryDirectory() as below, doubled:
        folder = Path(team.told(lambda: below))
        found = {"two": losses(team, folder / "two", STEPS)}
        with mock.patch("topfive.train.fit.synchronise"):
            found["two without shared norms"] = losses(team, folder / "norms")
        found["two that see the same half"] = losses(Unsliced(team.rank, team.size), folder / "half")
        with mock.patch.object(Team, "wrapped", lambda self, objective, changing: objective):
            found["two that keep their gradients"] = losses(team, folder / "gradients")
        if team.leads:
            found["one"] = losses(Team(), folder / "one", STEPS)
            result.write_text(json.dumps(found))
        team.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    os._exit(0)  # as the command line ends: threads that torch leaves behind may abort while the interpreter does
