"""The networks whose oracle is large or seldom installed."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from torch import nn

from parity.transplant import distance, transplant, unsettle

TORCHVISION = (
    *("vgg13", "vgg16", "vgg19", "vgg13_bn", "vgg16_bn", "vgg19_bn", "resnet34", "resnet101", "resnet152"),
    *(f"efficientnet_b{number}" for number in (1, 2, 3, 4, 6, 7)),
)
TIMM = (
    *(f"tf_efficientnet_b{number}" for number in range(1, 8)),
    *(f"{form}efficientnet_lite{number}" for form in ("", "tf_") for number in range(1, 5)),
)
PYTORCHCV = {
    "alexnet_lrn": ("alexnet", 224, 239),
    **{f"resnet{depth}_v1": (f"resnet{depth}", 64, 65) for depth in (50, 101)},
}


def check(name: str, oracle: nn.Module, even: int = 64, odd: int = 65) -> None:
    torch.manual_seed(0)
    unsettle(oracle, even)
    ours = transplant(oracle, name, even)
    assert distance(ours, oracle, even) < 1e-5
    assert distance(ours, oracle, odd) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCHVISION)
def test_logits_equal_torchvisions(name: str) -> None:
    check(name, torchvision.models.get_model(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", TIMM)
def test_logits_equal_timms(name: str) -> None:
    check(name, timm.create_model(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", PYTORCHCV)
def test_logits_equal_pytorchcvs(name: str) -> None:
    provider = pytest.importorskip("pytorchcv.model_provider")
    oracle, even, odd = PYTORCHCV[name]
    check(name, provider.get_model(oracle, pretrained=False), even, odd)
