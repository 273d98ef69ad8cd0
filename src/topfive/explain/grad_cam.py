"""Where the evidence for a class lies in the last maps: Grad-CAM and Grad-CAM++.

Selvaraju et al. 2016, arXiv:1610.02391; Chattopadhay et al. 2017, arXiv:1710.11063.  Both weigh the channels of some
maps A [N, C, h, w] by the gradient g of the class's logit, add them up, and keep what is positive.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from topfive.explain.layer import as_maps, last_maps, still, unused, watched
from topfive.explain.target import Classes, Images, checked, logit
from topfive.nn.classifier import Classifier

BATCH = 16  # images at a time

Weighting = Callable[[Tensor, Tensor], Tensor]  # maps and their gradients [N, C, h, w] -> weights [N, C, 1, 1]


def grad_cam(
    model: Classifier,
    images: Images,
    classes: Classes,
    *,
    layer: str | None = None,
) -> NDArray[np.float32]:
    """The map of each image for its class -> [N, H, W], 0 to 1; all zeros where nothing speaks for the class.

    `images` [N, C, H, W] are normalised as the network wants them.  `layer` is a part of the network by its name; by
    default the last whose maps have more than one place.
    """
    return _located(model, images, classes, mean_gradient, layer)


def grad_cam_plus_plus(
    model: Classifier,
    images: Images,
    classes: Classes,
    *,
    layer: str | None = None,
) -> NDArray[np.float32]:
    """As `grad_cam`; finds several objects of a class better."""
    return _located(model, images, classes, positive_gradient, layer)


def mean_gradient(maps: Tensor, gradient: Tensor) -> Tensor:
    """Grad-CAM, eq. 1."""
    return gradient.mean((2, 3), keepdim=True)


def positive_gradient(maps: Tensor, gradient: Tensor) -> Tensor:
    """Grad-CAM++, eq. 19 in eq. 14, of the exponential of the logit; its factor scales all channels alike and is left
    out.
    """
    square = gradient.square()
    below = 2 * square + maps.sum((2, 3), keepdim=True) * square * gradient
    share = torch.where(below != 0, square / torch.where(below != 0, below, 1), 0)
    return (share * gradient.relu()).sum((2, 3), keepdim=True)


def _located(
    model: Classifier,
    images: Images,
    classes: Classes,
    weighting: Weighting,
    layer: str | None,
) -> NDArray[np.float32]:
    pictures, targets = checked(model, images, classes)
    if not len(pictures):
        return np.empty((0, *pictures.shape[2:]), np.float32)
    found = []
    with still(model):
        layer = last_maps(model, pictures) if layer is None else layer
        for batch, chosen in zip(torch.split(pictures, BATCH), torch.split(targets, BATCH), strict=True):
            found.append(_batch(model, batch, chosen, weighting, layer).cpu())
    located: NDArray[np.float32] = torch.cat(found).numpy()
    return located


def _batch(model: Classifier, images: Tensor, classes: Tensor, weighting: Weighting, layer: str) -> Tensor:
    caught: list[Tensor] = []

    def catch(output: Tensor) -> Tensor:
        caught[:] = [output.detach().requires_grad_()]
        return caught[0].clone()  # what comes next may write into its input

    with watched(model, layer, catch):
        score = logit(model, images, classes).sum()
    if not caught:
        raise unused(layer)
    (gradient,) = torch.autograd.grad(score, caught[0])
    maps, slopes = as_maps(caught[0].detach(), layer), as_maps(gradient, layer)
    heat = (weighting(maps, slopes) * maps).sum(1, keepdim=True).relu()
    heat = heat / heat.amax((2, 3), keepdim=True).clamp_min(torch.finfo(heat.dtype).tiny)
    return F.interpolate(heat.float(), images.shape[-2:], mode="bicubic")[:, 0].clamp(0, 1)
