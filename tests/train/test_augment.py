from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from topfive.errors import UsageError
from topfive.recipe import recipe_from
from topfive.train.augment import (
    ERASED_AREA,
    ERASED_ASPECTS,
    augment,
    crop_boxes,
    cut,
    distort,
    erase,
    jitter_color,
    random_mirror,
    random_shift,
    relight,
    resize_boxes,
)
from topfive.train.randomness import generator


def numbered(count: int = 64, side: int = 6) -> torch.Tensor:
    """Images whose pixels say where they are from."""
    return torch.arange(1, side * side + 1, dtype=torch.uint8).view(1, 1, side, side).repeat(count, 1, 1, 1)


def test_shift_moves_whole_images_and_fills_with_black():
    images = numbered()
    shifted = random_shift(images, 2, generator(0, "test"))
    padded = torch.nn.functional.pad(images[0, 0], (2, 2, 2, 2))
    windows = {tuple(padded[y : y + 6, x : x + 6].flatten().tolist()) for y in range(5) for x in range(5)}
    found = {tuple(image.flatten().tolist()) for image in shifted}
    assert found <= windows
    assert len(found) > 15, "nearly all of the 25 shifts are seen in 64 draws"


def test_mirror_swaps_left_and_right_of_about_half():
    images = numbered(400)
    mirrored = random_mirror(images, 0.5, generator(0, "test"))
    swapped = (mirrored == images.flip(3)).flatten(1).all(1)
    kept = (mirrored == images).flatten(1).all(1)
    assert bool((swapped | kept).all())
    assert 150 < int(swapped.sum()) < 250


def test_whole_crop_gives_the_image_back():
    images = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8, generator=generator(0, "pixels"))
    assert torch.equal(cut(images, 16, torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(8, 4)), images)


def test_crop_samples_the_box_that_it_draws():
    ramp = torch.arange(0, 256, 4, dtype=torch.uint8).view(1, 1, 1, 64).expand(5, 1, 64, 64).contiguous()
    boxes = crop_boxes(5, (0.3, 0.6), generator(0, "test"))
    left, _, width, _ = boxes.unbind(1)
    crops = cut(ramp, 32, boxes).float()
    centres = (left[:, None] + width[:, None] * (torch.arange(32) + 0.5) / 32) * 64 - 0.5
    torch.testing.assert_close(crops[:, 0, 10], (4 * centres).clamp(0, 252), atol=1.0, rtol=0)


@given(low=st.floats(0.05, 1), span=st.floats(0, 1), aspect=st.floats(0.2, 5), seed=st.integers(0, 2**31))
@settings(max_examples=200, deadline=None)
def test_boxes_stay_inside(low, span, aspect, seed):
    high = low + span * (1 - low)
    left, top, width, height = crop_boxes(16, (low, high), generator(seed, "boxes"), aspect).unbind(1)
    assert bool((left >= 0).all() and (top >= 0).all() and (width > 0).all() and (height > 0).all())
    assert bool((left + width <= 1 + 1e-6).all() and (top + height <= 1 + 1e-6).all())
    assert bool((width * height <= high + 1e-5).all())


def test_a_recipe_without_augmentation_changes_nothing():
    images = numbered(4)
    assert torch.equal(augment(images, 6, recipe_from({"model": "m"}), generator(0, "x")), images)


def test_mirror_swaps_top_and_bottom_where_asked():
    images = numbered(8)
    assert torch.equal(random_mirror(images, 1.0, generator(0, "test"), across=2), images.flip(2))


@given(low=st.floats(1, 3), span=st.floats(0, 3), aspect=st.floats(0.2, 5), seed=st.integers(0, 2**31))
@settings(max_examples=200, deadline=None)
def test_boxes_of_scale_jitter_are_squares_of_the_short_side(low, span, aspect, seed):
    boxes = resize_boxes(16, (low, low + span), generator(seed, "boxes"), aspect).double()
    left, top, width, height = boxes.unbind(1)
    assert bool((left >= 0).all() and (top >= 0).all())
    assert bool((left + width <= 1 + 1e-6).all() and (top + height <= 1 + 1e-6).all())
    torch.testing.assert_close(width * aspect, height, rtol=1e-5, atol=0)
    short = 1 / torch.maximum(width, height)
    assert bool((short >= low * (1 - 1e-5)).all() and (short <= (low + span) * (1 + 1e-5)).all())


