"""Inception and its kin against torchvision and timm: same tensors, same logits, in double precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
import timm
import torch
import torchvision
from torch import nn

from parity.transplant import distance, in_order, transplant, unsettle
from topfive.models.googlenet import Branches
from topfive.models.inception_v3 import SideClassifier
from topfive.models.inception_v4 import ScaledResidual
from topfive.models.squeezenet import Fire
from topfive.models.xception import Block
from topfive.nn.classifier import Classifier
from topfive.nn.pool import SameMaxPool2d

TOLERANCE = 1e-5  # of the largest logit


def tv(name: str) -> nn.Module:
    inception = {"aux_logits": False, "init_weights": False} if "squeeze" not in name else {}
    return torchvision.models.get_model(name, weights=None, **inception)


def keras_xception() -> nn.Module:
    """timm's network with the author's epsilon and poolings."""
    oracle = timm.create_model("legacy_xception")
    for module in list(oracle.modules()):
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, Padded())
    return oracle


class Padded(nn.Module):
    """SAME at a kernel of 3 and a stride of 2, written out: an odd zero goes to the far side."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        near = [size % 2 for size in x.shape[-2:]]
        padded = nn.functional.pad(x, [near[1], 1, near[0], 1], value=-torch.inf)
        return nn.functional.max_pool2d(padded, 3, 2)


@dataclass(frozen=True)
class Oracle:
    make: Callable[[], nn.Module]
    even: int = 64
    odd: int = 65


# Xception's poolings meet an even map, where SAME is one-sided, at the odd size.
ORACLES = {
    "squeezenet1_1": Oracle(partial(tv, "squeezenet1_1")),
    "googlenet": Oracle(partial(tv, "googlenet")),
    "inception_v3": Oracle(partial(tv, "inception_v3"), 96, 97),
    "inception_v4": Oracle(partial(timm.create_model, "inception_v4"), 76, 75),
    "inception_resnet_v2": Oracle(partial(timm.create_model, "inception_resnet_v2"), 76, 75),
    "xception": Oracle(partial(timm.create_model, "legacy_xception"), 72, 73),
    "tf_xception": Oracle(keras_xception, 72, 73),
}
SLOW = {
    "squeezenet1_0": Oracle(partial(tv, "squeezenet1_0")),
    "inception_v3": Oracle(partial(timm.create_model, "inception_v3"), 96, 97),
    "inception_v4": Oracle(partial(timm.create_model, "inception_v4"), 140, 141),
    "inception_resnet_v2": Oracle(partial(timm.create_model, "inception_resnet_v2"), 140, 141),
}


@dataclass(frozen=True)
class Pair:
    name: str
    oracle: nn.Module
    even: int
    odd: int

    def ours(self) -> Classifier:
        return transplant(self.oracle, self.name, self.even)


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest) -> Pair:
    return paired(request.param, ORACLES[request.param])


def paired(name: str, oracle: Oracle) -> Pair:
    torch.manual_seed(0)
    return Pair(name, unsettle(oracle.make(), oracle.even), oracle.even, oracle.odd)


def compare(pair: Pair) -> None:
    ours = pair.ours()
    assert distance(ours, pair.oracle, pair.even) < TOLERANCE
    assert distance(ours, pair.oracle, pair.odd) < TOLERANCE


@pytest.mark.parametrize("pair", ORACLES, indirect=True)
def test_logits_equal_the_oracles(pair: Pair) -> None:
    compare(pair)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_logits_equal_the_oracles_of_the_rest(name: str) -> None:
    compare(paired(name, SLOW[name]))


def wrong_epsilon(ours: nn.Module) -> None:
    for norm in ours.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps = 1e-3 if norm.eps == 1e-5 else 1e-5


def first(ours: nn.Module, kind: type[nn.Module]) -> nn.Module:
    return next(module for module in ours.modules() if isinstance(module, kind))


def floored_pooling(ours: nn.Module) -> None:
    for pool in ours.modules():
        if isinstance(pool, nn.MaxPool2d):
            assert pool.ceil_mode
            pool.ceil_mode = False


