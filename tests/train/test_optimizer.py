from __future__ import annotations

import pytest
import torch
from torch import nn

from topfive.train.optimizer import make_optimizer
from topfive.recipe import recipe_from


@pytest.mark.parametrize("opt", ["sgd", "rmsprop", "adamw"])
def test_only_weights_decay(opt):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
    optimizer = make_optimizer(model, recipe_from({"model": "m", "opt": opt, "lr": 0.1, "weight_decay": 0.1}))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    moved = {name: bool((parameter != 1).any()) for name, parameter in model.named_parameters()}
    assert moved == {name: name in ("0.weight", "3.weight") for name in moved}


def test_sgd_is_nesterovs():
    weight = nn.Parameter(torch.zeros(2, 2))
    model = nn.Module()
    model.weight = weight
    optimizer = make_optimizer(model, recipe_from({"model": "m", "lr": 1.0, "momentum": 0.5, "weight_decay": 0}))
    for _ in range(2):
        weight.grad = torch.ones(2, 2)
        optimizer.step()
    # v1 = 1, step 1.5; v2 = 1.5, step 1 + 0.75
    assert torch.allclose(weight, torch.full((2, 2), -(1.5 + 1.75)))
