"""Limits: what is read as one, and what breaks one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive import builtin
from topfive.errors import UsageError
from topfive.evaluate import limits
from topfive.evaluate.latency import Latency
from topfive.evaluate.limits import Cost, Limits, amount, cost_of, limits_from, stated


@pytest.mark.parametrize(
    ("text", "seconds"), [("5ms", 0.005), ("0.5s", 0.5), ("250us", 250e-6), (" 5 ms ", 0.005), ("12.5ms", 0.0125)]
)
def test_a_latency(text, seconds):
    assert limits_from(latency=text) == Limits(latency=pytest.approx(seconds))


@pytest.mark.parametrize(
    ("text", "size"), [("4MB", 4_000_000), ("500KB", 500_000), ("1.5mb", 1_500_000), ("1KiB", 1024), ("12B", 12)]
)
def test_a_size(text, size):
    assert limits_from(size=text) == Limits(size=size)


@pytest.mark.parametrize(
    ("text", "macs"), [("50M", 50_000_000), ("1.2G", 1_200_000_000), ("300k", 300_000), ("1234567", 1_234_567)]
)
def test_operations(text, macs):
    assert limits_from(macs=text) == Limits(macs=macs)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(
            ("latency", text)
            for text in ("5", "ms", "", "-5ms", "0ms", "nan", "inf", "5 min", "5ms5", "1e3ms", "5MS", "\u0665ms")
        ),
        *(("size", text) for text in ("4", "4M", "0MB", "-1KB", "0.4B", "4 MB MB", "0x4MB", "9" * 16 + "MB")),
        *(("macs", text) for text in ("50MB", "0", "-1", "0.5", "M", "5T", "1,000", "5\n0")),
    ],
)
def test_what_is_no_limit_is_refused_with_an_example(name, text):
    with pytest.raises(UsageError, match=rf"--max-{name}.*Use e.g."):
        limits_from(**{name: text})


@given(st.text(max_size=12), st.sampled_from(["latency", "size", "macs"]))
def test_any_text_is_a_limit_above_nothing_or_refused(text, name):
    try:
        found = limits_from(**{name: text})
    except UsageError:
        return
    assert stated(found)[name] > 0


@given(st.integers(1, 10**14), st.sampled_from(["size", "macs"]))
def test_whole_numbers_are_read_exactly(number, name):
    unit = {"size": "B", "macs": ""}[name]
    assert stated(limits_from(**{name: f"{number}{unit}"})) == {name: number}


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("latency", 0.00123, "1.23 ms"),
        ("latency", 2.0, "2 s"),
        ("size", 4_000_000, "4.00 MB"),
        ("size", 999, "999 B"),
        ("macs", 50_100_000, "50.10M multiply-accumulates"),
    ],
)
def test_costs_in_words(name, value, text):
    assert amount(name, value) == text


COST = Cost(latency=0.004, size=1000, macs=50)


@pytest.mark.parametrize(
    ("given_limits", "broken"),
    [
        (Limits(), ()),
        (Limits(0.004, 1000, 50), ()),
        (Limits(latency=0.0039), ("latency",)),
        (Limits(size=999), ("size",)),
        (Limits(macs=49), ("macs",)),
        (Limits(0.001, 1, 1), ("latency", "size", "macs")),
    ],
)
def test_a_limit_may_be_reached_and_not_exceeded(given_limits, broken):
    assert given_limits.broken(COST) == broken


def test_a_margin_is_kept_from_a_latency_and_from_nothing_else():
    assert Limits(0.0044, 1000, 50).broken(COST, 0.9) == ("latency",)
    assert Limits(0.0045, 1000, 50).broken(COST, 0.9) == ()


def test_a_limit_on_what_was_not_measured_is_a_mistake_of_ours():
    with pytest.raises(AssertionError):
        Limits(latency=1.0).broken(Cost(None, 1, 1))


@pytest.fixture
def clock(monkeypatch):
    """Medians that measurements will find, one after the other; those that are left."""
    medians = []
    monkeypatch.setattr(limits, "measure_latency", lambda file: Latency(medians.pop(0), 1.0, 200))
    return medians


def test_a_slow_measurement_is_repeated_and_the_quietest_counts(clock):
    clock += [0.03, 0.02, 0.01, 0.001]
    assert cost_of(builtin.PATH, 7, Limits(latency=0.005)).latency == 0.01
    assert clock == [0.001]


def test_one_that_is_quick_enough_is_not(clock):
    clock += [0.03, 0.004, 0.001]
    assert cost_of(builtin.PATH, 7, Limits(latency=0.005)) == Cost(0.004, builtin.PATH.stat().st_size, 7)
    assert clock == [0.001]


def test_where_the_latency_is_free_nobody_measures_it(clock):
    assert cost_of(builtin.PATH, 7, Limits(size=10)).latency is None
