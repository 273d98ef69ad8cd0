from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from topfive.recipe import recipe_from
from topfive.train.loss import FOCUS, class_weights, make_loss, shares

COUNTS = torch.tensor([30, 10, 0])
LOGITS = torch.tensor([[2.0, 0.0, 1.0], [0.5, -1.0, 0.2]])


def loss_of(counts=COUNTS, **settings):
    return make_loss(recipe_from({"model": "m", **settings}), counts)


def test_cross_entropy_with_smoothing_by_hand():
    logits, labels = LOGITS[:1], torch.tensor([0])
    exponents = [math.exp(2), 1, math.e]
    logs = [math.log(value / sum(exponents)) for value in exponents]
    assert loss_of(smoothing=0.3)(logits, labels).item() == pytest.approx(-(0.7 * logs[0] + 0.1 * sum(logs)), rel=1e-6)


@pytest.mark.parametrize("weights", ["none", "balanced"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("loss", ["cross_entropy", "bce", "focal", "logit_adjusted", "rbf_mse"])
def test_classes_and_their_shares_are_one_target(loss, smoothing, weights):
    labels = torch.tensor([0, 1])
    measured = loss_of(loss=loss, smoothing=smoothing, class_weights=weights)
    whole = measured(LOGITS, labels)
    torch.testing.assert_close(whole, measured(LOGITS, F.one_hot(labels, 3).float()))
    assert not torch.isclose(whole, measured(LOGITS, torch.tensor([[0.5, 0.5, 0], [0, 1, 0]])))


def test_rbf_loss_is_the_mean_distance_to_the_right_code():
    distances = torch.tensor([[4.0, 9.0], [1.0, 25.0]])
    loss = make_loss(recipe_from({"model": "lenet5_original", "loss": "rbf_mse"}), torch.tensor([1, 1]))
    assert loss(-distances, torch.tensor([1, 0])).item() == pytest.approx((9 + 1) / 2)


def test_balanced_weights_let_every_class_count_alike():
    weights = class_weights(COUNTS)
    assert weights[2] == 0
    assert weights[0] * 30 == pytest.approx(weights[1] * 10)
    assert float((weights * COUNTS).sum() / COUNTS.sum()) == pytest.approx(1)
    rare = loss_of(class_weights="balanced")(LOGITS, torch.tensor([1, 1])) / loss_of()(LOGITS, torch.tensor([1, 1]))
    assert rare.item() == pytest.approx(weights[1].item())


def test_a_yes_or_no_for_every_class():
    by_hand = -F.logsigmoid(LOGITS[0, 0]) - F.logsigmoid(-LOGITS[0, 1]) - F.logsigmoid(-LOGITS[0, 2])
    assert loss_of(loss="bce")(LOGITS[:1], torch.tensor([0])).item() == pytest.approx(by_hand.item() / 3)


def test_focal_is_torchvisions_where_there_are_two_classes():
    """A softmax over (z, 0) is the sigmoid of z."""
    logits, labels = torch.tensor([[1.5, 0.0], [-0.3, 0.0]]), torch.tensor([0, 1])
    theirs = sigmoid_focal_loss(logits[:, 0], 1.0 - labels, alpha=-1, gamma=FOCUS, reduction="mean")
    torch.testing.assert_close(loss_of(torch.tensor([1, 1]), loss="focal")(logits, labels), theirs)


def test_the_logit_adjusted_loss_asks_more_of_frequent_classes():
    counts = torch.tensor([90, 10])
    frequent, rare = torch.tensor([0]), torch.tensor([1])
    adjusted, plain = loss_of(counts, loss="logit_adjusted"), loss_of(counts)
    logits = torch.zeros(1, 2)
    assert adjusted(logits, rare) > plain(logits, rare) > adjusted(logits, frequent)
    assert adjusted(logits, rare).item() == pytest.approx(-math.log(0.1))


def test_shares_add_up_to_one():
    torch.testing.assert_close(shares(torch.tensor([2, 0]), 4, 0.2).sum(1), torch.ones(2))
