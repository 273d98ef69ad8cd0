"""The latency of an architecture."""

from __future__ import annotations

from topfive.evaluate import limits
from topfive.evaluate.latency import Latency
from topfive.export.graph import to_onnx
from topfive.search import latency
from topfive.search.latency import latency_of, latency_within


def test_a_network_is_exported_and_timed_in_a_fresh_process():
    found = latency_of("lenet5", 3, runs=5)
    assert found.runs == 5
    assert 0 < found.p50 <= found.p95


def test_what_is_too_slow_is_measured_anew_without_another_export(monkeypatch):
    measured, exports = [0.003, 0.002, 0.004], []
    monkeypatch.setattr(limits, "measure_latency", lambda path: Latency(measured.pop(0), 1.0, 200))
    monkeypatch.setattr(latency, "to_onnx", lambda *arguments: exports.append(arguments) or to_onnx(*arguments))
    assert latency_within("lenet5", 3, limit=0.001) == 0.002
    assert (measured, len(exports)) == ([], 1)
