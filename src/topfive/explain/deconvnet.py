"""What in the pixels makes a unit fire: the deconvnet.  Zeiler and Fergus 2013, arXiv:1311.2901, sec. 2.1.

The paper goes down through a chain: it unpools with the switches of the maxima, rectifies, and convolves with the
transposed filters.  Unpooling and the transposed filters are what the gradient does anyway.  So the deconvnet is the
gradient in which an activation rectifies what comes down and does not ask what went up, and thus it is defined for any
network:

- ReLU and its relatives (ReLU6, leaky ReLU, SiLU, hard swish, GELU, sigmoid, tanh) all rectify on the way down;
- normalisation is part of the filters, as it is a fixed scale when a network is held still;
- sums pass down what they got to all their terms, and joined maps are parted;
- gates of squeeze and excitation are constants: the picture as a whole made them, no place of it.

Only switches tell one picture from another.  A network without maxima projects a unit to the same pattern whatever it
saw; there the guided rule (Springenberg et al. 2014, arXiv:1412.6806, sec. 3.4) says more: what comes down passes only
where something went up, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from topfive.explain.layer import as_maps, still, unused, watched
from topfive.explain.target import Images, checked_images
from topfive.nn.classifier import Classifier
from topfive.nn.squeeze_excite import SqueezeExcite

ACTIVATIONS = frozenset(
    (
        *(F.relu, F.relu6, F.leaky_relu, F.silu, F.hardswish, F.gelu, F.hardtanh, F.sigmoid, F.tanh, F.hardsigmoid),
        *(torch.relu, torch.relu_, torch.sigmoid, torch.tanh, Tensor.relu, Tensor.sigmoid, Tensor.tanh),
    )
)

Selection = Callable[[Tensor], Tensor]  # rectified maps [N, C, h, w] -> those to project, the others being 0
Rule = Callable[[Tensor, Tensor], Tensor]  # what comes down to an activation, what went up into it -> what goes on


def deconvolution(down: Tensor, up: Tensor) -> Tensor:
    return down.relu()


def guided(down: Tensor, up: Tensor) -> Tensor:
    return down.relu() * (up > 0)


def deconvnet(
    model: Classifier,
    images: Images,
    layer: str,
    channels: Sequence[int],
    places: Sequence[tuple[int, int]],
    rule: Rule = deconvolution,
) -> NDArray[np.float32]:
    """One unit of each image's maps, channel and place (row, column), projected down to the pixels -> [N, C, H, W]."""

    def select(maps: Tensor) -> Tensor:
        chosen = torch.zeros_like(maps)
        for index, (channel, (row, column)) in enumerate(zip(channels, places, strict=True)):
            chosen[index, channel, row, column] = maps[index, channel, row, column]
        return chosen

    return project(model, images, layer, select, rule)


def project(
    model: Classifier, images: Images, layer: str, select: Selection, rule: Rule = deconvolution
) -> NDArray[np.float32]:
    """The rectified maps of `layer` that `select` keeps, projected down to the pixels -> [N, C, H, W]."""
    pictures = checked_images(model, images).detach().clone().requires_grad_()
    caught: list[Tensor] = []

    def catch(output: Tensor) -> Tensor:
        caught[:] = [output]
        return output.clone()  # what comes next may write into its input

    with still(model), watched(model, layer, catch), _gates_fixed(model), _Ruling(rule):
        model(pictures)
    if not caught:
        raise unused(layer)
    maps = as_maps(caught[0], layer)
    (projected,) = torch.autograd.grad(maps, pictures, select(maps.detach().relu()))
    down: NDArray[np.float32] = projected.float().cpu().numpy()
    return down


class _Ruled(torch.autograd.Function):
    """`after` upwards; downwards what `rule` makes of the gradient."""

    @staticmethod
    def forward(context: Any, before: Tensor, after: Tensor, rule: Rule) -> Tensor:
        context.save_for_backward(before)
        context.rule = rule
        return after.view_as(after)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (before,) = context.saved_tensors
        return context.rule(gradient, before), None, None


class _Ruling(TorchFunctionMode):
    """While this lasts, every activation is `_Ruled`, whether a module or a function calls it."""

    def __init__(self, rule: Rule):
        super().__init__()
        self.rule = rule

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function not in ACTIVATIONS:
            return function(*args, **(kwargs or {}))
        before, *others = args
        with torch.no_grad():
            after = function(before.clone(), *others, **(kwargs or {}))  # which may write into its input
        return _Ruled.apply(before, after, self.rule)


@contextmanager
def _gates_fixed(model: Classifier) -> Iterator[None]:
    with ExitStack() as stack:
        for module in model.modules():
            if isinstance(module, SqueezeExcite):
                handle = module.gate.register_forward_hook(lambda gate, given, output: output.detach())
                stack.callback(handle.remove)
        yield
