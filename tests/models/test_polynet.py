from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from topfive.models import create_model
from topfive.models.googlenet import Inception
from topfive.models.polynet import Poly, TwoWay, stages, stem


def test_stages_and_modules() -> None:
    with torch.device("meta"):
        model = create_model("polynet")
        x = model.stem(torch.zeros(1, 3, 331, 331))
        sizes = [tuple(x.shape[1:3])]
        for stage in model.stages:
            x = stage(x)
            sizes.append(tuple(x.shape[1:3]))
    assert sizes == [(384, 39), (384, 39), (1152, 19), (2048, 9)]
    kinds = [type(module) for stage in model.stages for module in stage if isinstance(module, TwoWay | Poly)]
    assert kinds == [TwoWay] * 10 + [Poly, TwoWay] * 15


def test_the_scale_falls_from_1_to_seven_tenths() -> None:
    with torch.device("meta"):
        scales = [m.scale for m in create_model("polynet").modules() if isinstance(m, TwoWay | Poly)]
    assert (scales[0], scales[-1]) == (1, 0.7)
    steps = [before - after for before, after in pairwise(scales)]
    assert steps == pytest.approx([0.3 / 39] * 39, abs=2e-6)


@pytest.mark.parametrize("order", [1, 3])
def test_poly_is_the_sum_of_the_powers_of_one_branch(order: int) -> None:
    torch.manual_seed(0)
    module = Poly(8, (((4, 1), (5, 3)), ((3, 1),)), scale=0.5, order=order).eval()
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.2, 0.2)
    x = y = torch.randn(2, 8, 4, 4)
    total = x
    with torch.no_grad():
        for time in range(order):
            ways = []
            for way in module.ways:
                z = y
                for layer in way:
                    z = F.relu(layer.norms[time](layer.conv(z)))
                ways.append(z)
            found = module.projections[time](torch.cat(ways, 1))
            total = total + 0.5 * found
            y = F.relu(found)
        assert torch.equal(module(x), F.relu(total))
    assert sum(isinstance(m, nn.Conv2d) for way in module.ways for m in way.modules()) == 3  # whatever the order


def test_every_parameter_of_a_shallow_one_learns() -> None:
    torch.manual_seed(0)
    model = Inception(stem, lambda: stages((1, 1, 1)), 2048, dropout=0.0, num_classes=2, in_channels=1)
    model(torch.randn(3, 1, 75, 75)).square().mean().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
