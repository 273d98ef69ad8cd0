"""Names without harm, numbers as they are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.report.wording import SHORT, harmless, scientific, setting, short, size


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
