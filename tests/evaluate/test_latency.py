"""The latency of a file: which runs count, and what becomes of a process that fails."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from topfive import builtin
from topfive.errors import ResourceError
from topfive.evaluate import latency


def test_a_fresh_process_measures_the_runs_that_are_asked_for() -> None:
    found = latency.measure_latency(builtin.PATH, runs=3)
    assert found.runs == 3
    assert 0 < found.p50 <= found.p95


def test_the_first_runs_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clocked:
        now, asked = 0.0, 0

        def __init__(self, read: object, threads: int):
            assert threads == 1

        def logits(self, images: np.ndarray) -> None:
            assert images.shape[0] == 1
            Clocked.asked += 1
            Clocked.now += 100.0 if Clocked.asked <= latency.WARM_UP else 0.5

    monkeypatch.setattr(latency, "OnnxEngine", Clocked)
    monkeypatch.setattr(latency.time, "perf_counter", lambda: Clocked.now)
    assert latency.timed(builtin.PATH, runs=5) == latency.Latency(0.5, 0.5, 5)
    assert Clocked.asked == latency.WARM_UP + 5


def test_a_file_that_cannot_be_measured_is_said_in_one_line(tmp_path) -> None:
    foreign = tmp_path / "model.onnx"
    foreign.write_bytes(b"PK\x03\x04")
    with pytest.raises(ResourceError, match=r"cannot be measured: .*zip file") as error:
        latency.measure_latency(foreign)
    assert "\n" not in str(error.value)


def test_a_process_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    run = subprocess.run
    monkeypatch.setattr(latency, "PATIENCE", 0.1)
    monkeypatch.setattr(latency.subprocess, "run", lambda command, **options: run(asleep, **options))
    with pytest.raises(ResourceError, match="no answer within"):
        latency.measure_latency(builtin.PATH)
