from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faults.pictures import CORRUPT_EXIF, encoded, exif, orientation, photo, with_exif
from topfive.images import Exif
from topfive.images import exif as read_exif

JPEG = encoded(photo(), "JPEG")


def test_a_picture_without_exif_says_nothing() -> None:
    assert read_exif(JPEG) == Exif()


@pytest.mark.parametrize("value", [0, 1, 6, 8, 99])
def test_the_orientation_is_given_whatever_it_is(value: int) -> None:
    assert read_exif(with_exif(JPEG, orientation(value))).orientation == value


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_position_is_seen(form: str) -> None:
    tags = Image.Exif()
    tags[0x0112] = 1
    tags.get_ifd(0x8825)[1] = "N"
    assert read_exif(encoded(photo(), form, exif=tags)).is_located
    assert not read_exif(encoded(photo(), form)).is_located


@pytest.mark.parametrize("name", ["garbage", "offset past the end"])
def test_a_block_without_a_tag_is_damaged(name: str) -> None:
    assert read_exif(with_exif(JPEG, CORRUPT_EXIF[name])).is_damaged
    assert not read_exif(with_exif(JPEG, orientation(1))).is_damaged


@given(st.binary(max_size=60))
def test_nothing_escapes(block: bytes) -> None:
    assert isinstance(read_exif(with_exif(JPEG, block)), Exif)
    assert isinstance(read_exif(with_exif(JPEG, exif()[:8] + block)), Exif)
    assert isinstance(read_exif(block), Exif)


def test_pixels_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    assert read_exif(encoded(np.zeros((9, 9, 3), np.uint8), "PNG")) == Exif()
