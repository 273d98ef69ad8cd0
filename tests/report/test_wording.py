"""Names without harm, numbers as they are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.evaluate.metrics import Interval
from topfive.evaluate.paired import Paired
from topfive.report.wording import (
    SHORT,
    amount,
    chance,
    duration,
    harmless,
    points,
    scientific,
    setting,
    short,
    size,
    verdict,
)


@given(st.text(st.characters()))
def test_harmless_text_is_printable_and_bounded(text: str) -> None:
    assert harmless(text).isprintable()
    assert len(harmless(text)) <= 300
    harmless(text).encode("utf-8")


def test_what_is_no_text_passes() -> None:
    assert harmless(3) == 3
    assert harmless(None) is None


@given(st.text(st.characters()))
def test_short_names_are_short(name: str) -> None:
    assert len(short(name)) <= SHORT
    assert short(name).isprintable()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.00 kB"),
        (9_994, "9.99 kB"),
        (9_996, "10.0 kB"),
        (252_173, "252 kB"),
        (999_499, "999 kB"),
        (999_501, "1.00 MB"),
        (18_600_000, "18.6 MB"),
        (2_147_483_647, "2.15 GB"),
    ],
)
def test_sizes_have_three_digits(number: int, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(("number", "text"), [(1.23e-6, "1.2e-6"), (1e-4, "1e-4"), (0.0, "0"), (3.0, "3e0")])
def test_scientific(number: float, text: str) -> None:
    assert scientific(number) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        ("", "\N{EN DASH}"),
        (True, "yes"),
        (0.0005, "0.0005"),
        (0.1 + 0.2, "0.3"),
        ((0.35, 1.0), "0.35, 1"),
        ({"threads": 1, "format": "channels_last"}, "threads 1, format channels_last"),
        ("sgd", "sgd"),
        (7, "7"),
    ],
)
def test_settings(value: object, text: str) -> None:
    assert setting(value) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00K"),
        (61_706, "61.7K"),
        (999_499, "999K"),
        (999_500, "1.00M"),
        (4.1e9, "4.10G"),
    ],
)
def test_amounts_have_three_digits(number: int, text: str) -> None:
    assert amount(int(number)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (27e-6, "27 \N{MICRO SIGN}s"),
        (0.00314, "3.1 ms"),
        (0.0958, "96 ms"),
        (1.24, "1.2 s"),
        (61, "61 s"),
        (100, "2 min"),
        (9000, "2.5 h"),
    ],
)
def test_durations_have_the_unit_that_suits_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("difference", "text"), [(0.0123, "+1.23"), (-0.5, "\N{MINUS SIGN}50.00"), (0.0, "0.00"), (-0.00001, "0.00")]
)
def test_points_have_their_sign(difference: float, text: str) -> None:
    assert points(difference) == text


@pytest.mark.parametrize(("p", "text"), [(1.0, "1.00"), (0.123, "0.12"), (0.0412, "0.041"), (3e-9, "< 0.0001")])
def test_chances(p: float, text: str) -> None:
    assert chance(p) == text


@pytest.mark.parametrize(
    ("difference", "p", "text"),
    [(0.1, 0.04, "first is better"), (-0.1, 0.04, "second is better"), (0.1, 0.05, "not shown")],
)
def test_a_verdict_needs_more_than_chance(difference: float, p: float, text: str) -> None:
    assert verdict(Paired(100, 20, 10, difference, Interval(0.0, 0.2), p)) == text
