from __future__ import annotations

import math

import pytest
import torch

from topfive.train.loss import make_loss
from topfive.recipe import recipe_from


def test_cross_entropy_with_smoothing_by_hand():
    logits, labels = torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([0])
    exponents = [math.exp(2), 1, math.e]
    logs = [math.log(value / sum(exponents)) for value in exponents]
    loss = make_loss(recipe_from({"model": "m", "smoothing": 0.3}))(logits, labels)
    assert loss.item() == pytest.approx(-(0.7 * logs[0] + 0.1 * sum(logs)), rel=1e-6)


def test_rbf_loss_is_the_mean_distance_to_the_right_code():
    distances = torch.tensor([[4.0, 9.0], [1.0, 25.0]])
    loss = make_loss(recipe_from({"model": "lenet5_original", "loss": "rbf_mse"}))(-distances, torch.tensor([1, 0]))
    assert loss.item() == pytest.approx((9 + 1) / 2)