def swapped_ways(ours: nn.Module) -> None:
    """Two ways of one module take each other's channels."""
    module = next(m for m in ours.modules() if isinstance(m, Branches) and len(m) > 2)
    module.forward = lambda x: torch.cat([way(x) for way in reversed(module)], dim=1)  # type: ignore[method-assign]


def swapped_expansions(ours: nn.Module) -> None:
    fire = first(ours, Fire)
    relu = nn.functional.relu

    def forward(x: torch.Tensor) -> torch.Tensor:
        squeezed = relu(fire.squeeze(x))
        return torch.cat([relu(fire.expand3(squeezed)), relu(fire.expand1(squeezed))], dim=1)

    fire.forward = forward  # type: ignore[method-assign]


def other_mean_pooling(ours: nn.Module) -> None:
    """The zeros around the map count, or do not."""
    for pool in ours.modules():
        if isinstance(pool, nn.AvgPool2d):
            pool.count_include_pad = not pool.count_include_pad


def other_scale(ours: nn.Module) -> None:
    first(ours, ScaledResidual).scale = 0.18  # type: ignore[assignment]


def rectified_end(ours: nn.Module) -> None:
    """The last residual module has no activation."""
    [module for module in ours.modules() if isinstance(module, ScaledResidual)][-1].activation = torch.relu


def other_activation(ours: nn.Module) -> None:
    first(ours, Block).branch[2] = nn.LeakyReLU(0.01)  # type: ignore[index, union-attr, operator]


def skipped_block(ours: nn.Module) -> None:
    block = next(m for m in ours.modules() if isinstance(m, Block) and isinstance(m.shortcut, nn.Identity))
    block.forward = nn.Identity().forward  # type: ignore[method-assign]


def symmetric_pooling(ours: nn.Module) -> None:
    for pool in ours.modules():
        if isinstance(pool, SameMaxPool2d):
            pool.__class__, pool.padding = nn.MaxPool2d, 1


SABOTAGES: dict[str, tuple[Callable[[nn.Module], None], ...]] = {
    "squeezenet1_1": (floored_pooling, swapped_expansions),
    "googlenet": (wrong_epsilon, swapped_ways),
    "inception_v3": (wrong_epsilon, swapped_ways, other_mean_pooling),
    "inception_v4": (swapped_ways, other_mean_pooling),
    "inception_resnet_v2": (wrong_epsilon, other_mean_pooling, other_scale, rectified_end),
    "xception": (wrong_epsilon, skipped_block),
    "tf_xception": (other_activation, symmetric_pooling),
}


@pytest.mark.parametrize("pair", SABOTAGES, indirect=True)
def test_a_sabotaged_network_is_seen(pair: Pair) -> None:
    for sabotage in SABOTAGES[pair.name]:
        ours = pair.ours()
        sabotage(ours)
        assert distance(ours, pair.oracle, pair.odd) > 10 * TOLERANCE, sabotage.__name__


def test_side_classifiers_equal_torchvisions() -> None:
    """Its own run in training mode alone, so each is compared by itself, on the maps that it gets."""
    torch.manual_seed(0)
    oracle = torchvision.models.inception_v3(weights=None, aux_logits=True, init_weights=False)
    side = unsettled_side(oracle.AuxLogits, 768)
    ours = SideClassifier(1000, in_channels=768).double().eval()
    holders = in_order(ours, torch.zeros(1, 768, 17, 17, dtype=torch.float64))
    for mine, theirs in zip(holders, in_order(side, torch.zeros(1, 768, 17, 17, dtype=torch.float64)), strict=True):
        mine.load_state_dict(theirs.state_dict())
    maps = torch.rand(2, 768, 17, 17, dtype=torch.float64)
    with torch.no_grad():
        given, expected = ours(maps), side(maps)
    assert (expected[0] - expected[1]).abs().max() > 1e-2 * expected.abs().max()
    torch.testing.assert_close(given, expected)


def unsettled_side(side: nn.Module, channels: int) -> nn.Module:
    return unsettle(nn.Sequential(Spread(channels), side), 17)[1]  # type: ignore[index]


class Spread(nn.Module):
    """Images to as many channels as a side classifier gets."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.repeat(1, self.channels // x.shape[1], 1, 1)
