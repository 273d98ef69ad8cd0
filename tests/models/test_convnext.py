from __future__ import annotations

import pytest
import torch
from torch import nn

from topfive.models import create_model
from topfive.models.convnext import Block, PixelNorm, convnext
from topfive.nn.stochastic_depth import set_drop_path


def test_stages_by_table_9() -> None:
    with torch.device("meta"):
        model = create_model("convnext_tiny")
        x = model.stem(torch.zeros(1, 3, 224, 224))
        shapes = [tuple(x.shape[1:])]
        for stage in model.stages:
            x = stage(x)
            shapes.append(tuple(x.shape[1:]))
    assert shapes == [(96, 56, 56), (96, 56, 56), (192, 28, 28), (384, 14, 14), (768, 7, 7)]
    assert [len(stage.blocks) for stage in model.stages] == [3, 3, 9, 3]


def test_a_pixel_is_normalised_over_its_channels() -> None:
    norm = PixelNorm(4)
    nn.init.uniform_(norm.weight)
    nn.init.uniform_(norm.bias)
    x = torch.randn(2, 4, 3, 5)
    mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
    expected = (x - mean) / (variance + 1e-6).sqrt() * norm.weight[:, None, None] + norm.bias[:, None, None]
    torch.testing.assert_close(norm(x), expected)


def test_a_block_starts_close_to_the_identity() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 8, 9, 9)
    assert 0 < (Block(8, 0.0)(x) - x).abs().max() < 1e-4
    assert (Block(8, 0.0, start=1.0)(x) - x).abs().max() > 1e-2


@pytest.mark.parametrize(("name", "last"), [("convnext_tiny", 0.1), ("convnext_small", 0.4), ("convnext_base", 0.5)])
def test_the_stochastic_depth_of_each_size(name: str, last: float) -> None:
    with torch.device("meta"):
        rates = [module.drop.rate for module in create_model(name).modules() if isinstance(module, Block)]
    assert rates[0] == 0
    assert rates[-1] == pytest.approx(last)
    torch.testing.assert_close(torch.tensor(rates), torch.linspace(0, last, len(rates)))


def test_dropped_blocks_leave_whole_images_alone() -> None:
    torch.manual_seed(0)
    block = Block(4, 1.0, start=1.0).train()
    set_drop_path(block, 0.5)
    x = torch.randn(64, 4, 5, 5)
    unchanged = (block(x) == x).flatten(1).all(1).float().mean().item()
    assert 0.25 < unchanged < 0.75


def test_any_width_and_depth() -> None:
    with torch.device("meta"):
        model = convnext((1, 1), 12, 0.0)(num_classes=3, in_channels=2)
        assert model(torch.zeros(1, 2, 31, 47)).shape == (1, 3)
