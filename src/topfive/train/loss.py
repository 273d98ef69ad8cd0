"""What a run minimises."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from topfive.train.recipe import Recipe

Loss = Callable[[Tensor, Tensor], Tensor]  # logits [N, classes], labels [N] -> mean loss


def make_loss(recipe: Recipe) -> Loss:
    """Cross-entropy with label smoothing, or LeNet's mean squared error to the RBF code of the right class."""
    match recipe.loss:
        case "cross_entropy":
            return nn.CrossEntropyLoss(label_smoothing=recipe.smoothing)
        case "rbf_mse":
            return squared_error_to_code


def squared_error_to_code(logits: Tensor, labels: Tensor) -> Tensor:
    """LeCun et al. 1998, eq. 8: the mean over images of the right class's RBF output, a squared distance.

    The network's logits are minus those distances.
    """
    return F.nll_loss(logits, labels)
