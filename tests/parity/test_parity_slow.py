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
    "alexnet_lrn": "alexnet",
    "resnet50_v1": "resnet50",
    "resnet101_v1": "resnet101",
    "resnet152_v1": "resnet152",
}


def check(name: str, oracle: nn.Module, even: int = 64, odd: int = 65, *, as_defined: bool = False) -> None:
    torch.manual_seed(0)
    unsettle(oracle, even)
    ours = transplant(oracle, name, even, as_defined=as_defined)
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
    # Its last pooling is fixed, so only sizes that end in the same number of pixels as 224 pass.
    odd = 225 if name == "alexnet_lrn" else 223
    check(name, provider.get_model(PYTORCHCV[name], pretrained=False), 224, odd, as_defined=True)
