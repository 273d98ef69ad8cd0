from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from topfive.models import create_model
from topfive.models.inception_v4 import ScaledResidual, identity


def residuals(name: str) -> list[ScaledResidual]:
    with torch.device("meta"):
        return [module for module in create_model(name).modules() if isinstance(module, ScaledResidual)]


@pytest.mark.parametrize(
    ("name", "depths", "widths"),
    [
        ("inception_resnet_v1", (5, 10, 5), (96, 256, 384)),
        ("inception_resnet_v2_paper", (5, 10, 5), (128, 384, 448)),
        ("inception_resnet_v2", (10, 20, 10), (128, 384, 448)),
    ],
)
def test_depths_and_widths(name: str, depths: tuple[int, ...], widths: tuple[int, ...]) -> None:
    """How many residual modules a stage has, and the channels that their ways add up to."""
    given = [module.project.in_channels for module in residuals(name)]
    assert given == [width for depth, width in zip(depths, widths, strict=True) for _ in range(depth)]


@pytest.mark.parametrize(
    ("name", "last"), [("inception_resnet_v1", (0.2, F.relu)), ("inception_resnet_v2", (1.0, identity))]
)
def test_scales(name: str, last: tuple[float, object]) -> None:
    scales = [module.scale for module in residuals(name)]
    assert set(scales[:-1]) == {0.17, 0.10, 0.20}
    assert (scales[-1], residuals(name)[-1].activation) == last


def test_a_residual_module_by_hand() -> None:
    torch.manual_seed(0)
    module = ScaledResidual(6, [(2, 1)], [(3, 1), (4, 3)], scale=0.3).eval()
    x = torch.randn(2, 6, 5, 5)
    with torch.no_grad():
        ways = torch.cat([module.ways[0](x), module.ways[1](x)], 1)
        assert ways.shape[1] == 6
        assert torch.equal(module(x), (x + 0.3 * module.project(ways)).clamp(min=0))
    assert module.project.bias is not None
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in module.project.modules())
