from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from topfive.errors import UsageError
from topfive.models import create_model
from topfive.models.alexnet import five_convolutions
from topfive.models.sppnet import LEVELS, SpatialPyramid, SPPNet
from topfive.models.zfnet import smaller_first_layers


def test_windows_on_13x13_are_those_of_section_2_2() -> None:
    """Window ceil(a / n), stride floor(a / n)."""
    x = torch.randn(2, 4, 13, 13)
    pooled = [F.max_pool2d(x, math.ceil(13 / n), 13 // n).flatten(1) for n in LEVELS]
    assert torch.equal(SpatialPyramid()(x), torch.cat(pooled, 1))


@given(st.integers(1, 23), st.integers(1, 23), st.lists(st.integers(1, 8), min_size=1, max_size=4))
def test_any_map_gives_the_same_length(height: int, width: int, levels: list[int]) -> None:
    x = torch.randn(1, 3, height, width)
    given = SpatialPyramid(levels)(x)
    assert given.shape == (1, 3 * sum(level**2 for level in levels))
    assert torch.equal(given, torch.cat([F.adaptive_max_pool2d(x, level).flatten(1) for level in levels], 1))


@pytest.mark.parametrize(("name", "channels", "side"), [("sppnet_zf5", 256, 13), ("sppnet_overfeat7", 512, 18)])
def test_any_size_from_33_pixels_up(name: str, channels: int, side: int) -> None:
    with torch.device("meta"):
        model = create_model(name)
        assert model.features(torch.zeros(1, 3, 224, 224)).shape == (1, channels, side, side)
        for height, width in ((33, 33), (33, 500), (34, 35), (180, 180), (301, 224)):
            assert model(torch.zeros(2, 3, height, width)).shape == (2, 1000)
        with pytest.raises(UsageError, match="33 pixels a side"):
            model(torch.zeros(1, 3, 224, 32))


@pytest.mark.parametrize("levels", [(1,), (4, 2, 1), (6, 3, 2, 1), (7, 5, 4, 3, 2, 1)])
def test_levels_are_a_knob(levels: tuple[int, ...]) -> None:
    with torch.device("meta"):
        model = SPPNet(smaller_first_layers, 256, levels=levels, num_classes=5, in_channels=1)
        assert model.hidden.fc6.in_features == 256 * sum(level**2 for level in levels)
        assert model(torch.zeros(1, 1, 64, 64)).shape == (1, 5)


def stripes(count: int, size: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Upright or lying stripes of eight pixels under noise."""
    labels = torch.arange(count) % 2
    lying = (torch.arange(size) // 4 % 2).float().mul(2).sub(1)[:, None].expand(size, size)
    images = torch.stack([lying if label else lying.T for label in labels])[:, None]
    return images + 0.5 * torch.randn(images.shape, generator=generator), labels


def test_training_at_two_sizes_in_turn() -> None:
    """Sec. 2.3: an epoch at one size, the next at the other, one set of weights; then a size that it never saw."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    trunk = partial(smaller_first_layers, widths=(8, 16, 16, 16, 16))
    model = SPPNet(trunk, 16, num_classes=2, in_channels=1)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    losses: dict[int, list[float]] = {48: [], 64: []}
    model.train()
    for step in range(24):
        size = (48, 64)[step % 2]
        images, labels = stripes(8, size, generator)
        loss = F.cross_entropy(model(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses[size].append(loss.item())
    for of_size in losses.values():
        assert sum(of_size[-3:]) < 0.5 * sum(of_size[:3])
    model.eval()
    images, labels = stripes(16, 57, generator)
    with torch.no_grad():
        assert (model(images).argmax(1) == labels).float().mean() > 0.9


def test_the_trunk_is_zfnets() -> None:
    with torch.device("meta"):
        ours, theirs = create_model("sppnet_zf5").trunk, create_model("zfnet").trunk
    assert [str(module) for module in ours] == [str(module) for module in theirs][:-1]
    assert five_convolutions is smaller_first_layers.func
