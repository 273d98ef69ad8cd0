from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from topfive.train.augment import augment, crop_boxes, random_crop, random_mirror, random_shift
from topfive.train.randomness import generator
from topfive.train.recipe import recipe_from


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
    scaled = random_crop(images, 16, (1.0, 1.0), generator(1, "test"))
    # A share of 1 and an aspect other than 1 leaves a box cut to the side: one direction is whole.
    assert scaled.shape == images.shape
    assert scaled.dtype == torch.uint8


def test_crop_samples_the_box_that_it_draws():
    ramp = torch.arange(0, 256, 4, dtype=torch.uint8).view(1, 1, 1, 64).expand(5, 1, 64, 64).contiguous()
    left, _, width, _ = crop_boxes(5, (0.3, 0.6), generator(0, "test")).unbind(1)
    crops = random_crop(ramp, 32, (0.3, 0.6), generator(0, "test")).float()
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
