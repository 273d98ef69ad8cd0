from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from topfive.data import open_data
from topfive.errors import UsageError
from topfive.preprocess import Preprocess
from topfive.recipe import Recipe
from topfive.train.batches import MemoryBatches, StreamBatches
from topfive.train.processes import Team

HERE = Path(__file__).parent / "team"
LOOPBACK = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run([*launch, *arguments], env=LOOPBACK, capture_output=True, text=True, timeout=300)


@contextlib.contextmanager
def a_run_of_two(folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two processes as torchrun starts them, without its own watch over them, in the middle of a long run."""
    flags = ["--model", "lenet5", "--batch-size", "64", "--epochs", "200", "--threads", "1"]
    flags += ["--memory-format", "contiguous", "--checkpoint-seconds", "0.5", "--out", str(folder / "run")]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes = []
    for rank in range(2):
        own = {
            "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test",
        }  # fmt: skip
        with open(folder / f"{rank}.err", "wb") as said:
            command = [sys.executable, "-m", "topfive", "train", "digits", *flags]
            processes.append(subprocess.Popen(command, env={**LOOPBACK, **own}, stdout=said, stderr=said))
    try:
        patience = time.monotonic() + 120
        while not list((folder / "run" / "checkpoints").glob("step-*")):
            assert time.monotonic() < patience, "no checkpoint came"
            assert all(process.poll() is None for process in processes), (folder / "0.err").read_text()
            time.sleep(0.1)
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_the_parts_of_a_team() -> None:
    done = torchrun(str(HERE / "norms_and_words.py"))
    assert done.returncode == 0, done.stderr


def test_two_processes_follow_the_loss_of_one(tmp_path: Path) -> None:
    done = torchrun(str(HERE / "curves.py"), str(tmp_path / "losses.json"))
    assert done.returncode == 0, done.stderr
    found = {what: np.array(losses) for what, losses in json.loads((tmp_path / "losses.json").read_text()).items()}
    one = found.pop("one")
    assert len(one) == 10
    apart = {what: np.abs(losses / one[: len(losses)] - 1).max() for what, losses in found.items()}
    assert len(found["two"]) == 10
    assert apart.pop("two") < 1e-8
    assert len(apart) == 3
    assert min(apart.values()) > 1e-3, f"a missing part would not be seen: {apart}"


def test_when_one_dies_the_other_ends(tmp_path: Path) -> None:
    with a_run_of_two(tmp_path) as (lead, other):
        other.send_signal(signal.SIGKILL)
        assert lead.wait(60) == 5
        assert other.wait() == -signal.SIGKILL
    assert "another process of this run has ended" in (tmp_path / "0.err").read_text()


def test_a_signal_to_one_stops_all_after_a_checkpoint_and_another_number_goes_on(tmp_path: Path) -> None:
    with a_run_of_two(tmp_path) as (lead, other):
        other.send_signal(signal.SIGTERM)
        assert (lead.wait(60), other.wait(60)) == (143, 143)
    assert "all saved" in (tmp_path / "0.err").read_text()
    assert (tmp_path / "1.err").read_text() == ""
    command = [sys.executable, "-m", "topfive", "train", "--resume", str(tmp_path / "run"), "--exact"]
    alone = subprocess.run(command, env=LOOPBACK, capture_output=True, text=True, timeout=120)
    assert alone.returncode == 4
    assert "processes 2 -> 1" in alone.stderr


@pytest.mark.parametrize("recipe", [{"mixup": 0.4, "reprob": 0.3}, {"aug_repeats": 2, "hflip": 0.5}])
def test_shares_are_the_pixels_of_one_process(recipe: dict[str, float]) -> None:
    whole = Recipe(model="lenet5", batch_size=24, shift=1, **recipe)  # type: ignore[arg-type]
    digits, preprocess = open_data("digits").train, Preprocess(size=8, crop=1.0, mean=(0.5,), std=(0.5,))
    images, targets = MemoryBatches(digits, whole, preprocess).at(1, 3)
    for rank in range(3):
        ours, wanted = MemoryBatches(digits, whole, preprocess, team=Team(rank, 3)).at(1, 3)
        assert torch.equal(ours, images[rank::3])
        assert torch.equal(wanted, targets[rank::3])
        streamed = StreamBatches(digits, dataclasses.replace(whole, mixup=0, reprob=0), preprocess, 1, Team(rank, 3))
        complete = StreamBatches(digits, dataclasses.replace(whole, mixup=0, reprob=0), preprocess, 1)
        assert torch.equal(streamed.at(1, 3)[0], complete.at(1, 3)[0][rank::3])


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    Team(0, 2).check_batch(48)
    with pytest.raises(UsageError, match="cannot be shared evenly by 2 processes"):
        Team(0, 2).check_batch(47)
