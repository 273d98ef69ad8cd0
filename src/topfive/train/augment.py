"""Augmentation by batch, on uint8 images in memory: ten times cheaper than image by image at small sizes."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from topfive.recipe import Recipe
from topfive.train.operations import brightness, color, contrast, exchange, resample, rotate, to_bytes
from topfive.train.policies import policy_from

ASPECTS = (3 / 4, 4 / 3)  # of a random crop, as in Inception's training (Szegedy et al. 2014, sec. 6)
ERASED_AREA = (0.02, 0.4)  # of random erasing, share of the image (Zhong et al. 2017, sec. 4.2)
ERASED_ASPECTS = (0.3, 1 / 0.3)
# Covariance of ImageNet's red, green and blue in [0, 1]: eigenvalues, and eigenvectors in columns (Krizhevsky et al.
# 2012, sec. 4.1, has the method; the figures are those that fb.resnet.torch published).
COLOR_VALUES = (0.2175, 0.0188, 0.0045)
COLOR_VECTORS = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))


def augment(images: Tensor, side: int, recipe: Recipe, draw: torch.Generator) -> Tensor:
    """Images uint8 [N, C, H, W] as the recipe wants them varied, uint8 [N, C, side, side], with numbers from `draw`."""
    if crops(recipe):
        images = cut(images, side, random_boxes(len(images), recipe, draw, aspect=images.shape[3] / images.shape[2]))
    if recipe.shift:
        images = random_shift(images, recipe.shift, draw)
    return distort(images, recipe, draw)


def distort(images: Tensor, recipe: Recipe, draw: torch.Generator) -> Tensor:
    """What the recipe does to images uint8 [N, C, side, side] that are cut out already: turns, mirrors and colours."""
    if recipe.rotate:
        images = rotate(images, recipe.rotate * (2 * torch.rand(len(images), generator=draw) - 1))
    if recipe.hflip:
        images = random_mirror(images, recipe.hflip, draw)
    if recipe.vflip:
        images = random_mirror(images, recipe.vflip, draw, across=2)
    if recipe.aa is not None:
        images = policy_from(recipe.aa)(images, draw)
    if recipe.color_jitter:
        images = jitter_color(images, recipe.color_jitter, draw)
    if recipe.lighting:
        images = relight(images, recipe.lighting, draw)
    return images


def random_shift(images: Tensor, pixels: int, draw: torch.Generator) -> Tensor:
    """Each image moved by up to `pixels` either way, in both directions; what comes in is black."""
    count, _, height, width = images.shape
    windows = F.pad(images, (pixels,) * 4).unfold(2, height, 1).unfold(3, width, 1)  # [N, C, 2p+1, 2p+1, H, W], a view
    down, right = torch.randint(0, 2 * pixels + 1, (2, count), generator=draw)
    return windows[torch.arange(count), :, down, right]


def random_mirror(images: Tensor, probability: float, draw: torch.Generator, across: int = 3) -> Tensor:
    """Each image mirrored with this probability: left to right, or top to bottom where `across` is 2."""
    mirrored = (torch.rand(len(images), generator=draw) < probability).nonzero()[:, 0]
    return exchange(images, mirrored, images.index_select(0, mirrored).flip(across))


def jitter_color(images: Tensor, strength: float, draw: torch.Generator) -> Tensor:
    """Brightness, then contrast, then saturation changed by factors from 1 - `strength` (at least 0) to 1 + it."""
    lowest = max(0.0, 1 - strength)
    factors = lowest + (1 + strength - lowest) * torch.rand((3, len(images)), generator=draw)
    return color(contrast(brightness(images, factors[0]), factors[1]), factors[2])


def relight(images: Tensor, strength: float, draw: torch.Generator) -> Tensor:
    """Colour images as under another light: each moved along the eigenvectors of colour; grey ones stay as they are.

    The way along each is its eigenvalue times a normal number of standard deviation `strength`.
    """
    if images.shape[1] == 1:
        return images
    amounts = strength * torch.randn((len(images), 3), generator=draw)
    added = 255 * (amounts * torch.tensor(COLOR_VALUES)) @ torch.tensor(COLOR_VECTORS).T
    return to_bytes(images + added[:, :, None, None])


def erase(images: Tensor, probability: float, draw: torch.Generator) -> Tensor:
    """Each image float32 [N, C, H, W], normalised, with this probability loses a rectangle to standard normal noise.

    Area uniform in `ERASED_AREA`, logarithm of the aspect uniform in as much of `ERASED_ASPECTS` as fits the image.
    """
    count, channels, height, width = images.shape
    chosen = (torch.rand(count, generator=draw) < probability).nonzero()[:, 0]
    area, shape, down, across = torch.rand((4, len(chosen)), generator=draw, dtype=torch.float64)
    area = height * width * (ERASED_AREA[0] + (ERASED_AREA[1] - ERASED_AREA[0]) * area)
    # A rectangle fits whose height, the root of area * aspect, and width, of area / aspect, are those of the image.
    flattest = torch.log((area / width**2).clamp(min=ERASED_ASPECTS[0]))
    steepest = torch.log((height**2 / area).clamp(max=ERASED_ASPECTS[1]))
    aspect = torch.exp(flattest + (steepest - flattest) * shape)
    rows = _inside(down, torch.sqrt(area * aspect), height)
    columns = _inside(across, torch.sqrt(area / aspect), width)
    noise = torch.randn((len(chosen), channels, height, width), generator=draw)
    erased = (rows[:, :, None] & columns[:, None, :])[:, None]
    return exchange(images, chosen, torch.where(erased, noise, images.index_select(0, chosen)))


def _inside(place: Tensor, length: Tensor, size: int) -> Tensor:
    """Which of `size` pixels an interval of each `length` covers, its start at the share `place` of what is free."""
    length = length.round().clamp(1, size)
    start = (place * (size - length + 1)).floor()[:, None]
    pixels = torch.arange(size)
    return (pixels >= start) & (pixels < start + length[:, None])


def cut(images: Tensor, side: int, boxes: Tensor) -> Tensor:
    """Of each image its box (left, top, width, height), in shares of the image, scaled to side x side."""
    left, top, width, height = boxes.unbind(1)
    # The output square [-1, 1] is mapped to the input's: x_in = width * x_out + centre.
    zero = torch.zeros_like(left)
    theta = torch.stack([width, zero, 2 * left + width - 1, zero, height, 2 * top + height - 1], 1).view(-1, 2, 3)
    return resample(images, theta, (side, side), outside="reflection")


def crops(recipe: Recipe) -> bool:
    """Whether the recipe cuts at random."""
    return recipe.scale != (1.0, 1.0) or recipe.resize != (1.0, 1.0)


def random_boxes(count: int, recipe: Recipe, draw: torch.Generator, aspect: float) -> Tensor:
    """What the recipe cuts out of `count` images of this width/height, as `crop_boxes` gives it."""
    if recipe.resize != (1.0, 1.0):
        return resize_boxes(count, recipe.resize, draw, aspect)
    return crop_boxes(count, recipe.scale, draw, aspect)


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


def resize_boxes(count: int, resize: tuple[float, float], draw: torch.Generator, aspect: float = 1.0) -> Tensor:
    """The same for squares of pixels: what a crop keeps of an image whose short side was scaled to `resize` crops.

    The short side is uniform in that range: VGG's scale jitter is (256 / 224, 512 / 224) (Simonyan and Zisserman 2014,
    sec. 3.1).
    """
    short, across, down = torch.rand((3, count), generator=draw, dtype=torch.float64)
    share = 1 / (resize[0] + (resize[1] - resize[0]) * short)
    width, height = share / max(aspect, 1), share * min(aspect, 1)
    return torch.stack([across * (1 - width), down * (1 - height), width, height], 1).float()
