from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from topfive.explain.heat import COLOURS, overlay


def luminance(colours):
    """Relative luminance of sRGB."""
    scaled = colours / 255
    linear = np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


def test_hotter_is_always_lighter():
    assert (np.diff(luminance(COLOURS.astype(float))) > -1e-3).all()
    assert luminance(COLOURS[-1].astype(float)) > 10 * luminance(COLOURS[0].astype(float))


@pytest.mark.parametrize("level", [0, 128, 255])
def test_heat_shows_on_dark_and_on_light(level):
    picture = np.full((1, 2, 3), level, np.uint8)
    cold, hot = overlay(picture, np.array([[0, 1]], np.float32))[0].astype(int)
    assert np.ptp(cold) <= 1, "what is cold stays grey"
    assert np.abs(hot - cold).max() > 100


def test_what_is_cold_keeps_its_contrast():
    picture = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    dark, light = overlay(picture, np.zeros((1, 2), np.float32))[0, :, 0].astype(int)
    assert light - dark > 150


@given(
    arrays(np.uint8, (4, 5, 3)),
    arrays(np.float32, (4, 5), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)),
)
def test_any_heat_gives_a_picture(picture, heat):
    found = overlay(picture, heat)
    assert found.shape == picture.shape
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, overlay(picture, np.nan_to_num(heat).clip(0, 1)))
