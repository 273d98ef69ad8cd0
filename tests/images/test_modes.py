from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from faults import pictures
from faults.pictures import encoded, photo
from topfive.images import decode, modes

MODES = ("1", "L", "LA", "La", "I;16", "I;16B", "I", "F", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")


@given(st.sampled_from((*MODES, "LAB", "HSV")), st.integers(1, 20), st.integers(1, 20))
def test_every_mode_becomes_rgb(mode: str, width: int, height: int) -> None:
    image = modes.rgb(Image.new(mode, (width, height)))
    assert (image.mode, image.size) == ("RGB", (width, height))


@pytest.mark.parametrize("mode", ["HSV", "YCbCr", "CMYK", "RGBX", "RGBA", "LAB"])
def test_colours_survive_their_mode(mode: str) -> None:
    truth = Image.fromarray(photo())
    if mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(truth, srgb, lab, outputMode="LAB")
        assert converted is not None
        converted = Image.open(BytesIO(encoded(converted, "TIFF")))
    else:
        converted = truth.convert(mode)
    difference = np.asarray(modes.rgb(converted), int) - np.asarray(truth)
    assert np.abs(difference).mean() < 2


@pytest.mark.parametrize("mode", ["LA", "La", "PA", "RGBA", "RGBa"])
def test_what_is_transparent_is_white(mode: str) -> None:
    image = Image.new({"PA": "P", "La": "L", "LA": "L"}.get(mode, "RGB"), (3, 1))
    image.putalpha(Image.fromarray(np.array([[0, 255, 0]], np.uint8)))
    image = image if image.mode == mode else image.convert(mode)
    assert image.mode == mode
    assert [modes.rgb(image).getpixel((x, 0)) for x in range(3)] == [(255,) * 3, (0,) * 3, (255,) * 3]


@given(st.lists(st.floats(width=32), min_size=1, max_size=30))
def test_float_pixels_keep_their_order(values: list[float]) -> None:
    array = np.array([values], np.float32)
    grey = np.asarray(modes.rgb(Image.fromarray(array)))[0, :, 0].astype(int)
    comparable = ~np.isnan(array[0])
    order = np.argsort(array[0][comparable])
    assert (np.diff(grey[comparable][order]) >= 0).all()
    assert (grey[~comparable] <= 255).all()


@pytest.mark.parametrize(("top", "wanted"), [(1.0, 128), (0.5, 64), (3000, 128), (1e30, 128)])
def test_float_white(top: float, wanted: int) -> None:
    array = np.array([[0, top / 2, top]], np.float32)
    assert abs(np.asarray(modes.rgb(Image.fromarray(array)))[0, 1, 0] - wanted) <= 1


def tiff(values: NDArray[np.generic], photometric: int, sample_format: int, bits: int) -> bytes:
    """A little-endian TIFF of one strip; `values` as they lie in the file, two pixels."""
    data = values.tobytes()
    tags = [(256, 3, 2), (257, 3, 1), (258, 3, bits), (259, 3, 1), (262, 3, photometric), (273, 4, 134)]
    tags += [(277, 3, 1), (278, 3, 1), (279, 4, len(data)), (339, 3, sample_format)]
    entries = [(number, kind, 1, value.to_bytes(4, "little")) for number, kind, value in tags]
    return pictures.exif(*entries).ljust(134, b"\0") + data


@pytest.mark.parametrize(
    ("values", "photometric", "sample_format", "bits", "wanted"),
    [
        (np.array([0, 65535], "<u2"), 1, 1, 16, (0, 255)),
        (np.array([0, 65535], "<u2"), 0, 1, 16, (255, 0)),
        (np.array([0x00, 0x08, 0x00], "u1"), 1, 1, 12, (0, 128)),  # 12 bits: 0x000, 0x800
        (np.array([0, 2**32 - 1], "<u4"), 1, 1, 32, (0, 255)),
        (np.array([-1000, 1000], "<i4"), 1, 2, 32, (0, 255)),
        (np.array([-1000, 1000], "<i2"), 1, 2, 16, (0, 255)),
        (np.array([0, 1], "<f4"), 0, 3, 32, (255, 0)),
    ],
)
def test_deep_tiffs(
    values: NDArray[np.generic], photometric: int, sample_format: int, bits: int, wanted: tuple[int, int]
) -> None:
    pixels = decode(tiff(values, photometric, sample_format, bits)).pixels
    assert tuple(pixels[0, :, 0]) == wanted
