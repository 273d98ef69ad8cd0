"""BatchNorm over the images of all processes that train together, on any device.

torch.nn.SyncBatchNorm is for GPUs alone.  Every process must bring equally many images.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, distributed, nn


class SyncBatchNorm2d(nn.BatchNorm2d):
    """nn.BatchNorm2d whose mean and variance in training are those of the images of all processes."""

    def forward(self, images: Tensor) -> Tensor:
        if not self.training:
            return super().forward(images)
        pixels = images.to(torch.promote_types(images.dtype, torch.float32))
        means = mean_of_all(pixels.mean((0, 2, 3)))
        centred = pixels - means[:, None, None]
        variances = mean_of_all(centred.square().mean((0, 2, 3)))
        count = distributed.get_world_size() * images.numel() // images.shape[1]
        self._remember(means.detach(), variances.detach(), count)
        scale = torch.rsqrt(variances + self.eps)
        if self.affine:
            scale = scale * self.weight
        normalised: Tensor = centred * scale[:, None, None]
        return (normalised + self.bias[:, None, None] if self.affine else normalised).to(images.dtype)

    @torch.no_grad()
    def _remember(self, means: Tensor, variances: Tensor, count: int) -> None:
        """Move the running statistics as BatchNorm does: with the unbiased variance, of `count` values a channel."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(means, momentum)
        self.running_var.lerp_(variances * count / max(count - 1, 1), momentum)


class _MeanOfAll(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        shared = values.clone()
        distributed.all_reduce(shared)
        return shared / distributed.get_world_size()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:  # every process's loss depends on every process's values
        return _MeanOfAll.forward(context, gradients[0])


def mean_of_all(values: Tensor) -> Tensor:
    """The mean of all processes' values, through which gradients flow to each."""
    return cast(Tensor, _MeanOfAll.apply(values))


def synchronise(model: nn.Module) -> None:
    """Make every BatchNorm2d of the network one over all processes.

    The modules stay the same objects, for whoever holds them, and their tensors keep their names.
    """
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncBatchNorm2d
