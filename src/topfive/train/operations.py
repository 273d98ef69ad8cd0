"""What AutoAugment and its successors do to an image: shear, posterize, equalize and the rest, by batch.

Each operation takes uint8 images [N, C, H, W] (C is 1 or 3) and one amount an image, float32 [N]; a batch costs a few
calls an operation, not a few calls an image.  The pixels are torchvision's and Pillow's, but for rounding;
torchvision's own functions take one amount a call, and importing them takes as long as importing torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601-2


def perform(images: Tensor, operations: Tensor, amounts: Tensor) -> Tensor:
    """To each image its operation, an index into `OPERATIONS` (int64 [N]), with its amount (float32 [N])."""
    places, changed = [], []
    moved = (operations < len(GEOMETRIC)).nonzero()[:, 0]
    if len(moved):
        places.append(moved)
        changed.append(move(images.index_select(0, moved), operations[moved], amounts[moved]))
    for operation in sorted(set(operations.tolist())):
        if operation > IDENTITY:
            chosen = (operations == operation).nonzero()[:, 0]
            places.append(chosen)
            changed.append(PHOTOMETRIC[OPERATIONS[operation]](images.index_select(0, chosen), amounts[chosen]))
    return exchange(images, torch.cat(places), torch.cat(changed)) if places else images


def exchange(images: Tensor, places: Tensor, changed: Tensor) -> Tensor:
    """`images` with those at `places`, int64 [M], replaced by `changed`.

    Whole images are copied, which is many times faster than assignment by index.
    """
    sources = torch.arange(len(images))
    sources[places] = len(images) + torch.arange(len(places))
    return torch.cat([images, changed]).index_select(0, sources)


def move(images: Tensor, operations: Tensor, amounts: Tensor) -> Tensor:
    """The geometric operations, all in one resampling: bilinear, and black where nothing was.

    Shears are tangents, about the upper left corner; translations are pixels to the right or down, cut to whole ones;
    rotations are degrees counter-clockwise about the centre.
    """
    height, width = images.shape[2:]
    shear_x, shear_y, right, down, turn = (amounts * (operations == i) for i in range(len(GEOMETRIC)))
    right, down, turn = right.trunc(), down.trunc(), torch.deg2rad(turn)
    cosine, sine = torch.cos(turn), torch.sin(turn)
    # x_in = x_out + shear_x * y_out from the corner, and so on, in the coordinates of affine_grid: [-1, 1] each way.
    shear_x, shear_y = shear_x * height / width, shear_y * width / height
    rows = (
        (cosine, shear_x - sine * height / width, shear_x - 2 * right / width),
        (shear_y + sine * width / height, cosine, shear_y - 2 * down / height),
    )
    return resample(images, torch.stack([torch.stack(row, 1) for row in rows], 1), (height, width))


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Each image turned counter-clockwise about its centre."""
    return move(images, torch.full((len(images),), GEOMETRIC.index("Rotate")), degrees)


def resample(
    images: Tensor, theta: Tensor, size: tuple[int, int], outside: Literal["zeros", "reflection"] = "zeros"
) -> Tensor:
    """Images of `size` (height, width), read bilinearly where theta [N, 2, 3] says, in `affine_grid`'s coordinates."""
    across, down = (torch.arange(1, 2 * pixels, 2) / pixels - 1 for pixels in reversed(size))
    along_row = theta[:, None, None, :, 0] * across[:, None]  # [N, 1, width, 2]
    along_column = theta[:, None, None, :, 1] * down[:, None, None] + theta[:, None, None, :, 2]  # [N, height, 1, 2]
    grid = along_row + along_column
    found = F.grid_sample(images.float(), grid, mode="bilinear", padding_mode=outside, align_corners=False)
    return to_bytes(found)


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    return to_bytes(images * by_image(factor))


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Away from, or towards, the mean of the image's luma."""
    return blend(luma(images).mean((1, 2, 3), keepdim=True), images, factor)


