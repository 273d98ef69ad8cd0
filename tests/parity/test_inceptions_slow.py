"""The early networks and the Inceptions against the libraries that are seldom installed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from parity.transplant import distance, holders, in_order, transplant, unsettle


@dataclass(frozen=True)
class Theirs:
    name: str
    even: int
    odd: int


PYTORCHCV = {
    "zfnet": Theirs("zfnet", 224, 223),
    "zfnet512": Theirs("zfnetb", 224, 223),
    "nin_cifar10": Theirs("nin_cifar10", 32, 31),
    "nin_cifar100": Theirs("nin_cifar100", 32, 31),
    "squeezenet1_0": Theirs("squeezenet_v1_0", 64, 65),
    "squeezenet1_1": Theirs("squeezenet_v1_1", 64, 65),
    "bninception": Theirs("bninception", 64, 65),
    "inception_v3": Theirs("inceptionv3", 96, 97),
    "inception_v4": Theirs("inceptionv4", 76, 75),
    "inception_resnet_v2": Theirs("inceptionresnetv2", 76, 75),
    "xception": Theirs("xception", 72, 73),
    "polynet": Theirs("polynet", 76, 75),
}
PRETRAINEDMODELS = {
    "bninception": Theirs("bninception", 64, 65),
    "inception_v4": Theirs("inceptionv4", 76, 75),
    "inception_resnet_v2": Theirs("inceptionresnetv2", 76, 75),
    "xception": Theirs("xception", 72, 73),
    "polynet": Theirs("polynet", 76, 75),
}


def any_size(oracle: nn.Module) -> nn.Module:
    """Their last poolings, and no others, are wide, and made for one size of image."""
    for holder in list(oracle.modules()):
        for name, pool in holder.named_children():
            if isinstance(pool, nn.AvgPool2d) and pool.kernel_size not in (3, (3, 3)):
                setattr(holder, name, nn.AdaptiveAvgPool2d(1))
    return oracle


def shortcuts_last(oracle: nn.Module, size: int) -> list[nn.Module]:
    """The layers as they run, but pytorchcv's Xception runs the way around a block before the block."""
    order = in_order(oracle, torch.zeros(1, 3, size, size, dtype=torch.float64))
    for unit in oracle.modules():
        if hasattr(unit, "identity_conv"):
            around, through = holders(unit.identity_conv), holders(unit.body)
            order = [layer for layer in order if layer not in around]
            after = order.index(through[-1]) + 1
            order[after:after] = around
    return order


def check(name: str, oracle: nn.Module, sizes: Theirs) -> None:
    torch.manual_seed(0)
    unsettle(any_size(oracle), sizes.even)
    ours = transplant(oracle, name, sizes.even, layers=shortcuts_last(oracle, sizes.even))
    assert distance(ours, oracle, sizes.even) < 1e-5
    assert distance(ours, oracle, sizes.odd) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", PYTORCHCV)
def test_logits_equal_pytorchcvs(name: str) -> None:
    provider = pytest.importorskip("pytorchcv.model_provider")
    check(name, provider.get_model(PYTORCHCV[name].name, pretrained=False), PYTORCHCV[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", PRETRAINEDMODELS)
def test_logits_equal_pretrainedmodels(name: str) -> None:
    library = pytest.importorskip("pretrainedmodels")
    check(name, library.__dict__[PRETRAINEDMODELS[name].name](pretrained=None), PRETRAINEDMODELS[name])
