"""Max pooling of 2x2 in training as two maxima of halves, and what comes before it arranged to suit: the same answers.

On a processor torch's pooling of contiguous maps looks for the place of each maximum one number at a time, which can
take longer than the convolution before it.  Two maxima, and where each came from as masks, are vectors throughout.
ReLU rises with its argument, so it may follow the maximum, on a quarter of the numbers, for the same bits too.
A convolution of images into a few maps is done at every second pixel, with four kernels for each of its own, one for
each place in a square of the pooling: more sums at a time, and the maxima are of whole maps.  It is equal to rounding.

Shipped graphs keep the order of the papers: in evaluation each module is what it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

IMAGES, FEW = 4, 8  # channels in and out: where there are more, a convolution fills the processor's vectors by itself
POOL = {"kernel_size": 2, "stride": 2, "padding": 0, "dilation": 1, "ceil_mode": False, "return_indices": False}
CONV = {"stride": 1, "dilation": 1, "groups": 1, "padding_mode": "zeros"}


def halve_pools(model: nn.Module) -> None:
    """Train every plain 2x2 pooling of `model` by halves, in place; names and weights stay as they are."""
    uses = Counter(module for _, module in model.named_modules(remove_duplicate=False))
    for module in uses:
        if type(module) is nn.MaxPool2d and _made(module, POOL):
            module.__class__ = HalvedMaxPool2d
    for module in uses:
        if type(module) is nn.Sequential:
            _arrange([nn.Identity(), nn.Identity(), *_flat(module)], uses)


class HalvedMaxPool2d(nn.MaxPool2d):
    """[N, C, H, W] or its phases -> [N, C, H / 2, W / 2]; in training it `rectifies` where a LaterReLU is before it."""

    rectifies = False

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return cast(Tensor, super().forward(input))
        if input.dim() == 6:
            pooled = Halves.apply(input, 1, 2)
        elif _pays(input) and not any(side % 2 for side in input.shape[-2:]):
            pooled = Halves.apply(_squares(input), 3, 5)
        else:
            pooled = super().forward(input)
        return F.relu(pooled) if self.rectifies else cast(Tensor, pooled)


class LaterReLU(nn.ReLU):
    """In training nothing: the pooling behind it does its work."""

    def forward(self, input: Tensor) -> Tensor:
        return input if self.training else super().forward(input)


class PhasedConv2d(nn.Conv2d):
    """[N, I, H, W] -> in training [N, 2, 2, C, h, w], by row and column in the squares of the pooling behind it.

    Only of contiguous images whose maps have even sides, 2h and 2w; else, and in evaluation, [N, C, H', W'] as ever.
    """

    def forward(self, input: Tensor) -> Tensor:
        sides = (
            side + 2 * cast(int, padding) - kernel + 1
            for side, padding, kernel in zip(input.shape[-2:], self.padding, self.kernel_size, strict=True)
        )
        if not self.training or not _pays(input) or any(side % 2 for side in sides):
            return super().forward(input)
        # A kernel one larger that begins a row or a column later is the same kernel with zeros before it.
        height, width = self.kernel_size
        windows = F.pad(self.weight, (1, 1, 1, 1)).unfold(2, height + 1, 1).unfold(3, width + 1, 1)  # [C, I, 2, 2, ...]
        kernels = windows.permute(2, 3, 0, 1, 4, 5).flip(0, 1).flatten(0, 2)
        bias = None if self.bias is None else self.bias.repeat(4)
        maps = F.conv2d(input, kernels, bias, stride=2, padding=self.padding)
        return maps.view(len(maps), 2, 2, -1, *maps.shape[2:])


class Halves(torch.autograd.Function):
    """The maximum along dimensions `down` and `across`, both of 2, down first.

    The gradient goes to the first of equals by rows, as with torch's own pooling.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, down: int, across: int) -> Tensor:
        left, right = maps.unbind(across)
        top, bottom = torch.maximum(left, right).unbind(down)
        ctx.save_for_backward(left >= right, top >= bottom)
        ctx.down, ctx.across = down, across
        return torch.maximum(top, bottom)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        is_left, is_top = ctx.saved_tensors
        rows = _shared(gradients[0], is_top, ctx.down)
        return _shared(rows, is_left, ctx.across), None, None


def _shared(gradient: Tensor, is_first: Tensor, dimension: int) -> Tensor:
    """`gradient` laid into one more dimension of 2: to the first where the mask says so, else to the second."""
    shape = list(gradient.shape)
    shape.insert(dimension, 2)
    both = gradient.new_empty(shape)
    first, second = both.unbind(dimension)
    torch.mul(gradient, is_first, out=first)
    torch.sub(gradient, first, out=second)
    return both


def _squares(maps: Tensor) -> Tensor:
    """[N, C, H, W] as [N, C, H / 2, 2, W / 2, 2], the same memory."""
    count, channels, height, width = maps.shape
    return maps.view(count, channels, height // 2, 2, width // 2, 2)


def _pays(maps: Tensor) -> bool:
    """Not channels last, which torch pools well, not on a graphics card, nor where a compiler arranges things."""
    return maps.is_contiguous() and maps.device.type == "cpu" and not torch.compiler.is_compiling()


def _arrange(modules: list[nn.Module], uses: Counter[nn.Module]) -> None:
    """Make ready what comes before each pooling in a row of modules, and nowhere else."""
    for before, first, pool in zip(modules, modules[1:], modules[2:], strict=False):
        if not isinstance(pool, HalvedMaxPool2d) or uses[pool] > 1 or uses[first] > 1:
            continue
        if type(first) is nn.ReLU:
            first.__class__ = LaterReLU
            pool.rectifies = True
        else:
            before = first
        if uses[before] == 1 and _of_images(before):
            before.__class__ = PhasedConv2d


def _of_images(module: nn.Module) -> bool:
    """Whether it is a plain convolution of few channels into few maps."""
    if type(module) is not nn.Conv2d or not _made(module, CONV):
        return False
    return module.in_channels <= IMAGES and module.out_channels <= FEW


def _made(module: nn.Module, settings: dict[str, Any]) -> bool:
    """Whether it was made with these; torch has (2, 2) for 2 in places."""
    return all(getattr(module, name) in (value, (value, value)) for name, value in settings.items())


def _flat(module: nn.Module) -> Iterator[nn.Module]:
    """What a Sequential runs, in its order, through Sequentials inside it."""
    if type(module) is nn.Sequential:
        for child in module:
            yield from _flat(child)
    else:
        yield module
