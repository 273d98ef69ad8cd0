"""Heat on a picture: a map of numbers made visible without hiding what it lies on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

# Lightness, chroma and hue in degrees, in Oklab (Ottosson 2020), from cold to hot; lightness never falls, so that the
# colours are in order also for those who see only greys.
_STOPS = np.array([(0.30, 0.09, 285), (0.48, 0.19, 320), (0.64, 0.21, 375), (0.78, 0.17, 415), (0.91, 0.18, 463)])
_TO_CONES = np.array(
    [(1, 0.3963377774, 0.2158037573), (1, -0.1055613458, -0.0638541728), (1, -0.0894841775, -1.291485548)]
)
_TO_RGB = np.array(
    [
        (4.0767416621, -3.3077115913, 0.2309699292),
        (-1.2684380046, 2.6097574011, -0.3413193965),
        (-0.0041960863, -0.7034186147, 1.7076147010),
    ]
)


def _colours() -> Pixels:
    """RGB [256, 3] from cold to hot."""
    at = np.linspace(0, len(_STOPS) - 1, 256)
    lightness, chroma, hue = (np.interp(at, np.arange(len(_STOPS)), column) for column in _STOPS.T)
    angle = np.radians(hue)
    oklab = np.stack([lightness, chroma * np.cos(angle), chroma * np.sin(angle)], 1)
    linear = ((oklab @ _TO_CONES.T) ** 3 @ _TO_RGB.T).clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    colours: Pixels = np.rint(255 * encoded).astype(np.uint8)
    return colours


COLOURS = _colours()


def overlay(pixels: Pixels, heat: NDArray[np.float32]) -> Pixels:
    """A picture uint8 [H, W, 3], in grey, under its heat [H, W] from 0 to 1 -> uint8 [H, W, 3].

    What is cold stays visible; the greys keep away from black and white, so that the colours show on either.
    """
    grey = 28 + 0.62 * (pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    level = np.nan_to_num(heat).clip(0, 1)
    colour = COLOURS[np.rint(255 * level).astype(np.intp)]
    opacity = (0.8 * level**0.75)[..., None]
    blended: Pixels = np.rint(opacity * colour + (1 - opacity) * grey).clip(0, 255).astype(np.uint8)
    return blended


def coloured(pixels: Pixels) -> Pixels:
    """What a network is shown, uint8 [C, H, W] with C 1 or 3 -> [H, W, 3]."""
    return np.broadcast_to(pixels.transpose(1, 2, 0), (*pixels.shape[1:], 3))


def brightest(worth: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is above 0 in a map, as heat from 0 to 1, the hottest hundredth alike; all zeros where nothing is."""
    above = np.nan_to_num(worth).clip(0)
    scale = float(np.quantile(above, 0.99)) or float(above.max()) or 1.0
    heat: NDArray[np.float32] = (above / scale).clip(0, 1).astype(np.float32)
    return heat


def gathered(attributions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Attributions [C, H, W] -> [H, W]: how much each pixel and its neighbours matter, for the class or against it.

    Signs differ from pixel to pixel, so that only sizes make a picture.  They are weighted by a pyramid that reaches
    over a twentieth of it.
    """
    whole = np.abs(attributions.sum(0))
    reach = max(1, min(whole.shape) // 40)
    slope = np.minimum(np.arange(1, 2 * reach), np.arange(2 * reach - 1, 0, -1)) / reach**2
    for axis in (0, 1):
        whole = np.apply_along_axis(np.convolve, axis, whole, slope, "same")
    near: NDArray[np.float32] = whole.astype(np.float32)
    return near
