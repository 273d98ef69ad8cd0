"""What every network of this package is: images in, feature maps, one embedding, logits out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Classifier(nn.Module):
    """Base of all networks: images [N, in_channels, H, W] -> logits [N, num_classes].

    A network defines `features` and sets `head`; where the papers pool globally, nothing else.  In evaluation mode
    `head(embed(images))` equals `forward(images)`, but for a head that judges every place before it pools: such a
    network defines `outputs` too.
    """

    head: nn.Module  # the last linear layer, or what plays its part

    def __init__(self, num_classes: int, in_channels: int, *, dropout: float = 0.0):
        super().__init__()
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def features(self, images: Tensor) -> Tensor:
        """The last feature maps [N, C, h, w]."""
        raise NotImplementedError

    def embed(self, images: Tensor) -> Tensor:
        """The vector [N, D] that the head sees."""
        return F.adaptive_avg_pool2d(self.features(images), 1).flatten(1)

    def outputs(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and embedding from one pass."""
        embedding = self.embed(images)
        return self.head(self.dropout(embedding)), embedding

    def forward(self, images: Tensor) -> Tensor:
        return self.outputs(images)[0]

    def auxiliary(self, images: Tensor) -> list[Tensor]:
        """Logits [N, num_classes] of the side classifiers that a paper trains with; most have none."""
        return []

    def progress(self, done: float) -> None:
        """Told by a training which share of it is over, 0 to 1, for what a paper schedules; most schedule nothing."""

    def initialise(self, module: nn.Module) -> None:
        """Set the starting weights of one module as the paper does; by default torch's own stay."""

    def reset_head(self, num_classes: int) -> None:
        """Replace the head by a fresh one for `num_classes` classes, on the same device and in the same precision."""
        old = next(self.parameters())
        with torch.device(old.device):
            self.head = type(self.head)(self.head.in_features, num_classes).to(old.dtype)
        self.head.apply(self.initialise)
        self.num_classes = num_classes
