"""The search with shared weights on digits: it learns, it repeats itself, and what it leaves is a network."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from topfive.cli import run
from topfive.data import Splits, open_data
from topfive.data.part import within_training
from topfive.errors import DivergedError, UsageError
from topfive.models import create_model
from topfive.nn.found import Size
from topfive.search.shared.darts import RECIPE, Epoch, darts
from topfive.search.spaces import space_named
from topfive.search.spaces.cells import pnas
from topfive.train.found import read_found

SPACE = pnas("tiny", ("separable_3x3", "max_3x3"), 2, Size(1, 4, 8, 1))
SHORT = replace(RECIPE, epochs=2, batch_size=100)


@pytest.fixture(scope="module")
def splits() -> Splits:
    return within_training(open_data("digits"), 600, 100)


def test_it_learns_and_repeats_itself(splits: Splits) -> None:
    seen: list[Epoch] = []
    found = darts(SPACE, splits, SHORT, seen.append)
    assert [epoch.number for epoch in seen] == [1, 2]
    assert seen[1].loss < seen[0].loss
    assert seen[1].architecture_loss < seen[0].architecture_loss
    assert seen[1].model == found.model == SPACE.model(found.choices)
    assert all(sum(row) == pytest.approx(1) for row in found.weights)
    assert any(abs(weight - 1 / 3) > 1e-4 for row in found.weights for weight in row)
    torch.rand(3)
    assert darts(SPACE, splits, SHORT) == found
    assert darts(SPACE, splits, replace(SHORT, seed=1)).weights != found.weights
    assert create_model(found.model, 10).eval()(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_only_spaces_of_one_cell(splits: Splits) -> None:
    for name in ("nasnet-small", "chain-small"):
        with pytest.raises(UsageError, match="spaces of one cell"):
            darts(space_named(name, 8, 1), splits, SHORT)


def test_divergence_is_told(splits: Splits) -> None:
    with pytest.raises(DivergedError, match="at step"):
        darts(SPACE, splits, replace(SHORT, lr=1e30, clip_grad=0.0))


def test_the_command_writes_what_train_reads(tmp_path, capsys) -> None:
    out = tmp_path / "found.json"
    flags = ["--images", "200", "--batch-size", "100", "--epochs", "1", "--space", "pnas-two", "--json"]
    assert run(["search", "shared", "digits", "--out", str(out), *flags]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("number") for line in lines] == [1, None]
    found = read_found(out)
    assert found.model == lines[-1]["model"] == space_named("pnas-two").model(found.choices)
    assert run(["search", "shared", "digits", "--out", "found.txt"]) == 2
