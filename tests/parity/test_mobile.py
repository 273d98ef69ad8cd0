"""The small networks against torchvision, timm and pytorchcv: same tensors, same logits, in double precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import timm
import torch
import torchvision
from torch import nn
from torchvision.models import efficientnet as theirs

from parity.transplant import distance, transplant, unsettle
from topfive.models.efficientnet import EfficientNet, MBConv, wide_epsilon_layer
from topfive.models.efficientnet_v2 import FusedMBConv
from topfive.models.mobilenet_v2 import Stage
from topfive.models.shufflenet import Shuffled
from topfive.models.shufflenet_v2 import Unit
from topfive.nn.classifier import Classifier
from topfive.nn.conv import SameConv2d

TOLERANCE = 1e-5  # of the largest logit
EVEN, ODD = 64, 65  # at 65 SAME and symmetric padding are the same in every layer, at 64 they are not

ORACLES: dict[str, Callable[[], nn.Module]] = {
    "mobilenet_v1": lambda: timm.create_model("mobilenetv1_100"),
    "shufflenet_v2_x0_5": lambda: torchvision.models.shufflenet_v2_x0_5(),
    "mnasnet_small": lambda: timm.create_model("mnasnet_small"),
    "mobilenet_v3_small": lambda: torchvision.models.mobilenet_v3_small(),
    "tf_mobilenet_v3_small": lambda: timm.create_model("tf_mobilenetv3_small_100"),
}


def pytorchcv(module: str, function: str, **settings: float) -> nn.Module:
    models = pytest.importorskip(f"pytorchcv.models.{module}")
    oracle: nn.Module = getattr(models, function)(**settings)
    oracle.features.final_pool = nn.AdaptiveAvgPool2d(1)  # theirs is fixed for one size of image
    return oracle


def pytorchcv_mobilenet(name: str) -> nn.Module:
    """With ReLU6, which the authors' program has and the oracle has not."""
    oracle = pytorchcv("mobilenet", name)
    for module in list(oracle.modules()):
        for key, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, key, nn.ReLU6())
    return oracle


SHUFFLENETS = {
    f"shufflenet_v1_x{scale}_g{groups}".replace(".", "_"): (groups, scale)
    for groups, scale in (
        *((groups, 1.0) for groups in (1, 2, 3, 4, 8)),
        *((groups, 0.5) for groups in (1, 3)),
        *((groups, 1.5) for groups in (1, 3)),
        *((groups, 2.0) for groups in (1, 2, 3, 4, 8)),
    )
}
SLOW: dict[str, Callable[[], nn.Module]] = {
    "mobilenet_v1": lambda: pytorchcv_mobilenet("mobilenet_w1"),
    "mobilenet_v1_075": lambda: pytorchcv_mobilenet("mobilenet_w3d4"),
    "mobilenet_v1_050": lambda: pytorchcv_mobilenet("mobilenet_wd2"),
    "mobilenet_v1_025": lambda: pytorchcv_mobilenet("mobilenet_wd4"),
    **{f"efficientnet_v2_{size}": lambda size=size: tv(f"efficientnet_v2_{size}") for size in "sml"},
    **{
        f"tf_efficientnet_v2_{size}": lambda size=size: timm.create_model(f"tf_efficientnetv2_{size}") for size in "sml"
    },
    "mnasnet_a1": lambda: timm.create_model("semnasnet_100"),
    "mnasnet_b1": lambda: torchvision.models.mnasnet1_0(),
    "mobilenet_v3_large": lambda: torchvision.models.mobilenet_v3_large(),
    "tf_mobilenet_v3_large": lambda: timm.create_model("tf_mobilenetv3_large_100"),
    **{f"shufflenet_v2_x{size}": lambda size=size: tv(f"shufflenet_v2_x{size}") for size in ("1_0", "1_5", "2_0")},
}


def tv(name: str) -> nn.Module:
    return torchvision.models.get_model(name, weights=None)


def compare(name: str, oracle: nn.Module, even: int = EVEN, odd: int = ODD) -> None:
    torch.manual_seed(0)
    unsettle(oracle, even)
    ours = transplant(oracle, name, even)
    assert distance(ours, oracle, even) < TOLERANCE
    assert distance(ours, oracle, odd) < TOLERANCE


