from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from topfive.models import create_model
from topfive.models.googlenet import Branches, SideClassifier, plain

MODULES = {  # table 1 of the paper and fig. 5 of batch normalisation's: channels and side of each module's output
    "googlenet_paper": [
        *((256, 28), (480, 28)),
        *((512, 14), (512, 14), (512, 14), (528, 14), (832, 14)),
        *((832, 7), (1024, 7)),
    ],
    "bninception_paper": [
        *((256, 28), (320, 28), (576, 14)),
        *((576, 14), (576, 14), (576, 14), (576, 14), (1024, 7)),
        *((1024, 7), (1024, 7)),
    ],
    "bninception": [
        *((256, 28), (320, 28), (576, 14)),
        *((576, 14), (576, 14), (608, 14), (608, 14), (1056, 7)),
        *((1024, 7), (1024, 7)),
    ],
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_those_of_the_table(name: str) -> None:
    with torch.device("meta"):
        model = create_model(name)
        seen: list[tuple[int, int]] = []
        for module in model.modules():
            if isinstance(module, Branches):
                module.register_forward_hook(lambda _, __, y: seen.append(tuple(y.shape[1:3])))
        model(torch.zeros(1, 3, 224, 224))
    assert seen == MODULES[name]


def test_where_the_two_googlenets_differ() -> None:
    with torch.device("meta"):
        ours, papers = create_model("googlenet"), create_model("googlenet_paper")
    kinds = [
        {type(module).__name__ for module in model.modules()} & {"BatchNorm2d", "LocalResponseNorm"}
        for model in (ours, papers)
    ]
    assert kinds == [{"BatchNorm2d"}, {"LocalResponseNorm"}]
    third = [model.stages[0][0][2][1].conv.kernel_size for model in (ours, papers)]
    assert third == [(3, 3), (5, 5)]


@pytest.fixture(scope="module")
def trained_with_sides() -> nn.Module:
    torch.manual_seed(0)
    return create_model("googlenet_paper_aux", num_classes=3)


def test_side_classifiers_hang_on_4a_and_4d(trained_with_sides: nn.Module) -> None:
    model = trained_with_sides.eval()
    images = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        x = model.stages[0](model.stem(images))
        after_4a = model.stages[1][0](x)
        after_4d = model.stages[1][1:4](after_4a)
        first, second = model.auxiliary(images)
        assert torch.equal(first, model.sides[0](after_4a))
        assert torch.equal(second, model.sides[1](after_4d))
    assert after_4a.shape[1] == 512
    assert after_4d.shape[1] == 528


def test_every_parameter_learns_from_the_main_and_the_side_logits(trained_with_sides: nn.Module) -> None:
    model = trained_with_sides.train()
    images = torch.randn(4, 3, 64, 64)
    logits = model(images)
    assert logits.shape == (4, 3)  # whatever the mode
    loss = logits.square().mean() + 0.3 * sum(side.square().mean() for side in model.auxiliary(images))
    loss.backward()
    idle = [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    model.zero_grad(set_to_none=True)
    assert idle == []


def test_at_the_papers_size_the_side_pools_5x5_with_stride_3() -> None:
    torch.manual_seed(0)
    side = SideClassifier(4, layer=plain, in_channels=6).eval()
    maps = torch.randn(1, 6, 14, 14)
    pooled = F.avg_pool2d(maps, 5, 3)
    assert pooled.shape[-2:] == (4, 4)
    with torch.no_grad():
        expected, other = (
            side.head(F.relu(side.hidden(side.reduce(x).flatten(1)))) for x in (pooled, F.adaptive_avg_pool2d(maps, 4))
        )
        assert torch.equal(side(maps), expected)
        assert not torch.allclose(other, expected)


def test_a_new_head_renews_the_sides() -> None:
    with torch.device("meta"):
        model = create_model("googlenet_paper_aux")
    model.reset_head(7)
    images = torch.zeros(1, 3, 64, 64, device="meta")
    assert [logits.shape for logits in (model(images), *model.auxiliary(images))] == [(1, 7)] * 3
    assert all(parameter.is_meta for parameter in model.parameters())


@pytest.mark.parametrize("size", [32, 48, 63, 65, 100])
def test_the_ways_of_a_striding_module_end_at_one_size(size: int) -> None:
    with torch.device("meta"):
        assert create_model("bninception").eval()(torch.zeros(1, 3, size, size)).shape == (1, 1000)
