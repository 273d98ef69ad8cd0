"""The question that is asked of a network: these images, and of each one class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topfive.errors import UsageError
from topfive.nn.classifier import Classifier

Images = Tensor | NDArray[np.float32]  # [N, C, H, W], normalised as the network wants them
Classes = Sequence[int] | Tensor | NDArray[np.integer]  # [N], each below the network's number of classes


def checked(model: Classifier, images: Images, classes: Classes) -> tuple[Tensor, Tensor]:
    """Both as tensors where the network is and in its precision.  UsageError where they do not fit it or each other."""
    pictures = checked_images(model, images)
    targets = torch.as_tensor(classes, dtype=torch.int64).to(pictures.device)
    if targets.shape != pictures.shape[:1]:
        raise UsageError("classes", str(list(targets.shape)), f"one class an image is needed, {len(pictures)} in all")
    if len(targets) and (targets.min() < 0 or targets.max() >= model.num_classes):
        raise UsageError("classes", str(targets.tolist()), f"they run from 0 to {model.num_classes - 1}")
    return pictures, targets


def checked_images(model: Classifier, images: Images) -> Tensor:
    """The images as `checked` gives them."""
    weight = next(model.parameters())
    pictures = torch.as_tensor(images).to(weight.device, weight.dtype)
    if pictures.ndim != 4 or pictures.shape[1] != model.in_channels:
        raise UsageError("images", str(list(pictures.shape)), f"[N, {model.in_channels}, H, W] is needed")
    return pictures


def logit(model: Classifier, images: Tensor, classes: Tensor) -> Tensor:
    """What the network says for the class of each image, before any softmax -> [N]."""
    logits: Tensor = model(images)
    return logits.gather(1, classes[:, None])[:, 0]
