"""Same tensors, same logits: our networks against torchvision and timm, in double precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import timm
import torch
import torchvision
from torch import nn

from parity.transplant import distance, transplant, unsettle
from topfive.models.mobilenet_v2 import InvertedResidual
from topfive.models.resnet import Residual
from topfive.nn.classifier import Classifier
from topfive.nn.conv import SameConv2d

TOLERANCE = 1e-5  # of the largest logit; in double precision what agrees agrees to 1e-12
EVEN, ODD = 64, 65  # at 65 SAME and symmetric padding are the same in every layer, at 64 they are not


def torchvision_resnet_v1(name: str) -> nn.Module:
    """torchvision's network with the stride moved to the first 1x1, where the paper has it."""
    oracle = torchvision.models.get_model(name)
    for block in oracle.modules():
        if isinstance(block, torchvision.models.resnet.Bottleneck):
            block.conv1.stride, block.conv2.stride = block.conv2.stride, (1, 1)
    return oracle


ORACLES: dict[str, Callable[[], nn.Module]] = {
    "alexnet": lambda: torchvision.models.alexnet(),
    "vgg11": lambda: torchvision.models.vgg11(init_weights=False),
    "vgg11_bn": lambda: torchvision.models.vgg11_bn(init_weights=False),
    "resnet18": lambda: torchvision.models.resnet18(),
    "resnet50": lambda: torchvision.models.resnet50(),
    "resnet50_v1": lambda: torchvision_resnet_v1("resnet50"),
    "mobilenet_v2": lambda: torchvision.models.mobilenet_v2(),
    "mobilenet_v2_140": lambda: timm.create_model("mobilenetv2_140"),
    "efficientnet_b0": lambda: torchvision.models.efficientnet_b0(),
    "efficientnet_b5": lambda: torchvision.models.efficientnet_b5(),
    "tf_efficientnet_b0": lambda: timm.create_model("tf_efficientnet_b0"),
    "efficientnet_lite0": lambda: timm.create_model("efficientnet_lite0"),
    "tf_efficientnet_lite0": lambda: timm.create_model("tf_efficientnet_lite0"),
    "tf_efficientnet_lite1": lambda: timm.create_model("tf_efficientnet_lite1"),
}


@dataclass(frozen=True)
class Pair:
    name: str
    oracle: nn.Module

    def ours(self) -> Classifier:
        return transplant(self.oracle, self.name, EVEN)


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest) -> Pair:
    torch.manual_seed(0)
    return Pair(request.param, unsettle(ORACLES[request.param](), EVEN))


@pytest.mark.parametrize("pair", ORACLES, indirect=True)
def test_logits_equal_the_oracles(pair: Pair) -> None:
    ours, oracle = pair.ours(), pair.oracle
    assert distance(ours, oracle, EVEN) < TOLERANCE
    assert distance(ours, oracle, ODD) < TOLERANCE


def wrong_padding(ours: nn.Module) -> None:
    """SAME where it is symmetric, and the reverse, or where nothing strides the edge pixel for zero."""
    strided = next((m for m in ours.modules() if isinstance(m, nn.Conv2d) and m.stride != (1, 1)), None)
    if isinstance(strided, SameConv2d):
        strided.__class__, strided.padding = nn.Conv2d, tuple(kernel // 2 for kernel in strided.kernel_size)
    elif strided is not None:
        strided.__class__, strided.padding = SameConv2d, (0, 0)
    else:
        next(m for m in ours.modules() if isinstance(m, nn.Conv2d)).padding_mode = "replicate"


def wrong_epsilon(ours: nn.Module) -> None:
    for norm in ours.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps = 1e-3 if norm.eps == 1e-5 else 1e-5


def skipped_block(ours: nn.Module) -> None:
    block = next(
        m
        for m in ours.modules()
        if (isinstance(m, InvertedResidual) and m.residual)
        or (isinstance(m, Residual) and isinstance(m.shortcut, nn.Identity))
    )
    block.forward = nn.Identity().forward  # type: ignore[method-assign]


def other_activation(ours: nn.Module) -> None:
    """One family's activation for another's: leaky where it clips."""
    for module in ours.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU | nn.ReLU6 | nn.SiLU):
                setattr(module, name, nn.LeakyReLU(0.01))


ALL = (wrong_padding, wrong_epsilon, skipped_block, other_activation)
SABOTAGES = {
    "alexnet": (wrong_padding, other_activation),
    "vgg11_bn": (wrong_padding, wrong_epsilon, other_activation),
    "resnet18": ALL,
    "mobilenet_v2": ALL,
    "efficientnet_b0": ALL,
    "tf_efficientnet_b0": ALL,
    "tf_efficientnet_lite0": ALL,
}


@pytest.mark.parametrize("pair", SABOTAGES, indirect=True)
def test_a_sabotaged_network_is_seen(pair: Pair) -> None:
    for sabotage in SABOTAGES[pair.name]:
        ours = pair.ours()
        sabotage(ours)
        assert distance(ours, pair.oracle, EVEN) > 10 * TOLERANCE, sabotage.__name__
