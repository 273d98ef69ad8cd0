"""Runs are killed with SIGKILL for real; see tests/faults/kills.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent


def kill(*arguments: str) -> dict[str, int]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-m", "faults.kills", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=TESTS)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(found: dict[str, int], kills: int) -> None:
    assert found["kills"] >= kills
    assert found["in_write"] >= found["kills"] / 3, "the kills must land inside the writing of checkpoints too"
    assert found["lost"] == found["failed"] == 0
    assert found["equal"] == found["runs"] >= 1


@pytest.mark.timeout(600)
def test_killed_runs_end_bit_identical():
    check(kill("--kills", "10"), 10)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_kills():
    check(kill("--kills", "100"), 100)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("sabotage", ["optimizer", "in-place"])
def test_the_kills_see_a_sabotaged_resume(sabotage):
    found = kill("--kills", "5", "--sabotage", sabotage)
    assert found["equal"] < found["runs"] or found["lost"] or found["failed"]
