from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import threading
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from faults import fuzz, pictures
from faults.pictures import Expected, encoded, photo
from topfive.images import EXTENSIONS, ImageError, decode


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Expected]:
    return pictures.write(tmp_path_factory.mktemp("pictures"))


def check(path: str, expected: Expected) -> None:
    """`path` gives the expected pixels, or is refused for the expected reason with its name in one line."""
    if expected.reason:
        with pytest.raises(ImageError) as caught:
            decode(path)
        assert re.search(expected.reason, caught.value.reason), f"{path!r}: {caught.value.reason}"
        assert caught.value.path == path
        assert str(caught.value).isprintable()
        assert caught.value.exit_code == 3
        return
    picture = decode(path)
    assert expected.pixels is not None
    assert picture.pixels.shape == expected.pixels.shape, path
    assert picture.pixels.dtype == np.uint8
    difference = np.abs(picture.pixels.astype(int) - expected.pixels).mean()
    assert difference <= expected.tolerance, f"{path!r} differs by {difference}"
    assert picture.frames == expected.frames, path
    assert picture.size == (expected.pixels.shape[1], expected.pixels.shape[0])


def test_every_faulty_file_gives_its_pixels_or_its_reason(files: dict[str, Expected]) -> None:
    assert {expected.fault for expected in files.values()} == {f"A{n}" for n in range(1, 22)} - {"A19"}
    for path, expected in files.items():
        check(path, expected)


def test_the_check_of_faulty_files_notices_wrong_pixels_reasons_and_frames(files: dict[str, Expected]) -> None:
    """Sabotage: with its expectation altered, every file fails."""
    for path, expected in files.items():
        if expected.fault == "A6":  # a flipped bit: any pixels will do
            continue
        if expected.reason:
            wrong = Expected(expected.fault, reason="something else")
        else:
            assert expected.pixels is not None
            wrong = Expected(expected.fault, 255 - expected.pixels, expected.tolerance, frames=expected.frames)
        with pytest.raises(AssertionError):
            check(path, wrong)


def test_bytes_and_files_decode_alike(files: dict[str, Expected]) -> None:
    for path, expected in files.items():
        if expected.pixels is not None:
            assert np.array_equal(decode(Path(path).read_bytes()).pixels, decode(Path(path)).pixels)


def test_the_faults_are_there(files: dict[str, Expected]) -> None:
    """Pillow left alone stumbles over what we claim to have planted."""
    by_name = {os.path.basename(path): path for path in files}
    warned = 0
    for name in pictures.CORRUPT_EXIF:
        with warnings.catch_warnings(record=True) as caught:
            warnings.resetwarnings()
            warnings.simplefilter("always")
            image = Image.open(by_name[f"exif {name}.jpg"])
            try:
                ImageOps.exif_transpose(image)
            except Exception:
                warned += 1
            warned += bool(caught)
    assert warned >= 3
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(by_name["large.png"]).close()
    with pytest.raises(Image.DecompressionBombError):
        Image.open(by_name["bomb.png"])
    short = Image.open(by_name["claims 36 MP.png"])
    short.load()  # in silence
    assert decode(pictures.black_png(640, 480)).pixels.shape == (480, 640, 3)  # its large sisters are whole
    assert decode(pictures.many_scans(100)).pixels.shape == (48, 64, 3)


