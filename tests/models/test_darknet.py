from __future__ import annotations

import pytest
import torch
from torch import nn

from topfive.models import create_model
from topfive.models.darknet19 import Darknet19


def shapes(name: str, size: int) -> list[tuple[int, ...]]:
    with torch.device("meta"):
        model = create_model(name)
        x = torch.zeros(1, 3, size, size)
        x = model.stem(x) if hasattr(model, "stem") else x
        found = []
        for stage in model.stages:
            x = stage(x)
            found.append(tuple(x.shape[1:]))
    return found


def test_darknet19_by_table_6() -> None:
    expected = [(32, 112, 112), (64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7), (1024, 7, 7)]
    assert shapes("darknet19", 224) == expected
    with torch.device("meta"):
        convolutions = [module for module in create_model("darknet19").modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 19


def test_darknet53_by_table_1() -> None:
    assert shapes("darknet53", 256) == [(64, 128, 128), (128, 64, 64), (256, 32, 32), (512, 16, 16), (1024, 8, 8)]
    with torch.device("meta"):
        model = create_model("darknet53")
    assert sum(isinstance(module, nn.Conv2d | nn.Linear) for module in model.modules()) == 53


@pytest.mark.parametrize(("name", "slope"), [("darknet19", 0.1), ("darknet53", 0.01), ("darknet53_paper", 0.1)])
def test_the_slope_below_zero(name: str, slope: float) -> None:
    with torch.device("meta"):
        found = {module.negative_slope for module in create_model(name).modules() if isinstance(module, nn.LeakyReLU)}
    assert found == {slope}


def test_the_class_maps_are_averaged_as_they_are() -> None:
    torch.manual_seed(0)
    model = Darknet19((1, 1, 3), num_classes=4, in_channels=2, width=8).eval()
    images = torch.randn(3, 2, 18, 23)
    with torch.no_grad():
        features = model.features(images)
        expected = features.mean((2, 3)) @ model.head.weight[:, :, 0, 0].T + model.head.bias
        torch.testing.assert_close(model(images), expected)
        assert (expected < 0).any()
        torch.testing.assert_close(model.head(model.embed(images)), expected)
