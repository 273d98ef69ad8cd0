from __future__ import annotations

import pytest
import torch

from topfive.models.densenet import densenet_bc_cifar, densenet_cifar, densenet_imagenet
from topfive.nn.measure import count_params


def channels_by_stage(build: object) -> list[int]:
    with torch.device("meta"):
        model = build(num_classes=10, in_channels=3)  # type: ignore[operator]
        x = model.stem(torch.zeros(1, 3, 64, 64))
        channels = [x.shape[1]]
        for stage in model.stages:
            x = stage(x)
            channels.append(x.shape[1])
    return channels


@pytest.mark.parametrize("growth", [4, 32, 33])
@pytest.mark.parametrize("compression", [0.3, 0.5, 1.0])
def test_growth_and_compression_at_any_value(growth: int, compression: float) -> None:
    depths = (2, 3, 1)
    expected = [2 * growth]
    for index, depth in enumerate(depths):
        grown = expected[-1] + depth * growth
        expected.append(int(compression * grown) if index < 2 else grown)
    assert channels_by_stage(densenet_imagenet(depths, growth, compression)) == expected


def test_table_1_halves_between_blocks() -> None:
    assert channels_by_stage(densenet_imagenet((6, 12, 24, 16))) == [64, 128, 256, 512, 1024]


@pytest.mark.parametrize(
    ("build", "millions"),
    [
        (densenet_cifar(100, 12), 7.0),
        (densenet_cifar(100, 24), 27.2),
        (densenet_bc_cifar(250, 24), 15.3),
        (densenet_bc_cifar(190, 40), 25.6),
    ],
)
def test_the_other_sizes_of_table_2(build: object, millions: float) -> None:
    with torch.device("meta"):
        assert count_params(build(num_classes=10, in_channels=3)) / 1e6 == pytest.approx(millions, abs=0.06)  # type: ignore[operator]


@pytest.mark.parametrize("depth", [4, 3, 0, -2, 41])
def test_a_depth_that_does_not_divide_is_refused(depth: int) -> None:
    with pytest.raises(ValueError, match=f"it is {depth}"):
        densenet_cifar(depth)


def test_dropout_falls_on_the_new_maps_alone() -> None:
    model = densenet_cifar(7, dropout=0.9)(num_classes=2, in_channels=3).train()
    x = torch.randn(1, 16, 8, 8)
    layer = model.stages[0][0]
    joined = layer(x)
    assert torch.equal(joined[:, :16], x)
    assert (joined[:, 16:] == 0).float().mean() > 0.7
