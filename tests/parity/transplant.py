"""Giving two networks the same tensors, far from their initial values, by the order in which their layers run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from topfive.models import create_model
from topfive.nn.classifier import Classifier


def unsettle(oracle: nn.Module, size: int, in_channels: int = 3) -> nn.Module:
    """Randomise every one-dimensional parameter and calibrate BatchNorm, so that no layer is close to idle."""
    oracle.double().eval()
    with torch.no_grad():
        for name, parameter in oracle.named_parameters():
            if parameter.ndim == 1:
                start, spread = (0.5, 1.0) if name.endswith("weight") else (-0.2, 0.4)
                parameter.copy_(start + spread * torch.rand_like(parameter))
        norms = [module for module in oracle.modules() if isinstance(module, nn.BatchNorm2d)]
        if not norms:  # torch's initial weights are sqrt(6) too small to carry a signal through many ReLUs
            for parameter in oracle.parameters():
                parameter.mul_(6**0.5 if parameter.ndim > 1 else 1.0)
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain average
            norm.train()
        oracle(torch.randn(4, in_channels, size, size, dtype=torch.float64))
    return oracle.eval()


def holders(model: nn.Module) -> list[nn.Module]:
    """The layers that hold tensors, as they are defined."""
    return [module for module in model.modules() if any(True for _ in module.parameters(recurse=False))]


def in_order(model: nn.Module, images: Tensor) -> list[nn.Module]:
    """The layers that hold tensors, as they run."""
    run: list[nn.Module] = []
    handles = [module.register_forward_pre_hook(lambda module, _: run.append(module)) for module in holders(model)]
    with torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    return run


def transplant(
    oracle: nn.Module,
    network: str | Callable[[], Classifier],
    size: int,
    *,
    as_defined: bool = False,
    layers: Sequence[nn.Module] | None = None,
) -> Classifier:
    """Our network, by its name or as it is built, holding the very tensors of `oracle`.

    `as_defined` is for an oracle that runs its shortcuts first and defines them last; `layers` are the oracle's in the
    order in which ours run, where neither order will do.
    """
    with torch.device("meta"):
        ours = (create_model(network) if isinstance(network, str) else network()).eval()
        mine = in_order(ours, torch.zeros(1, 3, size, size))
    images = torch.zeros(1, 3, size, size, dtype=torch.float64)
    theirs = layers or (holders(oracle) if as_defined else in_order(oracle, images))
    for target, source in zip(mine, theirs, strict=True):
        tensors = {**dict(source.named_parameters(recurse=False)), **dict(source.named_buffers(recurse=False))}
        if isinstance(target, nn.BatchNorm2d):
            assert isinstance(source, nn.BatchNorm2d)
        if isinstance(target, nn.Linear):  # which some write as a convolution of one pixel
            tensors["weight"] = tensors["weight"].flatten(1)
        target.load_state_dict(tensors, assign=True)
    assert not any(parameter.is_meta for parameter in ours.parameters())
    return ours


def distance(ours: nn.Module, oracle: nn.Module, size: int, images: int = 2) -> float:
    """The largest difference of the logits, as a share of the largest logit, on images that the oracle tells apart."""
    batch = torch.randn(images, 3, size, size, dtype=torch.float64)
    with torch.no_grad():
        expected, given = oracle(batch), ours(batch)
    scale = expected.abs().max()
    assert (expected[0] - expected[1]).abs().max() > 1e-2 * scale, "the oracle cannot tell two images apart"
    return ((given - expected).abs().max() / scale).item()