def test_eps_never_reaches_ghostscript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark, fake = tmp_path / "called", tmp_path / "gs"
    fake.write_text(f"#!/bin/sh\ntouch '{mark}'\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    for content in (eps, b"\xc5\xd0\xd3\xc6\x1e\0\0\0" + eps):
        with pytest.raises(ImageError, match="EPS"):
            decode(content)
    assert not mark.exists()
    code = "import sys; from PIL import Image; Image.open(sys.stdin.buffer).load()"
    subprocess.run([sys.executable, "-c", code], input=eps, check=False, capture_output=True)
    assert mark.exists(), "the trap works: Pillow without an allow-list calls it"


def test_an_unreadable_file_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("unreadable")
    folder.chmod(0o755)  # root reads anything, so the child becomes nobody
    readable, unreadable = folder / "readable.png", folder / "unreadable.png"
    for path in (readable, unreadable):
        path.write_bytes(encoded(photo(), "PNG"))
    unreadable.chmod(0)
    code = (
        "import os, sys\n"
        "from topfive.images import ImageError, decode\n"
        "from PIL import PngImagePlugin\n"
        "os.chdir(sys.argv[1])\n"
        "if os.geteuid() == 0: os.setgroups([]); os.chroot('.'); os.setuid(65534)\n"
        "decode('readable.png')\n"
        "try: decode('unreadable.png')\n"
        "except ImageError as error: print(error.reason)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=False)
    assert done.stdout == "permission denied\n", done.stderr


def test_devices_and_hostile_paths_are_refused() -> None:
    for path, reason in (("/dev/zero", "device"), ("a\0b", "null"), ("x" * 300, "too long"), ("", "no such file")):
        with pytest.raises(ImageError, match=r".") as caught:
            decode(path)
        assert reason in caught.value.reason


def test_a_fifo_that_replaces_the_file_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fifo, plain = tmp_path / "fifo", tmp_path / "plain"
    os.mkfifo(fifo)
    plain.write_bytes(b"")
    monkeypatch.setattr(os, "stat", lambda path, stat=os.stat: stat(plain))  # what the file was a moment ago
    with pytest.raises(ImageError, match="FIFO"):
        decode(fifo)


def test_no_descriptor_leaks(files: dict[str, Expected]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        for path in files:
            try:
                decode(path)
            except ImageError:
                continue
    assert len(os.listdir("/proc/self/fd")) <= before


def test_no_warning_in_any_thread(files: dict[str, Expected]) -> None:
    """Under `-W error` a warning would refuse a good file; threads must not undo one another's silence."""
    paths = [path for path, expected in files.items() if expected.fault == "A15"]
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for path in paths * 3:
                decode(path)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_equals_pillow(value: int, form: str) -> None:
    tags = Image.Exif()
    tags[0x0112] = value
    data = encoded(photo(61, 40), form, exif=tags)
    wanted = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB"))
    picture = decode(data)
    assert np.array_equal(picture.pixels, wanted)
    assert picture.size == wanted.shape[1::-1]
    assert decode(data, short_side=5).size == picture.size


def test_draft_keeps_twice_the_side_and_stays_near_the_whole() -> None:
    data = encoded(photo(1601, 1200), "JPEG", quality=92)
    whole = decode(data)
    for short_side in (1, 75, 76, 150, 151, 300, 301, 2000):
        draft = decode(data, short_side)
        height = len(draft.pixels)
        scale = round(1200 / height)
        assert scale in (1, 2, 4, 8)
        assert scale == 1 or height >= 2 * short_side
        assert scale == 8 or 1200 // (2 * scale) < 2 * short_side, "the smallest that will do"
        assert draft.size == whole.size == (1601, 1200)
        if height >= 100:
            sizes = (100, 100)
            near = [np.asarray(Image.fromarray(each.pixels).resize(sizes), int) for each in (draft, whole)]
            assert np.abs(near[0] - near[1]).mean() < 1


@pytest.mark.parametrize("value", range(1, 9))
def test_the_extent_of_a_draft_is_turned_with_it(value: int) -> None:
    """403 x 301 at 1/4 is 100.75 x 75.25 of 101 x 76 pixels."""
    data = pictures.with_exif(encoded(photo(403, 301), "JPEG"), pictures.orientation(value))
    draft = decode(data, short_side=37)
    coverage = np.ones((76, 101, 1))
    coverage[-1] *= 0.25
    coverage[:, -1] *= 0.75
    coverage = pictures.upright(coverage, value)[..., 0]
    assert draft.pixels.shape[:2] == coverage.shape
    left, top, right, bottom = draft.extent
    assert (right - left, bottom - top) == ((100.75, 75.25) if value < 5 else (75.25, 100.75))
    assert (left > 0) == (coverage[:, 0].max() < 1)
    assert (top > 0) == (coverage[0].max() < 1)
    assert decode(data).extent == (0, 0, *decode(data).size)


def test_the_pixel_limit_is_of_the_header_and_exact() -> None:
    data = encoded(photo(40, 30), "PNG")
    assert decode(data, pixel_limit=1200).size == (40, 30)
    with pytest.raises(ImageError, match="over the limit of 1,199"):
        decode(data, pixel_limit=1199)
    for form in ("JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"):
        with pytest.raises(ImageError, match="over the limit"):
            decode(encoded(photo(40, 30), form), short_side=1, pixel_limit=1199)
    with pytest.raises(ImageError, match="truncated"):
        decode(pictures.short_png(9000, 9000, 10), pixel_limit=10**9)


def gif(screen: tuple[int, int], frame: tuple[int, int]) -> bytes:
    data = bytearray(encoded(np.zeros((1, 1), np.uint8), "GIF"))
    at = data.index(b"\x2c", 13 + 3 * 2 ** ((data[10] & 7) + 1 if data[10] & 128 else 0))
    data[6:10], data[at + 5 : at + 9] = struct.pack("<HH", *screen), struct.pack("<HH", *frame)
    return bytes(data)


@pytest.mark.parametrize("frame", [(7000, 8000), (10000, 10000), (60000, 60000)])
def test_a_gif_cannot_hide_its_size_in_its_first_frame(frame: tuple[int, int]) -> None:
    """Between ours and Pillow's first limit; where Pillow would warn (an error here); where it raises."""
    assert decode(gif((1, 1), (1, 1))).size == (1, 1)
    with pytest.raises(ImageError, match="limit"):
        decode(gif((1, 1), frame))


def test_a_file_beyond_the_byte_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.bmp"
    with path.open("wb") as file:
        file.write(b"BM")
        file.truncate(2**25)
    with pytest.raises(ImageError, match="bytes"):
        decode(path, pixel_limit=1000)


def test_text_of_many_kinds_is_named() -> None:
    for content, name in (
        (b"\xef\xbb\xbf \n<HTML>", "HTML"),
        (b"<svg/>", "SVG"),
        (b"<?xml version='1.0'?><a/>", "XML"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04....", "ZIP"),
        (b"\0\0\0\x20ftypavif", "AVIF"),
        (b"\0\0\0\x20ftypisom", "video"),
        (b"RIFF\0\0\0\0WAVE", "sound"),
    ):
        with pytest.raises(ImageError, match=name):
            decode(content)


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_refused(content: bytes) -> None:
    try:
        decode(content)
    except ImageError as error:
        assert error.reason  # noqa: PT017  where it decodes, that is as good


@given(st.sampled_from(fuzz.seeds()), st.data())
def test_a_truncated_file_decodes_or_is_refused(content: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(content)))
    try:
        decode(content[:cut])
    except ImageError as error:
        assert error.reason  # noqa: PT017


@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from(["PNG", "TIFF", "BMP", "PPM"]), st.integers(0, 2**32 - 1)
)
def test_lossless_formats_keep_every_pixel(width: int, height: int, form: str, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert np.array_equal(decode(encoded(pixels, form)).pixels, pixels)
    assert np.array_equal(decode(encoded(pixels[..., 0], form)).pixels, pictures.grey(pixels[..., 0]))


def test_every_extension_is_lower_case_with_its_dot() -> None:
    assert all(re.fullmatch(r"\.[a-z]+", extension) for extension in EXTENSIONS)


def test_the_seeds_of_the_fuzz_all_decode() -> None:
    for seed in fuzz.seeds():
        decode(seed)


def assert_thorough(outcome: fuzz.Outcome) -> None:
    assert outcome.crashes == outcome.hangs == outcome.escapes == outcome.warnings == []
    assert outcome.decoded + outcome.refused == outcome.count
    assert outcome.decoded > outcome.count / 5, "mutants too wild to reach the decoders"
    assert outcome.refused > outcome.count / 5, "mutants too tame"
    assert outcome.peak_rss_megabytes < 2000


def test_mutants_neither_crash_nor_hang() -> None:
    assert_thorough(fuzz.run(2000))


@pytest.mark.slow
def test_very_many_mutants_neither_crash_nor_hang() -> None:
    assert_thorough(fuzz.run(20_000))


@pytest.mark.parametrize(
    ("fault", "noticed"), [("aborts", "crashes"), ("hangs", "hangs"), ("leaks", "escapes"), ("warns", "warnings")]
)
def test_the_fuzz_notices_a_broken_decoder(fault: str, noticed: str) -> None:
    outcome = fuzz.run(60, decoder=f"faults.sabotage:{fault}", timeout_seconds=1)
    assert getattr(outcome, noticed)
    assert not outcome.is_clean
    assert outcome.decoded, "and goes on behind it"
