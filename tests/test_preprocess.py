from __future__ import annotations

import resource
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from faults import pictures
from faults.pictures import encoded, photo
from topfive.errors import UsageError
from topfive.images import decode
from topfive.preprocess import IMAGENET_MEAN, Preprocess

GREY: dict[str, Any] = {"mean": (0.5,), "std": (0.25,)}
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")

preprocesses = st.builds(
    Preprocess,
    size=st.integers(1, 40),
    crop=st.sampled_from([1.0, 0.95, 0.875, 0.5]),
    interpolation=st.sampled_from(INTERPOLATIONS),
    mean=st.sampled_from([IMAGENET_MEAN, (0.5, 0.5, 0.5)]),
    pad=st.integers(0, 3),
)


@st.composite
def arrays(draw: st.DrawFn, largest: int = 60) -> NDArray[np.uint8]:
    height, width = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    shape = draw(st.sampled_from([(height, width), (height, width, 3)]))
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(0, 256, shape, dtype=np.uint8)


def wholly(preprocess: Preprocess, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The oracle: scale the whole image, then crop its centre, as the words of the module say."""
    image = Image.fromarray(pixels).convert("RGB" if preprocess.channels == 3 else "L")
    short, (width, height) = preprocess.resize_side, image.size
    sizes = (int(short * width / height), short) if width >= height else (short, int(short * height / width))
    method = Image.Resampling[preprocess.interpolation.upper()]
    left, top = (round((side - preprocess.size) / 2) for side in sizes)
    square = image.resize(sizes, method).crop((left, top, left + preprocess.size, top + preprocess.size))
    framed = np.pad(np.atleast_3d(np.asarray(square)), ((preprocess.pad,) * 2, (preprocess.pad,) * 2, (0, 0)))
    return framed.transpose(2, 0, 1)


@given(preprocesses, arrays())
def test_pixels_have_the_shape_and_equal_those_of_a_png(preprocess: Preprocess, array: NDArray[np.uint8]) -> None:
    pixels = preprocess.pixels(array)
    assert pixels.shape == (3, preprocess.side, preprocess.side)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    data = encoded(array, "PNG")
    assert np.array_equal(pixels, preprocess.pixels(decode(data)))
    assert np.array_equal(pixels, preprocess.load(data))


@given(arrays(), st.integers(1, 40), st.sampled_from(INTERPOLATIONS))
def test_grey_arrays_give_the_same_through_one_channel_and_three(
    array: NDArray[np.uint8], size: int, interpolation: Literal["bilinear"]
) -> None:
    grey = array if array.ndim == 2 else array[..., 0]
    one = Preprocess(size=size, interpolation=interpolation, **GREY).pixels(grey)
    assert one.shape == (1, size, size)
    assert np.array_equal(one, Preprocess(size=size, interpolation=interpolation, **GREY).load(encoded(grey, "PNG")))
    assert np.array_equal(np.repeat(one, 3, axis=0), Preprocess(size=size, interpolation=interpolation).pixels(grey))


def assert_near(one: NDArray[np.uint8], two: NDArray[np.uint8], interpolation: str) -> None:
    """Equal to within two roundings, apart from ties (nearest) and clipped overshoot (bicubic, lanczos)."""
    assert one.shape == two.shape
    difference = np.abs(one.astype(int) - two)
    if interpolation == "bilinear":
        assert difference.max(initial=0) <= 2
        assert (difference > 1).mean() < 0.02 or difference.size < 1000
    else:
        assert (difference > 1).mean() < 0.02
        assert difference.mean() < 0.2


@given(preprocesses, st.integers(20, 90), st.integers(20, 90))
def test_one_pass_equals_scaling_wholly_and_cropping_then(preprocess: Preprocess, width: int, height: int) -> None:
    pixels = photo(width, height)
    if preprocess.interpolation != "nearest":  # whose ties fall either way, a whole row at a time
        assert_near(preprocess.pixels(pixels), wholly(preprocess, pixels), preprocess.interpolation)


@given(arrays(), st.integers(1, 40))
def test_one_pass_equals_scaling_wholly_for_any_pixels(array: NDArray[np.uint8], size: int) -> None:
    preprocess = Preprocess(size=size)
    assert_near(preprocess.pixels(array), wholly(preprocess, array), "bilinear")


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize(("width", "height"), [(500, 375), (375, 500), (333, 500), (256, 256), (224, 300), (97, 61)])
def test_geometry_equals_torchvision(width: int, height: int, interpolation: Literal["bilinear"]) -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    mode = transforms.InterpolationMode(interpolation)
    image = Image.fromarray(photo(width, height))
    theirs = np.asarray(transforms.CenterCrop(224)(transforms.Resize(256, mode)(image)))
    assert_near(
        Preprocess(interpolation=interpolation).pixels(photo(width, height)).transpose(1, 2, 0), theirs, interpolation
    )


def test_the_comparison_notices_a_shift_and_another_method() -> None:
    """Sabotage: an oracle that looks one pixel to the side, or at another curve, is not near."""
    preprocess, pixels = Preprocess(), photo(500, 375)
    for wrong in (wholly(preprocess, np.roll(pixels, 1, axis=1)), wholly(Preprocess(interpolation="lanczos"), pixels)):
        with pytest.raises(AssertionError):
            assert_near(preprocess.pixels(pixels), wrong, "bilinear")


@given(arrays())
def test_an_image_of_the_size_passes_unchanged(array: NDArray[np.uint8]) -> None:
    size = min(array.shape[:2])
    square = array[:size, :size]
    for interpolation in INTERPOLATIONS:
        pixels = Preprocess(size=size, crop=1, interpolation=interpolation).pixels(square)
        assert np.array_equal(pixels.transpose(1, 2, 0), square if square.ndim == 3 else pictures.grey(square))


def test_what_has_the_short_side_already_is_only_cropped() -> None:
    array = np.random.default_rng(0).integers(0, 256, (256, 301, 3), dtype=np.uint8)
    assert np.array_equal(Preprocess().pixels(array).transpose(1, 2, 0), array[16:240, 38:262])


def test_pad_is_a_black_frame() -> None:
    array = np.full((28, 28), 200, np.uint8)
    pixels = Preprocess(size=28, crop=1, pad=2, **GREY).pixels(array)
    assert pixels.shape == (1, 32, 32)
    assert np.array_equal(pixels[0, 2:-2, 2:-2], array)
    assert pixels.sum() == array.sum()


def test_luma_is_that_of_bt_601() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    for index, wanted in enumerate((76, 150, 29, 255)):
        assert Preprocess(size=1, crop=1, **GREY).pixels(colours[:, index : index + 1])[0, 0, 0] == wanted


@given(preprocesses, arrays(20))
def test_normalise_is_its_formula_correctly_rounded(preprocess: Preprocess, array: NDArray[np.uint8]) -> None:
    batch = np.stack([preprocess.pixels(array), 255 - preprocess.pixels(array)])
    normal = preprocess.normalise(batch)
    mean, std = (np.array(each)[:, None, None] for each in (preprocess.mean, preprocess.std))
    assert normal.dtype == np.float32
    assert np.array_equal(normal, ((batch / 255 - mean) / std).astype(np.float32))


def test_normalise_takes_an_empty_batch_and_refuses_another_shape() -> None:
    assert Preprocess().normalise(np.zeros((0, 3, 8, 8), np.uint8)).shape == (0, 3, 8, 8)
    for wrong in (np.zeros((3, 8, 8), np.uint8), np.zeros((1, 1, 8, 8), np.uint8), np.zeros((1, 3, 8, 8))):
        with pytest.raises(UsageError, match=r"uint8 \[N, 3, H, W\]"):
            Preprocess().normalise(wrong)


@given(preprocesses, arrays())
def test_views(preprocess: Preprocess, array: NDArray[np.uint8]) -> None:
    one, ten = preprocess.views(array, 1), preprocess.views(array, 10)
    assert np.array_equal(one[0], preprocess.pixels(array))
    assert np.array_equal(ten[4], one[0]), "the fifth is the centre"
    assert len(ten) == 10
    assert np.array_equal(ten[5:], ten[:5, :, :, ::-1])


def test_144_views_are_those_of_googlenet() -> None:
    pixels = photo(640, 480)
    views = Preprocess().views(pixels, 144)
    assert views.shape == (144, 3, 224, 224)
    assert np.array_equal(views[72:], views[:72, :, :, ::-1])
    image = Image.fromarray(pixels)
    wanted = []
    for short in (256, 288, 320, 352):
        scaled = image.resize((short * 640 // 480, short), Image.Resampling.BILINEAR)
        for left in (0, round((scaled.width - short) / 2), scaled.width - short):
            square = scaled.crop((left, 0, left + short, short))
            far, middle = short - 224, round((short - 224) / 2)
            for x, y in ((0, 0), (far, 0), (0, far), (far, far), (middle, middle)):
                wanted.append(square.crop((x, y, x + 224, y + 224)))
            wanted.append(square.resize((224, 224), Image.Resampling.BILINEAR))
    difference = np.abs(views[:72].transpose(0, 2, 3, 1).astype(int) - np.stack([np.asarray(each) for each in wanted]))
    assert difference[[index for index in range(72) if index % 6 != 5]].max() <= 1
    assert difference.mean() < 0.2  # the scaled squares: one resampling in place of two
    tall = Preprocess().views(np.ascontiguousarray(pixels.transpose(1, 0, 2)), 144)
    assert np.abs(tall[0].astype(int) - views[0].transpose(0, 2, 1)).max() <= 1, "top to bottom, as left to right"


def test_other_numbers_of_views_are_refused() -> None:
    with pytest.raises(UsageError, match="1, 10 or 144"):
        Preprocess().views(photo(), 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("crops", [1, 10, 144])
@pytest.mark.parametrize(("width", "height"), [(20000, 1), (1, 20000), (1, 1), (60000, 3)])
def test_thin_images_cost_no_memory(width: int, height: int, crops: Literal[1, 10, 144]) -> None:
    """Scaled wholly, 20000 x 1 at a short side of 256 would take 3.9 GB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for interpolation in INTERPOLATIONS:
        views = Preprocess(interpolation=interpolation).views(photo(width, height), crops)
        assert views.shape == (crops, 3, 224, 224)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def landscape(width: int, height: int) -> NDArray[np.uint8]:
    """Detail at every scale, its amplitude falling with frequency as in photographs; [height, width, 3]."""
    rng = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = 1
    channels = [
        np.fft.irfft2(np.fft.rfft2(rng.normal(size=(height, width))) / frequency, (height, width)) for _ in "rgb"
    ]
    return np.stack([128 + 50 * channel / channel.std() for channel in channels], axis=-1).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize(("width", "height"), [(1600, 1200), (1201, 1607), (907, 701)])
def test_drafts_change_little(width: int, height: int, orientation: int) -> None:
    """A JPEG decoded at a smaller scale is within 0.7 levels of the whole one, on average, and lies in its place."""
    data = encoded(landscape(width, height), "JPEG", quality=90)
    data = pictures.with_exif(data, pictures.orientation(orientation))
    preprocess = Preprocess(size=96)
    draft, whole = decode(data, preprocess.resize_side), preprocess.pixels(decode(data)).astype(int)
    assert draft.pixels.size < width * height
    assert np.abs(preprocess.load(data) - whole).mean() < 0.7
    if draft.extent != (0, 0, *draft.pixels.shape[1::-1]):
        assert np.abs(preprocess.pixels(draft.pixels) - whole).mean() > 0.7, "its extent matters"


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"size": 10**9},
        {"crop": 0},
        {"crop": 1.01},
        {"crop": float("nan")},
        {"interpolation": "box"},
        {"mean": (0.5,)},
        {"mean": (0.5, 0.5), "std": (1.0, 1.0)},
        {"mean": (float("inf"), 0, 0)},
        {"std": (1.0, 0.0, 1.0)},
        {"std": (1.0, -1.0, 1.0)},
        {"std": ()},
        {"pad": -1},
        {"unknown": 1},
    ],
)
def test_nonsense_from_a_file_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Preprocess).validate_python(wrong)


@given(preprocesses)
def test_json_round_trip(preprocess: Preprocess) -> None:
    adapter = TypeAdapter(Preprocess)
    assert adapter.validate_json(adapter.dump_json(preprocess)) == preprocess
    assert hash(adapter.validate_json(adapter.dump_json(preprocess))) == hash(preprocess)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((4, 4), np.float32), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8), np.zeros(4, np.uint8)],
)
def test_what_are_no_pixels_is_refused(wrong: NDArray[Any]) -> None:
    with pytest.raises(UsageError, match=r"\[H, W, 3\] or \[H, W\]"):
        Preprocess().pixels(wrong)


@pytest.mark.parametrize(
    ("size", "crop", "short"), [(224, 0.875, 256), (240, 0.882, 272), (299, 0.897, 333), (32, 1, 32)]
)
def test_the_short_side_is_truncated(size: int, crop: float, short: int) -> None:
    assert Preprocess(size=size, crop=crop).resize_side == short
