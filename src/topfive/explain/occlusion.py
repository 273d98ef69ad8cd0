"""What is lost when a part of the picture is covered.  Zeiler and Fergus 2013, arXiv:1311.2901, sec. 4.2."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topfive.errors import UsageError
from topfive.explain.layer import still
from topfive.explain.target import Classes, Images, checked
from topfive.nn.classifier import Classifier

BATCH = 32  # covered images at a time


def occlusion(
    model: Classifier, images: Images, classes: Classes, *, window: int | None = None, stride: int | None = None
) -> NDArray[np.float32]:
    """How much of the class's probability each pixel is worth -> [N, H, W], -1 to 1.

    A square of `window` pixels in the mean colour (0 after normalisation) moves by `stride`; a pixel gets the mean loss
    over the squares that covered it, in which those count most whose centre is near.  By default the window is a
    seventh of the short side and moves by half of itself.
    """
    pictures, targets = checked(model, images, classes)
    height, width = pictures.shape[2:]
    window = max(1, min(height, width) // 7) if window is None else window
    stride = max(1, window // 2) if stride is None else stride
    if not 1 <= window <= min(height, width) or not 1 <= stride <= window:
        why = f"the window may have 1 to {min(height, width)} pixels, the stride 1 to those of the window"
        raise UsageError("occlusion", f"window {window}, stride {stride}", why)
    corners = [(top, left) for top in _starts(height, window, stride) for left in _starts(width, window, stride)]
    central = torch.from_numpy(np.minimum(np.arange(1, window + 1), np.arange(window, 0, -1))).to(pictures.dtype)
    bump = torch.outer(central, central)
    weight = _spread(torch.ones(1, len(corners), dtype=pictures.dtype), corners, bump, height, width)
    lost, last = [], None
    with still(model), torch.no_grad():
        for image, target in zip(pictures, targets.tolist(), strict=True):
            if last is None or not torch.equal(image, last):  # the same image may be asked of several classes
                before = model(image[None]).softmax(1)
                loss, last = before - _answers(model, image, corners, window), image
            lost.append(loss[:, target].cpu())
    worth = _spread(torch.stack(lost), corners, bump, height, width) / weight if lost else torch.zeros(0, height, width)
    result: NDArray[np.float32] = worth.float().numpy()
    return result


def _answers(model: Classifier, image: Tensor, corners: list[tuple[int, int]], window: int) -> Tensor:
    """Probabilities [corners, classes] of the image with each square covered."""
    parts = (corners[start : start + BATCH] for start in range(0, len(corners), BATCH))
    return torch.cat([model(_covered(image, part, window)).softmax(1) for part in parts])


def _spread(losses: Tensor, corners: list[tuple[int, int]], bump: Tensor, height: int, width: int) -> Tensor:
    """Losses [N, corners], each laid over its square -> [N, height, width]."""
    laid = losses.new_zeros(len(losses), height, width)
    for index, (top, left) in enumerate(corners):
        laid[:, top : top + len(bump), left : left + len(bump)] += losses[:, index, None, None] * bump
    return laid


def _starts(size: int, window: int, stride: int) -> list[int]:
    """Where squares begin along one side, at most `stride` apart; the outermost lie at the edges."""
    count = math.ceil((size - window) / stride) + 1
    return [round(start) for start in np.linspace(0, size - window, count).tolist()]


def _covered(image: Tensor, corners: list[tuple[int, int]], window: int) -> Tensor:
    copies = image.repeat(len(corners), 1, 1, 1)
    for copy, (top, left) in zip(copies, corners, strict=True):
        copy[:, top : top + window, left : left + window] = 0
    return copies
