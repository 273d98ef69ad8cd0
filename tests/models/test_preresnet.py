from __future__ import annotations

import pytest
import torch
from torch import nn

from topfive.models import create_model
from topfive.models.preresnet import PreBottleneck


def test_what_comes_in_passes_unchanged_beside_an_idle_branch() -> None:
    block = PreBottleneck(16, 4, 1).eval()
    nn.init.zeros_(block.branch[2].conv.weight)
    x = torch.randn(2, 16, 6, 6)
    assert (x < 0).any()  # which an activation after the sum would lose
    assert torch.equal(block(x), x)


def test_a_projecting_shortcut_sees_the_activated_input() -> None:
    torch.manual_seed(0)
    block = PreBottleneck(6, 4, 2).eval()
    nn.init.zeros_(block.branch[2].conv.weight)
    x = torch.randn(2, 6, 7, 7)
    assert block.shortcut is not None
    expected = nn.functional.conv2d(block.activation.norm(x).relu(), block.shortcut.weight, stride=2)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(
    ("name", "layers"), [("preresnet200", 200), ("preresnet164_cifar", 164), ("preresnet1001_cifar", 1001)]
)
def test_the_name_counts_the_layers(name: str, layers: int) -> None:
    """One for the stem, three a block, one for the head."""
    with torch.device("meta"):
        model = create_model(name)
    assert 2 + 3 * sum(isinstance(module, PreBottleneck) for module in model.modules()) == layers
    assert [model.stages[stage][0].branch[1].conv.stride[0] for stage in range(3)] == [1, 2, 2]
