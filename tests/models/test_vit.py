from __future__ import annotations

import pytest
import torch
from torch import nn

from topfive.models import create_model
from topfive.models.vit import Attention, VisionTransformer
from topfive.nn.measure import count_macs


def small() -> VisionTransformer:
    torch.manual_seed(0)
    return VisionTransformer(32, 2, 4, num_classes=5, in_channels=3, grid=3, dropout=0.1, drop_rate=0.2)


def test_attention_against_torchs() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(24, 3).double(), nn.MultiheadAttention(24, 3, batch_first=True).double()
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.qkv.weight.data, ours.qkv.bias.data
    theirs.out_proj.load_state_dict(ours.project.state_dict())
    x = torch.randn(2, 7, 24, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x, x, x, need_weights=False)[0])


@pytest.mark.parametrize(("height", "width", "grid"), [(48, 48, (3, 3)), (64, 32, (4, 2)), (70, 95, (4, 5))])
def test_features_are_the_patches_and_the_embedding_is_the_class_token(
    height: int, width: int, grid: tuple[int, int]
) -> None:
    model = small().eval()
    images = torch.randn(2, 3, height, width)
    with torch.no_grad():
        assert model.features(images).shape == (2, 32, *grid)
        tokens, found = model.tokens(images)
        assert found == grid
        assert torch.equal(model.features(images)[1, :, 1, 0], tokens[1, 1 + grid[1]])
        assert torch.equal(model.embed(images), tokens[:, 0])


def test_positions_are_the_learned_ones_at_the_size_of_training() -> None:
    model = small()
    assert model.positions_at(3, 3) is model.positions
    other = model.positions_at(5, 4)
    assert other.shape == (1, 21, 32)
    assert torch.equal(other[:, 0], model.positions[:, 0])


def test_constant_positions_stay_constant_at_another_size() -> None:
    model = small()
    nn.init.constant_(model.positions, 0.7)
    torch.testing.assert_close(model.positions_at(7, 2), torch.full((1, 15, 32), 0.7))


def test_without_positions_the_order_of_patches_does_not_matter() -> None:
    model = small().eval()
    images = torch.randn(1, 3, 48, 48)
    swapped = images.roll(16, 3)
    with torch.no_grad():
        assert (model(images) - model(swapped)).abs().max() > 1e-4
        nn.init.zeros_(model.positions)
        torch.testing.assert_close(model(images), model(swapped), atol=1e-5, rtol=1e-4)


def test_blocks_are_dropped_more_often_the_deeper_they_are() -> None:
    with torch.device("meta"):
        rates = [block.drop.rate for block in create_model("vit_s_16").blocks]
    assert rates[0] == 0
    assert rates[-1] == pytest.approx(0.1)
    assert rates == sorted(rates)


def test_the_products_of_attention_are_counted_with_and_without_storage() -> None:
    with torch.device("meta"):
        meta = VisionTransformer(32, 2, 4, num_classes=5, in_channels=3, grid=3)
    tokens, width = 10, 32
    block = tokens * 12 * width**2 + 2 * tokens**2 * width
    expected = 9 * 3 * 16 * 16 * width + 2 * block + 5 * width
    assert count_macs(meta, 48) == count_macs(small(), 48) == expected
