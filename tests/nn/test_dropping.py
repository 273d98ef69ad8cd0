"""Drop-path and dropout at any rate, in every network that has a place for them."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from topfive.errors import UsageError
from topfive.models import create_model
from topfive.models.polynet import Poly, TwoWay
from topfive.models.resnet import Basic, ResNet, cifar_stem
from topfive.nn.dropout import set_dropout
from topfive.nn.stochastic_depth import StochasticDepth, set_drop_path


def rates(model: nn.Module) -> list[float]:
    return [module.rate for module in model.modules() if isinstance(module, StochasticDepth)]


def small() -> ResNet:
    return ResNet(Basic, (2, 1), num_classes=3, in_channels=1, stem=cifar_stem, width=4)


@pytest.mark.parametrize(
    ("name", "blocks", "first"),
    [
        ("resnet50", 16, 0.3 / 16),
        ("resnext50_32x4d", 16, 0.3 / 16),
        ("se_resnet50", 16, 0.3 / 16),
        ("preresnet50", 16, 0.3 / 16),
        ("wrn16_10_cifar", 6, 0.3 / 6),
        ("regnety_002", 13, 0.3 / 13),
        ("mobilenet_v2", 17, 0.3 / 17),
        ("mobilenet_v3_small", 11, 0.3 / 11),
        ("convnext_tiny", 18, 0),
        ("vit_s_16", 12, 0),
        ("polynet", 40, 0.3 / 40),
    ],
)
def test_the_rate_grows_evenly_with_depth(name: str, blocks: int, first: float) -> None:
    with torch.device("meta"):
        model = create_model(name)
    set_drop_path(model, 0.3)
    found = rates(model)
    assert len(found) == blocks
    assert found[0] == pytest.approx(first)
    assert found[-1] == pytest.approx(0.3)
    steps = [later - earlier for earlier, later in pairwise(found)]
    assert steps == pytest.approx([(0.3 - first) / (blocks - 1)] * (blocks - 1))


@pytest.mark.parametrize("name", ["efficientnet_b0", "efficientnet_v2_s", "nasnet_a_large", "convnext_base"])
def test_another_rate_keeps_the_papers_proportions(name: str) -> None:
    with torch.device("meta"):
        model = create_model(name)
    before = rates(model)
    assert max(before) > 0
    set_drop_path(model, 0.07)
    factor = max(rates(model)) / max(before)
    assert rates(model) == pytest.approx([factor * rate for rate in before])
    model.progress(0.5)  # what a schedule does, it does to the new rate
    grown = {module.grown for module in model.modules() if isinstance(module, StochasticDepth)}
    assert grown == ({0.5} if name.startswith("nasnet") else {1.0})


def test_a_dropped_branch_leaves_the_shortcut() -> None:
    torch.manual_seed(0)
    block = Basic(4, 4, 1).train()
    set_drop_path(block, 0.5)
    x = torch.rand(64, 4, 3, 3)
    with torch.no_grad():
        alone = (block(x) == x).flatten(1).all(1)
        assert 16 < alone.sum() < 48
        assert not (block.eval()(x) == x).flatten(1).all(1).any()


@pytest.mark.parametrize("kind", [TwoWay, Poly])
def test_each_path_of_polynet_is_dropped_by_itself(kind: type[TwoWay] | type[Poly]) -> None:
    """An image keeps any subset of the terms: 4 of a 2-way, 8 of a poly-3."""
    torch.manual_seed(0)
    module = kind(6, (((4, 1), (5, 3)), ((3, 1),)), scale=1.0).train()
    set_drop_path(module, 0.5)
    paths = 2 if kind is TwoWay else 3
    image = torch.rand(1, 6, 5, 5).expand(400, -1, -1, -1)
    with torch.no_grad():
        outputs = module(image).flatten(1)
    kinds = torch.unique((outputs * 1e3).round(), dim=0)
    assert len(kinds) == 2**paths


@pytest.mark.parametrize("name", ["vgg11", "googlenet", "inception_resnet_v1", "densenet121", "mobilenet_v1", "lenet5"])
def test_networks_without_branches_to_drop_say_so(name: str) -> None:
    with torch.device("meta"), pytest.raises(UsageError, match="no branches to leave out"):
        set_drop_path(create_model(name), 0.1)


@given(st.floats())
def test_rates_are_from_nothing_to_less_than_all(rate: float) -> None:
    model = small()
    if 0 <= rate < 1:
        set_drop_path(model, rate)
        set_dropout(model, rate)
        assert max(rates(model)) == rate
        assert model.dropout.p == rate
    else:
        for setting in (set_drop_path, set_dropout):
            with pytest.raises(UsageError, match="at least 0 and below 1"):
                setting(model, rate)
        assert max(rates(model)) == model.dropout.p == 0


@pytest.mark.parametrize(
    ("name", "places"), [("resnet18", 1), ("vgg11", 2), ("vit_s_16", 1 + 1 + 24), ("googlenet", 1)]
)
def test_all_dropout_but_that_of_the_sides_gets_the_rate(name: str, places: int) -> None:
    with torch.device("meta"):
        model = create_model(name, sides=True)
    set_dropout(model, 0.35)
    found = {name: module.p for name, module in model.named_modules() if isinstance(module, nn.Dropout)}
    assert list(found.values()).count(0.35) == places
    assert {p for part, p in found.items() if part.startswith("sides.")} == ({0.7} if name == "googlenet" else set())


def test_dropout_before_the_head_drops() -> None:
    torch.manual_seed(0)
    model = create_model("resnet20_cifar").train()
    set_dropout(model, 0.5)
    seen: list[torch.Tensor] = []
    model.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(torch.rand(8, 3, 16, 16))
    assert 0.3 < (seen[0] == 0).float().mean() < 0.7
