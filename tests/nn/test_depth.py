"""Parameters from stem to head: every network's, each once, in the order in which an image meets them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from topfive.models import create_model, list_models, spec
from topfive.nn.depth import depth_groups

GROUPS = {  # stem, trunk, what follows it, head
    "alexnet": 5 + 1 + 1,
    "resnet50": 1 + 4 + 1,
    "preresnet50": 1 + 4 + 1 + 1,
    "googlenet": 1 + 3 + 1,
    "nasnet_a_mobile": 1 + 16 + 1,
    "mobilenet_v3_small": 1 + 11 + 1 + 1 + 1,
    "efficientnet_b0": 1 + 7 + 1 + 1,
    "vit_b_16": 1 + 12 + 1 + 1,
    "convnext_tiny": 1 + 4 + 1 + 1,
    "lenet5_original": 5 + 1,  # its head learns nothing
}
ONE_A_FAMILY = list({spec(name).family: name for name in reversed(list_models())}.values())  # the first of each


@pytest.mark.parametrize("name", GROUPS)
def test_how_many_groups(name: str) -> None:
    with torch.device("meta"):
        assert len(depth_groups(create_model(name))) == GROUPS[name]


@pytest.mark.parametrize("name", ONE_A_FAMILY)
def test_each_parameter_is_in_one_group(name: str) -> None:
    with torch.device("meta"):
        model = create_model(name, sides=True)
    groups = depth_groups(model)
    grouped = [id(parameter) for group in groups for parameter in group]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(parameter) for parameter in model.parameters()}
    assert all(groups)
    assert len(groups) >= 4


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("vgg11", 32),
        ("densenet_40_12_cifar", 16),
        ("preresnet50", 32),
        ("mobilenet_v3_small", 32),
        ("regnety_002", 32),
        ("vit_s_16", 32),
        ("nasnet_a_mobile", 32),
    ],
)
def test_the_order_is_that_of_the_pass(name: str, size: int) -> None:
    """Layers run in the order of the groups that their parameters are in."""
    with torch.device("meta"):
        model = create_model(name, sides=True).eval()
    group_of = {id(parameter): index for index, group in enumerate(depth_groups(model)) for parameter in group}
    met: list[int] = []

    def meet(module: nn.Module, *_: object) -> None:
        met.extend(group_of[id(parameter)] for parameter in module.parameters(recurse=False))

    for module in model.modules():
        if module is not model:
            module.register_forward_pre_hook(meet)
    model(torch.zeros(1, 3, size, size, device="meta"))
    assert met == sorted(met)
    assert set(met) == set(group_of.values())
    heads = [*model.head.parameters(), *model.sides.parameters()]
    assert {group_of[id(parameter)] for parameter in heads} == {max(met)}
