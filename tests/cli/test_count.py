from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from topfive.cli.count import UNITS, difference, short


def test_three_digits_and_a_unit() -> None:
    counts = (0, 999, 60_000, 999_499, 999_600, 25_557_032, 37_745_884_192, -230_000_000)
    assert [short(count) for count in counts] == ["0", "999", "60.0K", "999K", "1.00M", "25.6M", "37.7G", "-230M"]


def test_differences() -> None:
    assert difference(5, 5) == "equal"
    assert difference(4_089_184_256, 3_857_973_248) == "+231M (+5.99%)"
    assert difference(1, 4) == "-3 (-75%)"
    assert difference(7, 0) == "+7"


@given(st.integers(0, 10**12))
def test_short_is_within_half_a_percent(count: int) -> None:
    text = short(count)
    value = float(text.rstrip("KMG")) * UNITS[text[-1] if text[-1] in "KMG" else ""]
    assert abs(value - count) <= 0.005 * count + 1e-9