def photographs(count: int = 32, channels: int = 3) -> torch.Tensor:
    smooth = torch.nn.functional.interpolate(
        torch.rand((count, channels, 4, 4), generator=generator(0, "pixels")), size=(24, 24), mode="bicubic"
    )
    return (40 + 160 * smooth).clamp(0, 255).byte()


def test_light_moves_each_colour_image_as_a_whole():
    images = photographs(2000)
    change = (relight(images, 0.1, generator(0, "test")).float() - images.float()).mean((2, 3))
    # The covariance of the shift is V diag((0.1 * eigenvalue)^2) V': mostly along grey, and small.
    deviation = change.std(0) / 255
    torch.testing.assert_close(deviation, 0.1 * 0.2175 * torch.tensor([0.5675, 0.5808, 0.5836]), atol=0.002, rtol=0)
    grey = photographs(4, channels=1)
    assert torch.equal(relight(grey, 0.1, generator(0, "test")), grey)


@pytest.mark.parametrize("channels", [1, 3])
def test_color_jitter_stays_within_its_strength(channels):
    images = photographs(64, channels)
    changed = jitter_color(images, 0.2, generator(0, "test"))
    ratio = changed.float().mean((1, 2, 3)) / images.float().mean((1, 2, 3))  # contrast and saturation keep the mean
    assert float(ratio.min()) > 0.78
    assert float(ratio.max()) < 1.22
    assert float(ratio.std()) > 0.08
    assert torch.equal(jitter_color(images, 0.0, generator(0, "test")), images)
    assert float(jitter_color(images, 3.0, generator(0, "test")).float().mean()) > 0  # no factor is negative


def test_erasing_hits_rectangles_of_about_the_asked_share_of_images():
    images = torch.full((2000, 2, 30, 40), 9.0)
    erased = erase(images, 0.25, generator(0, "test"))
    assert bool((images == 9).all())
    gone = (erased != 9).all(1)
    hit = gone.flatten(1).any(1)
    assert 0.22 < float(hit.float().mean()) < 0.28
    tall, broad = gone[hit].any(2).sum(1), gone[hit].any(1).sum(1)
    assert torch.equal(tall * broad, gone[hit].sum((1, 2))), "each is one rectangle"
    area = tall * broad / (30 * 40)
    assert float(area.min()) > ERASED_AREA[0] * 0.7
    assert float(area.max()) < ERASED_AREA[1] * 1.1
    assert abs(float(area.mean()) - sum(ERASED_AREA) / 2) < 0.02
    aspect = tall / broad
    assert float(aspect.min()) > ERASED_ASPECTS[0] * 0.7
    assert float(aspect.max()) < ERASED_ASPECTS[1] * 1.4
    assert 0.9 < float(aspect.log().mean().exp()) < 1.1
    noise = erased[:, 0][gone]
    assert abs(float(noise.mean())) < 0.02
    assert abs(float(noise.std()) - 1) < 0.02


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (28, 28)])
def test_erasing_with_certainty_and_never(size):
    images = torch.full((16, 1, *size), 9.0)
    assert bool((erase(images, 1.0, generator(0, "test")) != 9).flatten(1).any(1).all())
    assert torch.equal(erase(images, 0.0, generator(0, "test")), images)


TRICKS = {
    "scale": (0.3, 1.0),
    "resize": (256 / 224, 512 / 224),
    "shift": 2,
    "rotate": 15.0,
    "hflip": 0.5,
    "vflip": 0.5,
    "aa": "rand-m9-n2",
    "color_jitter": 0.4,
    "lighting": 0.5,
}


@pytest.mark.parametrize("field", TRICKS)
def test_every_field_of_the_recipe_is_obeyed(field):
    images = photographs()
    recipe = recipe_from({"model": "m", field: TRICKS[field]})
    changed = augment(images, 24, recipe, generator(0, "test"))
    assert changed.shape == images.shape
    assert changed.dtype == torch.uint8
    assert int((changed != images).flatten(1).any(1).sum()) > 8
    torch.manual_seed(1)
    assert torch.equal(augment(images, 24, recipe, generator(0, "test")), changed), "the global generator is not used"
    cut_before = field in ("scale", "resize", "shift")
    assert torch.equal(distort(images, recipe, generator(0, "test")), images) == cut_before


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"resize": (0.9, 2)}, "at least 1"),
        ({"resize": (2, 1.5)}, "at least 1"),
        ({"resize": (1, 2), "scale": (0.5, 1)}, "one of"),
    ],
)
def test_impossible_resizes_are_said(fields, says):
    with pytest.raises(UsageError, match=says):
        recipe_from({"model": "m", **fields})
