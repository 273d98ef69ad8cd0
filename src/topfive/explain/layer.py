"""Feature maps caught on their way through a network that is held still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isqrt

import torch
from torch import Tensor, nn

from topfive.errors import UsageError, nearest
from topfive.models.vit import VisionTransformer
from topfive.nn.classifier import Classifier

FEATURES = "features"  # the name that stands for what `Classifier.features` gives

Catch = Callable[[Tensor], Tensor]  # what a layer gave -> what the network goes on with


@contextmanager
def still(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, and no gradient for a parameter; the modes and flags of before come back at the end."""
    modes = {module: module.training for module in model.modules()}
    flags = {parameter: parameter.requires_grad for parameter in model.parameters()}
    model.eval().requires_grad_(False)
    try:
        with torch.enable_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for parameter, flag in flags.items():
            parameter.requires_grad_(flag)


@contextmanager
def watched(model: Classifier, layer: str, catch: Catch) -> Iterator[None]:
    """While this lasts, what `layer` gives goes through `catch`; UsageError where the network has no such layer.

    A layer that is used several times is caught as often.
    """
    if layer == FEATURES:
        original = model.features
        vars(model)[FEATURES] = lambda images: catch(original(images))
        try:
            yield
        finally:
            del vars(model)[FEATURES]
        return
    modules = {name: module for name, module in model.named_modules() if name}
    if layer not in modules:
        hint = nearest(layer, modules) or f"it has, for example, {', '.join(_examples(model))}"
        raise UsageError("unknown layer", layer, hint, f"Name a part of the network, or {FEATURES!r}")

    def hook(module: nn.Module, given: object, output: object) -> Tensor:
        if not isinstance(output, Tensor):
            raise UsageError("layer", layer, f"it gives a {type(output).__name__} and no maps", "Name another layer")
        return catch(output)

    handle = modules[layer].register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def as_maps(output: Tensor, layer: str) -> Tensor:
    """Maps [N, C, h, w] as they are; tokens [N, T, D] as the maps [N, D, h, w] of a square of patches.

    Tokens before those of the patches, such as that of the class, are left out.
    """
    if output.ndim == 4:
        return output
    if output.ndim == 3:
        side = isqrt(output.shape[1])
        return output[:, output.shape[1] - side**2 :].transpose(1, 2).reshape(len(output), -1, side, side)
    raise UsageError("layer", layer, f"it gives {list(output.shape)} and no maps", "Name an earlier layer")


def last_maps(model: Classifier, images: Tensor) -> str:
    """The last layer whose maps still have places: the features, or where those are one place, what comes before.

    A transformer answers from its class token, which looks at the patches for the last time in its last block.
    """
    if isinstance(model, VisionTransformer):
        return f"blocks.{len(model.blocks) - 1}.attention_norm"
    seen: list[str] = []

    def hook(name: str) -> Callable[[nn.Module, object, object], None]:
        def note(module: nn.Module, given: object, output: object) -> None:
            if isinstance(output, Tensor) and output.ndim == 4 and output[0, 0].numel() > 1:
                seen.append(name)

        return note

    handles = [module.register_forward_hook(hook(name)) for name, module in model.named_modules() if name]
    try:
        with torch.no_grad():
            features = model.features(images[:1])
    finally:
        for handle in handles:
            handle.remove()
    if features[0, 0].numel() > 1:
        return FEATURES
    if not seen:
        raise UsageError("explain", None, "no layer of this network has maps of more than one place")
    return seen[-1]


def unused(layer: str) -> UsageError:
    """For a part that the network has, but passes by when it answers."""
    return UsageError("layer", layer, "the network does not use it to answer", "Name another layer")


def _examples(model: nn.Module) -> list[str]:
    return [name for name, _ in model.named_children()][:4]
