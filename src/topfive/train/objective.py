"""From a batch to the one number that a step makes smaller: the network, its side classifiers, its teacher."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topfive.nn.classifier import Classifier
from topfive.preprocess import Preprocess
from topfive.recipe import Recipe
from topfive.train.halves import halve_pools
from topfive.train.loss import Loss

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Preprocess has it


class Objective(nn.Module):
    """images [N, C, side, side], targets -> mean loss.

    A module of its own, so that whatever wraps a network for training (many processes, a compiler) wraps all of the
    step's arithmetic.  Its poolings are made quicker.
    """

    def __init__(self, model: Classifier, loss: Loss, recipe: Recipe, teacher: Teacher | None = None):
        super().__init__()
        halve_pools(model)
        self.model = model
        self.loss = loss
        self.auxiliary = recipe.auxiliary
        self.share, self.temperature = recipe.teacher_share, recipe.teacher_temperature
        self.teacher = teacher

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        if self.auxiliary:
            logits, sides = self.model.training_outputs(images)
        else:
            logits, sides = self.model(images), []
        total = self.loss(logits, targets)
        for side in sides:
            total = total + self.model.side_weight * self.loss(side, targets)
        if self.teacher is not None:
            learnt = distillation(logits, self.teacher(images), self.temperature)
            total = (1 - self.share) * total + self.share * learnt
        return total

    def train(self, mode: bool = True) -> Objective:
        """Training mode for the network alone: a teacher only answers."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self


def distillation(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Hinton et al. 2015, arXiv:1503.02531, sec. 2: the divergence of the softened answers, times temperature ** 2."""
    ours = F.log_softmax(logits / temperature, 1)
    theirs = F.log_softmax(taught / temperature, 1)
    return F.kl_div(ours, theirs, reduction="batchmean", log_target=True) * temperature**2


class Teacher(nn.Module):
    """A finished network that sees the pupil's images as it is used to see them."""

    mean: Tensor
    std: Tensor
    its_mean: Tensor
    its_std: Tensor
    luma: Tensor

    def __init__(self, model: Classifier, its: Preprocess, ours: Preprocess):
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.side = its.side
        for name, values in (
            ("mean", ours.mean), ("std", ours.std), ("its_mean", its.mean), ("its_std", its.std), ("luma", LUMA)
        ):  # fmt: skip
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """The pupil's images, normalised [N, C, h, w] -> logits [N, classes]."""
        pixels = images * self.std + self.mean
        if self.its_mean.shape[1] == 1 < pixels.shape[1]:
            pixels = (pixels * self.luma).sum(1, keepdim=True)
        if pixels.shape[2] != self.side:
            pixels = F.interpolate(pixels, size=(self.side, self.side), mode="bilinear", antialias=True)
        return cast(Tensor, self.model((pixels - self.its_mean) / self.its_std))
