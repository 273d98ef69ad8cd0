"""mixup and cutmix: pairs of images of a batch in one, and targets in the same shares."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def mix(
    images: Tensor,
    labels: Tensor,
    num_classes: int,
    mixup: float,
    cutmix: float,
    draw: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Each image of float32 [N, C, H, W] mixed with the one before it; targets float32 [N, num_classes].

    `labels`: classes int64 [N], or the rows of several labels [N, num_classes].  `mixup` and `cutmix` are the alpha of
    Beta(alpha, alpha), from which the share of a batch is drawn; 0 is without.  Where both are given, each batch tosses
    a coin (as in timm).
    """
    targets = F.one_hot(labels, num_classes).float() if labels.ndim == 1 else labels.float()
    coin, seed = torch.rand((), generator=draw).item(), int(torch.randint(2**62, (), generator=draw))
    cut = bool(cutmix) and (not mixup or coin < 0.5)
    alpha = cutmix if cut else mixup
    if not alpha:
        return images, targets
    share = float(np.random.default_rng(seed).beta(alpha, alpha))
    if cut:
        images, share = paste(images, share, draw)
    else:
        images = torch.lerp(images.roll(1, 0), images, share)
    return images, torch.lerp(targets.roll(1, 0), targets, share)


def paste(images: Tensor, share: float, draw: torch.Generator) -> tuple[Tensor, float]:
    """A rectangle of 1 - `share` of the area, cut at the border, from the image before (Yun et al. 2019, sec. 3.1).

    Gives the images and the exact share of their own pixels that they keep.
    """
    height, width = images.shape[2:]
    row, column = (torch.rand(2, generator=draw, dtype=torch.float64) * torch.tensor([height, width])).long().tolist()
    tall, broad = round(height * (1 - share) ** 0.5), round(width * (1 - share) ** 0.5)
    top, bottom = (min(max(edge, 0), height) for edge in (row - tall // 2, row - tall // 2 + tall))
    left, right = (min(max(edge, 0), width) for edge in (column - broad // 2, column - broad // 2 + broad))
    pasted = images.clone()
    pasted[:, :, top:bottom, left:right] = images.roll(1, 0)[:, :, top:bottom, left:right]
    return pasted, 1 - (bottom - top) * (right - left) / (height * width)
