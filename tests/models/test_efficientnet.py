from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from topfive.models import create_model
from topfive.nn.conv import SameConv2d
from topfive.nn.stochastic_depth import StochasticDepth


@pytest.mark.parametrize("number", [0, 1, 4])
def test_dropout_and_stochastic_depth_are_torchvisions(number: int) -> None:
    """They act in training alone, where no comparison of logits sees them."""
    with torch.device("meta"):
        ours = create_model(f"efficientnet_b{number}")
        theirs = torchvision.models.get_model(f"efficientnet_b{number}")
    mine = [module.rate for module in ours.modules() if isinstance(module, StochasticDepth)]
    other = [module.p for module in theirs.modules() if isinstance(module, torchvision.ops.StochasticDepth)]
    assert mine == pytest.approx(other)
    assert max(mine) > 0.15
    assert isinstance(ours.dropout, nn.Dropout)
    assert ours.dropout.p == theirs.classifier[0].p


def norms(name: str) -> set[tuple[float, float | None]]:
    with torch.device("meta"):
        model = create_model(name)
    return {(module.eps, module.momentum) for module in model.modules() if isinstance(module, nn.BatchNorm2d)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mobilenet_v2", (1e-5, 0.1)),
        ("efficientnet_b4", (1e-5, 0.1)),
        ("efficientnet_b5", (1e-3, 0.01)),
        ("tf_efficientnet_b0", (1e-3, 0.01)),
        ("efficientnet_lite0", (1e-5, 0.1)),
        ("tf_efficientnet_lite0", (1e-3, 0.01)),
    ],
)
def test_one_epsilon_a_network(name: str, expected: tuple[float, float]) -> None:
    assert norms(name) == {expected}


@pytest.mark.parametrize(
    ("name", "count"), [("tf_efficientnet_b0", 5), ("efficientnet_b0", 0), ("tf_efficientnet_lite0", 5)]
)
def test_every_strided_convolution_of_a_tf_name_pads_as_tensorflow(name: str, count: int) -> None:
    with torch.device("meta"):
        model = create_model(name)
    strided = [module for module in model.modules() if isinstance(module, nn.Conv2d) and module.stride != (1, 1)]
    assert len(strided) == 5
    assert sum(isinstance(module, SameConv2d) for module in strided) == count


def test_lite_keeps_its_ends() -> None:
    """The stem, the last convolution, and the depths of the first and the last stage do not scale."""
    for number, depths in enumerate([(1, 2, 2, 3, 3, 4, 1), (1, 3, 3, 4, 4, 5, 1), (1, 3, 3, 4, 4, 5, 1)]):
        with torch.device("meta"):
            model = create_model(f"efficientnet_lite{number}")
        assert tuple(len(stage) for stage in model.stages) == depths
        assert model.stem.conv.out_channels == 32
        assert model.last.conv.out_channels == 1280
        assert not any("squeeze" in name for name, _ in model.named_parameters())
