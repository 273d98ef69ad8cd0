from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from topfive.errors import UsageError
from topfive.train.processes import Team

HERE = Path(__file__).parent / "team"
LOOPBACK = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run([*launch, *arguments], env=LOOPBACK, capture_output=True, text=True, timeout=300)


def two_of(arguments: list[str], folder: Path) -> list[subprocess.Popen[bytes]]:
    """Two processes as torchrun starts them, without its own watch over them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = []
    for rank in range(2):
        own = {
            "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test",
        }  # fmt: skip
        with open(folder / f"{rank}.err", "wb") as said:
            command = [sys.executable, "-m", "topfive", *arguments]
            started.append(subprocess.Popen(command, env={**LOOPBACK, **own}, stdout=said, stderr=said))
    return started


def started_run(folder: Path, epochs: int = 200) -> list[subprocess.Popen[bytes]]:
    """Two processes in the middle of a run that would last long."""
    flags = ["--model", "lenet5", "--batch-size", "64", "--epochs", str(epochs), "--threads", "1"]
    flags += ["--memory-format", "contiguous", "--checkpoint-seconds", "0.5", "--out", str(folder / "run")]
    processes = two_of(["train", "digits", *flags], folder)
    patience = time.monotonic() + 120
    while not list((folder / "run" / "checkpoints").glob("step-*")):
        assert time.monotonic() < patience, "no checkpoint came"
        assert all(process.poll() is None for process in processes), (folder / "0.err").read_text()
        time.sleep(0.1)
    return processes


def test_the_parts_of_a_team() -> None:
    done = torchrun(str(HERE / "norms_and_words.py"))
    assert done.returncode == 0, done.stderr


def test_two_processes_follow_the_loss_of_one(tmp_path: Path) -> None:
    done = torchrun(str(HERE / "curves.py"), str(tmp_path / "losses.json"))
    assert done.returncode == 0, done.stderr
    found = {what: np.array(losses) for what, losses in json.loads((tmp_path / "losses.json").read_text()).items()}
    one = found.pop("one")
    assert len(one) == 10
    apart = {what: np.abs(losses / one - 1).max() for what, losses in found.items()}
    assert apart.pop("two") < 1e-5
    assert len(apart) == 3
    assert min(apart.values()) > 1e-3, f"a missing part would not be seen: {apart}"


def test_when_one_dies_the_other_ends(tmp_path: Path) -> None:
    lead, other = started_run(tmp_path)
    other.send_signal(signal.SIGKILL)
    assert lead.wait(60) == 5
    assert other.wait() == -signal.SIGKILL
    last = (tmp_path / "0.err").read_text().strip().splitlines()[-1]
    assert "another process of this run has ended" in last


def test_a_signal_to_one_stops_all_after_a_checkpoint_and_another_number_goes_on(tmp_path: Path) -> None:
    lead, other = started_run(tmp_path)
    other.send_signal(signal.SIGTERM)
    assert (lead.wait(60), other.wait(60)) == (143, 143)
    assert "all saved" in (tmp_path / "0.err").read_text()
    assert len([line for line in (tmp_path / "1.err").read_text().splitlines() if "error" in line]) == 0
    command = [sys.executable, "-m", "topfive", "train", "--resume", str(tmp_path / "run")]
    exact = subprocess.run([*command, "--exact"], env=LOOPBACK, capture_output=True, text=True, timeout=120)
    assert exact.returncode == 4
    assert "processes 2 -> 1" in exact.stderr


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    Team(0, 2).check_batch(48)
    with pytest.raises(UsageError, match="cannot be shared evenly by 2 processes"):
        Team(0, 2).check_batch(47)
