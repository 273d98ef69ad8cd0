"""The smallest images that a network takes: asked of the network itself, once it has failed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import wraps
from itertools import chain

import torch
from torch import Tensor, nn

from topfive.errors import UsageError

LARGEST = 128  # pixels a side; no network of the lineage needs as many

Method = Callable[[nn.Module, Tensor], Tensor]


def takes(model: nn.Module, images: Tensor, side: int) -> bool:
    """Does `model`, in its mode, take square images of this side, as many and of as many channels as `images`?

    Nothing is computed: all tensors are on the meta device.
    """
    tensors = chain(model.named_parameters(), model.named_buffers())
    shapes = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors}
    sample = torch.empty(*images.shape[:2], side, side, dtype=images.dtype, device="meta")
    try:
        with torch.no_grad():
            torch.func.functional_call(model, shapes, (sample,))
    except (RuntimeError, ValueError, UsageError):
        return False
    return True


def smallest(model: nn.Module, images: Tensor) -> int | None:
    """The least side that `model` takes; None where size is not what ails it."""
    side = bisect_left(range(LARGEST), True, key=lambda side: takes(model, images, side))
    return side if side < LARGEST else None


def sized(method: Method) -> Method:
    """A method on images [N, C, H, W] that says which size is needed where they are too small: UsageError."""

    @wraps(method)
    def explained(model: nn.Module, images: Tensor) -> Tensor:
        try:
            return method(model, images)
        except (RuntimeError, ValueError) as error:
            if isinstance(error, torch.OutOfMemoryError) or images.is_meta or images.ndim != 4:
                raise
            height, width = images.shape[-2:]
            least = smallest(model, images)
            if least is None or min(height, width) >= least:
                raise
            why = f"{type(model).__name__} needs {least} pixels a side"
            raise UsageError("image too small", f"{height}x{width}", why) from error

    return explained