def color(images: Tensor, factor: Tensor) -> Tensor:
    """Saturation; a grey image stays as it is."""
    return images if images.shape[1] == 1 else blend(luma(images), images, factor)


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Away from, or towards, a 3 x 3 smoothing of the image; the outermost pixels stay as they are."""
    height, width = images.shape[2:]
    if height < 3 or width < 3:
        return images
    pixels = images.float()
    rows = pixels[:, :, :-2] + pixels[:, :, 1:-1] + pixels[:, :, 2:]
    inner = pixels[:, :, 1:-1, 1:-1]
    smooth = (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * inner) / 13  # the kernel of Pillow's SMOOTH
    result = images.clone()
    result[:, :, 1:-1, 1:-1] = blend(smooth.round_(), inner, factor)
    return result


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the highest `bits` (whole numbers, 0 to 8) of each pixel."""
    return images & by_image(256 - 2 ** (8 - bits)).byte()


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert the pixels at or above the threshold."""
    return images ^ to_bytes(255 * (images - by_image(threshold.ceil() - 1)).clamp_(0, 1))


def autocontrast(images: Tensor, _: Tensor) -> Tensor:
    """Stretch each channel to the range from 0 to 255, unless it is all of one value."""
    low, high = (extreme.float() for extreme in (images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)))
    scale = torch.where(high > low, 255 / (high - low).clamp(min=1), 1.0)
    return to_bytes((images - torch.where(high > low, low, 0.0)) * scale)


def equalize(images: Tensor, _: Tensor) -> Tensor:
    """Give each channel a flat histogram by Pillow's table, in whole numbers."""
    count, channels, height, width = images.shape
    values = images.flatten(2).long()
    offsets = 256 * torch.arange(count * channels).view(count, channels, 1)
    counts = torch.bincount((values + offsets).flatten(), minlength=256 * count * channels).view(count, channels, 256)
    brightest = counts.gather(2, values.amax(2, keepdim=True))
    step = (height * width - brightest) // 255
    darker = counts.cumsum(2) - counts
    table = ((darker + step // 2) // step.clamp(min=1)).clamp_(max=255)
    table = torch.where(step > 0, table, torch.arange(256))
    return table.byte().gather(2, values).view_as(images)


def invert(images: Tensor, _: Tensor) -> Tensor:
    return ~images


def luma(images: Tensor) -> Tensor:
    """float32 [N, 1, H, W], in whole grey levels."""
    if images.shape[1] == 1:
        return images.float()
    weighted = images[:, :1] * LUMA[0]
    return weighted.add_(images[:, 1:2], alpha=LUMA[1]).add_(images[:, 2:], alpha=LUMA[2]).round_()


def blend(other: Tensor, images: Tensor, factor: Tensor) -> Tensor:
    """`other` at factor 0, `images` at factor 1, beyond them elsewhere."""
    return to_bytes(torch.lerp(other, images.float(), by_image(factor)))


def to_bytes(pixels: Tensor) -> Tensor:
    """float32 to uint8, rounded and clipped; spoils what it is given."""
    return pixels.round_().clamp_(0, 255).short().byte()  # by way of int16 for speed: that is done by vectors


def by_image(amounts: Tensor) -> Tensor:
    """[N] in the shape that broadcasts over images."""
    return amounts.view(-1, 1, 1, 1)


GEOMETRIC = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
PHOTOMETRIC: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Brightness": brightness,
    "Color": color,
    "Contrast": contrast,
    "Sharpness": sharpness,
    "Posterize": posterize,
    "Solarize": solarize,
    "AutoContrast": autocontrast,
    "Equalize": equalize,
    "Invert": invert,
}
OPERATIONS = (*GEOMETRIC, "Identity", *PHOTOMETRIC)  # the names of torchvision's and of the papers' tables
IDENTITY = OPERATIONS.index("Identity")
