"""The latency of an architecture."""

from __future__ import annotations

from topfive.search.latency import latency_of


def test_a_network_is_exported_and_timed_in_a_fresh_process():
    found = latency_of("lenet5", 3, runs=5)
    assert found.runs == 5
    assert 0 < found.p50 <= found.p95
