"""The speed of a file: which runs are timed, not how long they take."""

from __future__ import annotations

import numpy as np
import pytest

from topfive.evaluate import speed
from topfive.labels import Labels
from topfive.predictor import Predictor
from topfive.preprocess import Preprocess


class Clocked:
    """An engine that takes as long as it is told: `seconds` an image, by a clock of its own."""

    identity = "clocked"

    def __init__(self, seconds: float):
        self.seconds, self.now = seconds, 0.0
        self.batches: list[tuple[int, ...]] = []

    def logits(self, images: np.ndarray) -> np.ndarray:
        self.batches.append(images.shape)
        self.now += self.seconds * len(images)
        return np.zeros((len(images), 2), np.float32)

    embeddings = logits


@pytest.mark.parametrize(("seconds", "runs"), [(0.001, (speed.MOST, 10)), (0.1, (speed.LEAST, 2)), (1.0, (2, 1))])
def test_the_runs_are_few_and_the_first_is_not_counted(
    seconds: float, runs: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Clocked(seconds)
    monkeypatch.setattr(speed.time, "perf_counter", lambda: engine.now)
    found = speed.measure_speed(Predictor(engine, Preprocess(size=8), Labels(("a", "b")), threads=2))
    assert found.latency_p50 == pytest.approx(seconds)
    assert found.latency_p95 == pytest.approx(seconds)
    assert found.throughput == pytest.approx(1 / seconds)
    assert (found.batch_size, found.threads) == (speed.BATCH, 2)
    assert engine.batches[0] == (1, 3, 8, 8)
    assert [sum(batch[0] == size for batch in engine.batches) for size in (1, speed.BATCH)] == [n + 1 for n in runs]
