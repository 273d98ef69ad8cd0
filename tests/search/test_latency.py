"""Latency as part of a measurement."""

from __future__ import annotations

import pickle

from topfive.evaluate import latency as measuring
from topfive.search import latency
from topfive.search.latency import Timed, latency_of
from topfive.search.trial import Measurement

MEASURED = Measurement(accuracy=0.9, params=1, macs=2, seconds=3.0, curve=(0.9,))


def evaluate(model: str, seed: int) -> Measurement:
    assert (model, seed) == ("lenet5", 7)
    return MEASURED


def test_a_network_is_exported_and_timed_in_a_fresh_process():
    found = latency_of("lenet5", 3, runs=5)
    assert found.runs == 5
    assert 0 < found.p50 <= found.p95


def test_the_latency_is_added_in_milliseconds(monkeypatch):
    asked = []
    monkeypatch.setattr(
        latency, "latency_of", lambda *arguments: asked.append(arguments) or measuring.Latency(0.002, 0.003, 200)
    )
    found = pickle.loads(pickle.dumps(Timed(evaluate, num_classes=3)))("lenet5", 7)
    assert found == Measurement(accuracy=0.9, params=1, macs=2, seconds=3.0, curve=(0.9,), latency=2.0)
    assert asked == [("lenet5", 3)]
