"""How fast a shipped file answers on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from topfive.predictor import Predictor

BATCH = 16
SECONDS, PATIENCE = 0.15, 2.0  # for each of the two measurements; the second where fewer than LEAST runs fit the first
LEAST, MOST = 3, 50  # timed runs


@dataclass(frozen=True)
class Speed:
    """The network alone, decoding and resizing left out, on `threads` threads.

    Latencies are seconds for one image by itself; `throughput` is images a second, `batch_size` at a time.
    """

    latency_p50: float
    latency_p95: float
    throughput: float
    batch_size: int
    threads: int


def measure_speed(predictor: Predictor, batch_size: int = BATCH) -> Speed:
    """A short measurement on noise: enough for two digits on an idle machine."""
    single, many = (_seconds(predictor, images) for images in (1, batch_size))
    return Speed(
        latency_p50=float(np.quantile(single, 0.5)),
        latency_p95=float(np.quantile(single, 0.95)),
        throughput=batch_size / float(np.quantile(many, 0.5)),
        batch_size=batch_size,
        threads=predictor.threads,
    )


def _seconds(predictor: Predictor, images: int) -> list[float]:
    """Of each run, after one to warm up."""
    preprocess = predictor.preprocess
    shape = images, preprocess.channels, preprocess.side, preprocess.side
    batch = preprocess.normalise(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    predictor.engine.logits(batch)
    taken: list[float] = []
    while not taken or (len(taken) < MOST and sum(taken) < (SECONDS if len(taken) >= LEAST else PATIENCE)):
        start = time.perf_counter()
        predictor.engine.logits(batch)
        taken.append(time.perf_counter() - start)
    return taken
