"""Branches that start as nothing: every block of every residual family, and a refusal where there is none."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topfive.errors import UsageError
from topfive.models import create_model
from topfive.models.polynet import Poly, TwoWay
from topfive.models.resnet import Residual
from topfive.models.shufflenet import Shuffled
from topfive.models.xception import Block as XceptionBlock
from topfive.nn.residual import EndsInNorm, zero_gamma

FAMILIES = [
    *("resnet18", "resnet50", "resnet50_v1", "resnet20_cifar", "resnet50d", "resnext50_32x4d", "wide_resnet50_2"),
    *("se_resnet50", "se_resnext50_32x4d", "regnety_002", "xception", "darknet53", "shufflenet_v1_x0_5_g3"),
    *("mobilenet_v2", "mnasnet_a1", "mobilenet_v3_small", "efficientnet_b0", "efficientnet_lite0"),
    "efficientnet_v2_s",
]
WITHOUT = ["preresnet50", "vit_s_16", "convnext_tiny", "densenet121", "nasnet_a_mobile", "inception_resnet_v1", "vgg11"]


def around(block: nn.Module, x: Tensor) -> Tensor:
    """What a block gives whose branches give nothing."""
    if isinstance(block, Residual):
        return F.relu(block.shortcut(x))
    if isinstance(block, XceptionBlock):
        return block.shortcut(x)  # type: ignore[no-any-return]
    return F.relu(x) if isinstance(block, Shuffled | TwoWay | Poly) else x


def handed_on(model: nn.Module, images: Tensor) -> list[bool]:
    """Of each block with a branch to silence, met in one pass: does it give what goes around its branches?"""
    expected: list[Tensor] = []
    answers: list[bool] = []

    def before(block: nn.Module, inputs: tuple[Tensor]) -> None:
        with torch.no_grad():
            expected.append(around(block, inputs[0].clone()))

    def after(_: nn.Module, __: tuple[Tensor], output: Tensor) -> None:
        answers.append(torch.equal(output, expected.pop()))

    for block in model.modules():
        if isinstance(block, EndsInNorm) and block.last_norms():
            assert isinstance(block, nn.Module)
            block.register_forward_pre_hook(before)
            block.register_forward_hook(after)
    with torch.no_grad():
        model(images)
    return answers


@pytest.mark.parametrize("name", FAMILIES)
def test_a_new_block_hands_on_what_comes_in(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(name, num_classes=3).eval()
    images = torch.randn(2, 3, 40, 40)
    assert not any(handed_on(model, images))  # so that the rest says something
    zero_gamma(model)
    answers = handed_on(model, images)
    assert len(answers) >= 5
    assert all(answers)
    assert all(handed_on(model.train(), images))
    others = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and m.weight.any()]
    assert all((norm.weight == 1).all() for norm in others)
    assert others


@pytest.mark.parametrize("kind", [TwoWay, Poly])
def test_polynets_modules_hand_on(kind: type[TwoWay] | type[Poly]) -> None:
    torch.manual_seed(0)
    module = kind(8, (((4, 1), (5, 3)), ((3, 1),)), scale=0.5).train()
    x = torch.randn(2, 8, 6, 6)
    assert not any(handed_on(module, x))
    zero_gamma(module)
    assert all(handed_on(module, x))


@pytest.mark.parametrize("name", WITHOUT)
def test_networks_without_such_branches_are_refused(name: str) -> None:
    with torch.device("meta"):
        model = create_model(name)
    with pytest.raises(UsageError, match="cannot start branches at zero"):
        zero_gamma(model)


def test_a_silent_branch_learns_to_speak() -> None:
    torch.manual_seed(0)
    model = create_model("resnet20_cifar").train()
    zero_gamma(model)
    model(torch.randn(4, 3, 16, 16)).square().mean().backward()
    silent = [norm for block in model.modules() if isinstance(block, EndsInNorm) for norm in block.last_norms()]
    assert len(silent) == 9
    assert all(norm.weight.grad is not None and norm.weight.grad.any() for norm in silent)
