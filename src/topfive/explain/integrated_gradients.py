"""The answer shared out among the pixels: integrated gradients.  Sundararajan, Taly, Yan 2017, arXiv:1703.01365."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from topfive.errors import UsageError
from topfive.explain.layer import still
from topfive.explain.target import Classes, Images, checked, logit
from topfive.nn.classifier import Classifier

BATCH = 16  # points of the path at a time


def integrated_gradients(
    model: Classifier, images: Images, classes: Classes, baseline: Images, *, steps: int = 32
) -> NDArray[np.float32]:
    """What each value of each image adds to the class's logit -> [N, C, H, W].

    `baseline` is what says nothing, a normalised image of the same shape or one that broadcasts to it; the paper takes
    black.  The attributions of an image add up to its logit minus that of the baseline (completeness, sec. 3), but for
    the error of summing at `steps` points.  These lie at the squares of the midpoints of equal intervals, and not
    evenly as in eq. 3: most of an answer is there at a tenth of the contrast, so that is where to look.
    """
    if steps < 1:
        raise UsageError("steps", str(steps), "it must be 1 or more")
    pictures, targets = checked(model, images, classes)
    start = torch.as_tensor(baseline).to(pictures).expand(pictures.shape[1:])
    middles = ((torch.arange(steps) + 0.5) / steps).to(pictures)[:, None, None, None]
    found = np.empty(pictures.shape, np.float32)
    with still(model):
        for picture, target, out in zip(pictures, targets, found, strict=True):
            difference, total = picture - start, torch.zeros_like(picture)
            for part in torch.split(middles, BATCH):
                points = (start + part**2 * difference).requires_grad_()
                (slopes,) = torch.autograd.grad(logit(model, points, target.expand(len(points))).sum(), points)
                total += (2 * part * slopes).sum(0)
            out[...] = (difference * total / steps).cpu().numpy()
    return found
