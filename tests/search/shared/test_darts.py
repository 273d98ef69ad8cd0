"""The search with shared weights on digits: it learns, it repeats itself, and what it leaves is a network."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import pytest
import torch

from heard import Heard
from topfive.cli import run
from topfive.data import Splits, open_data
from topfive.data.part import within_training
from topfive.errors import DivergedError, ResourceError, StoppedError, UsageError
from topfive.models import create_model
from topfive.nn.found import Size
from topfive.search.shared.darts import RECIPE, Epoch, darts
from topfive.search.shared.descent import Descent
from topfive.search.spaces import space_named
from topfive.search.spaces.cells import pnas
from topfive.train.checkpoint import under
from topfive.train.found import read_found
from topfive.train.run import Run

SPACE = pnas("tiny", ("separable_3x3", "max_3x3"), 2, Size(1, 4, 8, 1))
SHORT = replace(RECIPE, epochs=2, batch_size=100)


@pytest.fixture(scope="module")
def splits() -> Splits:
    return within_training(open_data("digits"), 600, 100)


class Seen(Heard):
    """Remembers the epochs; at step `stop` the process gets a signal."""

    def __init__(self, stop=None):
        super().__init__()
        self.epochs: list[Epoch] = []
        self.began: list[int] = []
        self.stop = stop

    def started(self, step, total):
        self.began.append(step)

    def stepped(self, step, loss):
        if step == self.stop:
            signal.raise_signal(signal.SIGTERM)

    def epoch_done(self, epoch):
        self.epochs.append(epoch)


def test_it_learns_and_repeats_itself(splits: Splits) -> None:
    seen = Seen()
    found = darts(SPACE, splits, SHORT, seen)
    assert [epoch.number for epoch in seen.epochs] == [1, 2]
    assert seen.epochs[1].loss < seen.epochs[0].loss
    assert seen.epochs[1].architecture_loss < seen.epochs[0].architecture_loss
    assert seen.epochs[1].model == found.model == SPACE.model(found.choices)
    assert all(sum(row) == pytest.approx(1) for row in found.weights)
    assert any(abs(weight - 1 / 3) > 1e-4 for row in found.weights for weight in row)
    torch.rand(3)
    assert darts(SPACE, splits, SHORT) == found
    assert darts(SPACE, splits, replace(SHORT, seed=1)).weights != found.weights
    assert create_model(found.model, 10).eval()(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


@pytest.mark.parametrize("step", [1, 3, 4])
def test_a_stopped_search_goes_on_to_the_same_bits(splits: Splits, tmp_path, step) -> None:
    whole = Seen()
    expected = darts(SPACE, splits, SHORT, whole, tmp_path / "whole")
    with pytest.raises(StoppedError, match=f"SIGTERM at step {step}") as stopped:
        darts(SPACE, splits, SHORT, Seen(step), tmp_path / "cut")
    assert stopped.value.exit_code == 143
    rest = Seen()
    assert darts(SPACE, splits, SHORT, rest, tmp_path / "cut") == expected
    assert rest.began == [step]
    assert rest.epochs == whole.epochs[-len(rest.epochs) :]
    assert darts(SPACE, splits, SHORT, Seen(), tmp_path / "cut") == expected  # of a finished one, the answer


@pytest.mark.parametrize("forgotten", ["architecture", "model", "weights", "architecture state", "losses"])
def test_each_piece_of_a_checkpoint_counts(splits: Splits, tmp_path, monkeypatch, forgotten) -> None:
    """What a resumed search lacks, the comparison above would see."""
    whole, rest = Seen(), Seen()
    expected = darts(SPACE, splits, SHORT, whole)
    with pytest.raises(StoppedError):
        darts(SPACE, splits, SHORT, Seen(1), tmp_path)
    restore = Descent.restore

    def forgetful(self, checkpoint):
        fresh = self.checkpoint({})
        restore(self, checkpoint)
        if forgotten == "losses":
            self.losses = [0.0, 0.0]
        elif forgotten == "model":
            self.network.load_state_dict(under("model", fresh.tensors))
        elif forgotten == "architecture":
            self.network.architecture.data.copy_(fresh.tensors["architecture"])
        else:
            optimizer = self.weights if forgotten == "weights" else self.architecture
            optimizer.state.clear()

    monkeypatch.setattr(Descent, "restore", forgetful)
    found = darts(SPACE, splits, SHORT, rest, tmp_path)
    assert rest.began == [1]
    assert (found.weights, rest.epochs) != (expected.weights, whole.epochs)


def test_another_search_does_not_take_it_up(splits: Splits, tmp_path) -> None:
    with pytest.raises(StoppedError):
        darts(SPACE, splits, SHORT, Seen(1), tmp_path)
    with pytest.raises(UsageError, match=r"recipe\.seed 0 then, 1 now; recipe\.lr 0.025 then, 0.01 now"):
        darts(SPACE, splits, replace(SHORT, lr=0.01, seed=1), folder=tmp_path)
    with Run(tmp_path), pytest.raises(ResourceError, match="in use by process"):
        darts(SPACE, splits, SHORT, folder=tmp_path)


def test_a_damaged_checkpoint_is_passed_over(splits: Splits, tmp_path) -> None:
    expected = darts(SPACE, splits, SHORT, folder=tmp_path)
    newest = max((tmp_path / "checkpoints").glob("step-*"))
    newest.write_bytes(newest.read_bytes()[:-1])
    rest = Seen()
    assert darts(SPACE, splits, SHORT, rest, tmp_path) == expected
    assert rest.began == [3]
    assert any("damaged" in line for line in rest.lines)


def test_only_spaces_of_one_cell(splits: Splits) -> None:
    for name in ("nasnet-small", "chain-small"):
        with pytest.raises(UsageError, match="spaces of one cell"):
            darts(space_named(name, 8, 1), splits, SHORT)


def test_divergence_is_told(splits: Splits) -> None:
    with pytest.raises(DivergedError, match="at step"):
        darts(SPACE, splits, replace(SHORT, lr=1e30, clip_grad=0.0))


def test_the_command_writes_what_train_reads(tmp_path, capsys) -> None:
    out = tmp_path / "shared"
    flags = ["--images", "200", "--batch-size", "100", "--epochs", "1", "--space", "pnas-two", "--json"]
    assert run(["search", "shared", "digits", "--out", str(out), *flags]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("number") for line in lines] == [1, None]
    found = read_found(out / "genotype.json")
    assert found.model == lines[-1]["model"] == space_named("pnas-two").model(found.choices)
    assert lines[-1]["genotype"] == str(out / "genotype.json")
    command = ["search", "shared", "digits", "--out", str(out), *flags]
    assert run(command) == 2
    assert "begun already" in capsys.readouterr().err
    assert run([*command, "--resume"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == lines[-1:]
    assert run(["search", "shared", "digits", *flags, "--resume", str(out)]) == 0
    assert run(["search", "shared", "digits", "--resume"]) == 2
    assert "which search" in capsys.readouterr().err
