"""How long a shipped file takes for one image on one thread, as a process that does nothing else finds out.

    python -m topfive.evaluate.latency model.onnx RUNS

prints it as a line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np

from topfive import artifact
from topfive.engine import OnnxEngine
from topfive.errors import ResourceError

RUNS = 200
WARM_UP = 10  # runs that do not count
PATIENCE = 120.0  # seconds, after which even the largest of our networks has answered RUNS times, or hangs


@dataclass(frozen=True)
class Latency:
    """Seconds for one image by itself, over `runs` runs."""

    p50: float
    p95: float
    runs: int


def measure_latency(path: str | os.PathLike[str], runs: int = RUNS) -> Latency:
    """Of the artifact at `path`, measured in a fresh process; ResourceError where that process fails or hangs."""
    command = [sys.executable, "-m", "topfive.evaluate.latency", os.fspath(path), str(runs)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
        return Latency(**json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        raise ResourceError("latency", path, f"no answer within {PATIENCE:.0f} s", "Use a smaller network") from None
    except subprocess.CalledProcessError as error:
        why = (error.stderr.strip().splitlines() or [f"the process ended with {error.returncode}"])[-1]
        raise ResourceError("latency", path, f"it cannot be measured: {why}") from None


def timed(path: str | os.PathLike[str], runs: int = RUNS) -> Latency:
    """The same in this process."""
    found = artifact.read(path)
    engine = OnnxEngine(found, threads=1)
    preprocess = found.preprocess
    pixels = np.random.default_rng(0).integers(
        0, 256, (1, preprocess.channels, preprocess.side, preprocess.side), dtype=np.uint8
    )
    images = preprocess.normalise(pixels)
    taken = []
    for _ in range(WARM_UP + runs):
        start = time.perf_counter()
        engine.logits(images)
        taken.append(time.perf_counter() - start)
    p50, p95 = np.quantile(taken[WARM_UP:], (0.5, 0.95))
    return Latency(float(p50), float(p95), runs)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(timed(sys.argv[1], int(sys.argv[2])))) + "\n")