@pytest.mark.parametrize("name", ORACLES)
def test_logits_equal_the_oracles(name: str) -> None:
    compare(name, ORACLES[name]())


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_logits_equal_those_of_every_member(name: str) -> None:
    compare(name, SLOW[name]())


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name == "shufflenet_v1_x0_5_g3" else pytest.mark.slow) for name in SHUFFLENETS],
)
def test_shufflenets_equal_pytorchcvs(name: str) -> None:
    groups, scale = SHUFFLENETS[name]
    compare(name, pytorchcv("shufflenet", "get_shufflenet", groups=groups, width_scale=scale))


def wrong_padding(ours: nn.Module) -> None:
    """SAME where it is symmetric, and the reverse."""
    strided = next(m for m in ours.modules() if isinstance(m, nn.Conv2d) and m.stride != (1, 1))
    if isinstance(strided, SameConv2d):
        strided.__class__, strided.padding = nn.Conv2d, tuple(kernel // 2 for kernel in strided.kernel_size)
    else:
        strided.__class__, strided.padding = SameConv2d, (0, 0)


def wrong_epsilon(ours: nn.Module) -> None:
    for norm in ours.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps = 1e-3 if norm.eps == 1e-5 else 1e-5


def other_activation(ours: nn.Module) -> None:
    for module in list(ours.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU | nn.ReLU6 | nn.SiLU | nn.Hardswish):
                setattr(module, name, nn.LeakyReLU(0.01))


def other_shuffle(ours: nn.Module) -> None:
    """Groups and their members exchanged in one unit."""
    unit = next(m for m in ours.modules() if isinstance(m, Shuffled | Unit))
    if isinstance(unit, Shuffled):
        unit.groups = unit.reduce.conv.out_channels // unit.groups
    else:
        unit.forward = lambda x: torch.cat([x.chunk(2, 1)[0], unit.branch(x.chunk(2, 1)[1])], 1)  # type: ignore[method-assign]


SABOTAGES = {
    "mobilenet_v1": (wrong_padding, wrong_epsilon, other_activation),
    "shufflenet_v2_x0_5": (wrong_padding, wrong_epsilon, other_activation, other_shuffle),
    "mnasnet_small": (wrong_padding, wrong_epsilon, other_activation),
    "mobilenet_v3_small": (wrong_padding, wrong_epsilon, other_activation),
    "tf_mobilenet_v3_small": (wrong_padding, wrong_epsilon, other_activation),
}


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_sabotaged_network_is_seen(name: str) -> None:
    torch.manual_seed(0)
    oracle = unsettle(ORACLES[name](), EVEN)
    for sabotage in SABOTAGES[name]:
        ours = transplant(oracle, name, EVEN)
        sabotage(ours)
        assert distance(ours, oracle, EVEN) > 10 * TOLERANCE, sabotage.__name__


SMALL_V2 = (
    Stage(FusedMBConv, 1, 8, 2, 1),
    Stage(FusedMBConv, 4, 16, 2, 2),
    Stage(MBConv, 4, 24, 2, 2),
    Stage(MBConv, 6, 32, 2, 1),
)


def small_v2() -> Classifier:
    return EfficientNet(
        SMALL_V2,
        num_classes=10,
        in_channels=3,
        stem_channels=8,
        last_channels=64,
        layer=wide_epsilon_layer,
        dropout=0.2,
    )


def small_v2_oracle() -> nn.Module:
    """torchvision's two kinds of blocks in a small network."""
    inputs = [8, *(row.channels for row in SMALL_V2)]
    rows = [
        (theirs.FusedMBConvConfig if row.operator is FusedMBConv else theirs.MBConvConfig)(
            row.expansion, row.kernel, row.stride, in_channels, row.channels, row.depth
        )
        for row, in_channels in zip(SMALL_V2, inputs, strict=False)
    ]
    norm = partial(nn.BatchNorm2d, eps=1e-3)
    return theirs.EfficientNet(rows, 0.2, num_classes=10, last_channel=64, norm_layer=norm)


def test_fused_blocks_equal_torchvisions() -> None:
    torch.manual_seed(0)
    oracle = unsettle(small_v2_oracle(), EVEN)
    ours = transplant(oracle, small_v2, EVEN)
    assert distance(ours, oracle, EVEN) < TOLERANCE
    assert distance(ours, oracle, ODD) < TOLERANCE
    for sabotage in (wrong_padding, wrong_epsilon, other_activation, unfused):
        ours = transplant(oracle, small_v2, EVEN)
        sabotage(ours)
        assert distance(ours, oracle, EVEN) > 10 * TOLERANCE, sabotage.__name__


def unfused(ours: nn.Module) -> None:
    """The fused block without its residual."""
    block = next(m for m in ours.modules() if isinstance(m, FusedMBConv) and m.residual)
    block.residual = False
