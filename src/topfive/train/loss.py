"""What a run minimises, given the network's logits.

Targets are classes int64 [N], or shares of the classes float32 [N, classes] where images were mixed or carry several
labels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from topfive.recipe import Recipe

FOCUS = 2.0  # gamma of the focal loss (Lin et al. 2017, arXiv:1708.02002, sec. 5.1)

Loss = Callable[[Tensor, Tensor], Tensor]  # logits [N, classes], targets -> mean loss


def make_loss(recipe: Recipe, counts: Tensor) -> Loss:
    """The loss that the recipe names; `counts` [classes] are the training images of each class."""
    weights = class_weights(counts) if recipe.class_weights == "balanced" else None
    match recipe.loss:
        case "cross_entropy":
            return partial(cross_entropy, smoothing=recipe.smoothing, weights=weights)
        case "bce":
            return partial(binary_cross_entropy, smoothing=recipe.smoothing, weights=weights)
        case "focal":
            return partial(focal, smoothing=recipe.smoothing, weights=weights)
        case "logit_adjusted":
            prior = torch.log(counts.clamp(min=1) / counts.sum())
            return partial(logit_adjusted, prior=prior, smoothing=recipe.smoothing, weights=weights)
        case "rbf_mse":
            return squared_error_to_code


def class_weights(counts: Tensor) -> Tensor:
    """Weights [classes] that make every class count alike, 1 on average over the images; 0 for a class without any."""
    present = counts > 0
    return torch.where(present, counts.sum() / (present.sum() * counts.clamp(min=1)), 0.0).float()


def shares(targets: Tensor, classes: int, smoothing: float = 0.0) -> Tensor:
    """Targets as float32 [N, classes], of which `smoothing` is spread evenly over the classes."""
    if targets.ndim == 1:
        targets = F.one_hot(targets, classes).float()
    return targets * (1 - smoothing) + smoothing / classes if smoothing else targets


def cross_entropy(logits: Tensor, targets: Tensor, smoothing: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy with label smoothing (Szegedy et al. 2015, arXiv:1512.00567, sec. 7), weighted by true class."""
    weights = None if weights is None else weights.to(logits.device)
    if weights is None:
        return F.cross_entropy(logits, targets, label_smoothing=smoothing)
    # Divided by the images, not by their weights: a batch without rare classes must not count as much as one with them.
    wanted = shares(targets, logits.shape[1])
    each = F.cross_entropy(logits, wanted, label_smoothing=smoothing, reduction="none")
    return (each * (wanted @ weights)).mean()


def binary_cross_entropy(
    logits: Tensor, targets: Tensor, smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """A yes or no for every class (Wightman et al. 2021, arXiv:2110.00476, sec. 2.1), averaged over images and classes.

    `smoothing` is taken as there: from the sought class, spread over all.
    """
    weights = None if weights is None else weights.to(logits.device)
    wanted = shares(targets, logits.shape[1], smoothing)
    return F.binary_cross_entropy_with_logits(logits, wanted, weight=weights)


def positive_weights(counts: Tensor, images: int) -> Tensor:
    """Weights [classes] of the images that show a class of several: as much together as those that do not.

    `counts` [classes] of `images` show each; where none does, 1.
    """
    return torch.where(counts > 0, (images - counts).clamp(min=1) / counts.clamp(min=1), 1.0).float()


def yes_or_no(logits: Tensor, targets: Tensor, smoothing: float = 0.0, positive: Tensor | None = None) -> Tensor:
    """Of several labels, shares [N, classes]: a yes or no for every class, averaged over images and classes.

    `smoothing` draws both answers towards one half, for here none is spread: the shares of an image need not sum to 1.
    `positive` [classes] weighs the yes.
    """
    wanted = targets * (1 - smoothing) + smoothing / 2
    positive = None if positive is None else positive.to(logits.device)
    return F.binary_cross_entropy_with_logits(logits, wanted, pos_weight=positive)


def focal(logits: Tensor, targets: Tensor, smoothing: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy in which sure answers count little: factor (1 - p) ** 2 (Lin et al. 2017, arXiv:1708.02002)."""
    logarithms = F.log_softmax(logits, 1)
    wanted = shares(targets, logits.shape[1], smoothing)
    if weights is not None:
        wanted = wanted * weights.to(logits.device)
    return -(wanted * (1 - logarithms.exp()) ** FOCUS * logarithms).sum(1).mean()


def logit_adjusted(
    logits: Tensor, targets: Tensor, prior: Tensor, smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Cross-entropy after adding each class's log share of the images (Menon et al. 2020, arXiv:2007.07314, eq. 10).

    The network's own logits then rank the classes as if they were equally frequent.
    """
    return cross_entropy(logits + prior.to(logits.device), targets, smoothing, weights)


def squared_error_to_code(logits: Tensor, targets: Tensor) -> Tensor:
    """LeCun et al. 1998, eq. 8: the mean over images of the right class's RBF output, a squared distance.

    The network's logits are minus those distances.
    """
    return -(shares(targets, logits.shape[1]) * logits).sum(1).mean()
