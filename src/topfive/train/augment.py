"""Augmentation by batch, on uint8 images in memory: ten times cheaper than image by image at small sizes."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from topfive.train.recipe import Recipe

ASPECTS = (3 / 4, 4 / 3)  # of a random crop, as in Inception's training (Szegedy et al. 2014, sec. 6)


def augment(images: Tensor, side: int, recipe: Recipe, draw: torch.Generator) -> Tensor:
    """Crop, shift and mirror `images` uint8 [N, C, H, W] as the recipe says, with numbers from `draw`.

    Gives uint8 [N, C, side, side].
    """
    if recipe.scale != (1.0, 1.0):
        images = random_crop(images, side, recipe.scale, draw)
    if recipe.shift:
        images = random_shift(images, recipe.shift, draw)
    if recipe.hflip:
        images = random_mirror(images, recipe.hflip, draw)
    return images


def random_shift(images: Tensor, pixels: int, draw: torch.Generator) -> Tensor:
    """Each image moved by up to `pixels` either way, in both directions; what comes in is black."""
    count, _, height, width = images.shape
    windows = F.pad(images, (pixels,) * 4).unfold(2, height, 1).unfold(3, width, 1)  # [N, C, 2p+1, 2p+1, H, W], a view
    down, right = torch.randint(0, 2 * pixels + 1, (2, count), generator=draw)
    return windows[torch.arange(count), :, down, right]


def random_mirror(images: Tensor, probability: float, draw: torch.Generator) -> Tensor:
    """Each image mirrored left to right with this probability."""
    mirrored = torch.rand(len(images), generator=draw) < probability
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def random_crop(images: Tensor, side: int, scale: tuple[float, float], draw: torch.Generator) -> Tensor:
    """Each image replaced by a crop of `scale` of its area and an aspect in `ASPECTS`, scaled to side x side."""
    count, channels, height, width = images.shape
    across, down, wide, high = crop_boxes(count, scale, draw, aspect=width / height).unbind(1)
    # affine_grid maps the output square [-1, 1] to the input's: x_in = wide * x_out + centre.
    zero = torch.zeros_like(across)
    theta = torch.stack([wide, zero, 2 * across + wide - 1, zero, high, 2 * down + high - 1], 1).view(-1, 2, 3)
    grid = F.affine_grid(theta, [count, channels, side, side], align_corners=False)
    cropped = F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return cropped.round_().clamp_(0, 255).byte()


def crop_boxes(count: int, scale: tuple[float, float], draw: torch.Generator, aspect: float = 1.0) -> Tensor:
    """`count` boxes (left, top, width, height) float32 [count, 4], in shares of an image of this width/height.

    Area uniform in `scale`, logarithm of the box's own aspect uniform in `ASPECTS`; what would stick out is cut to the
    side.
    """
    area, shape, across, down = torch.rand((4, count), generator=draw, dtype=torch.float64)
    area = scale[0] + (scale[1] - scale[0]) * area
    shape = torch.exp(math.log(ASPECTS[0]) + math.log(ASPECTS[1] / ASPECTS[0]) * shape) / aspect
    width = torch.sqrt(area * shape).clamp(max=1)
    height = torch.sqrt(area / shape).clamp(max=1)
    return torch.stack([across * (1 - width), down * (1 - height), width, height], 1).float()
