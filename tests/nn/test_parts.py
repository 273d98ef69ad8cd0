"""The small parts: stochastic depth, squeeze and excitation, rounding, starting weights, counting."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from topfive.models import create_model
from topfive.nn.classifier import Classifier
from topfive.nn.initial import he_normal
from topfive.nn.measure import count_macs, count_params
from topfive.nn.rounding import divisible
from topfive.nn.squeeze_excite import SqueezeExcite
from topfive.nn.stochastic_depth import StochasticDepth


def test_stochastic_depth_drops_whole_images_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    drop = StochasticDepth(0.25)
    images = torch.ones(4000, 2, 3, 3)
    dropped = drop(images)
    per_image = dropped.flatten(1)
    assert (per_image == per_image[:, :1]).all()
    torch.testing.assert_close(per_image[:, 0].unique(), torch.tensor([0.0, 1 / 0.75]))
    assert (per_image[:, 0] == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)


def test_stochastic_depth_is_idle_in_evaluation_and_at_rate_zero() -> None:
    images = torch.randn(8, 2, 3, 3)
    assert torch.equal(StochasticDepth(0.9).eval()(images), images)
    assert torch.equal(StochasticDepth(0.0)(images), images)


def test_squeeze_excite_scales_channels_by_the_gate_of_their_means() -> None:
    torch.manual_seed(0)
    part = SqueezeExcite(4, 2, nn.ReLU)
    x = torch.randn(3, 4, 5, 6)
    mean = x.mean((2, 3))
    hidden = torch.relu(mean @ part.reduce.weight.flatten(1).T + part.reduce.bias)
    gate = torch.sigmoid(hidden @ part.expand.weight.flatten(1).T + part.expand.bias)
    torch.testing.assert_close(part(x), x * gate[:, :, None, None])


@given(st.floats(1, 5000), st.sampled_from([1, 4, 8, 16]))
def test_divisible_is_near_and_never_a_tenth_below(channels: float, by: int) -> None:
    rounded = divisible(channels, by)
    assert rounded % by == 0
    assert rounded >= max(by, 0.9 * channels)
    assert rounded <= max(by, channels + by)


def test_divisible_at_known_widths() -> None:
    """Of MobileNetV2 1.4 and of EfficientNet's B3."""
    assert [divisible(1.4 * width) for width in (16, 24, 32, 64, 96, 160, 320)] == [24, 32, 48, 88, 136, 224, 448]
    assert divisible(1.2 * 40) == 48
    assert divisible(11) == 16  # 8 would be more than a tenth below


def test_he_normal_keeps_the_variance_of_gradients() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(64, 128, 3)
    he_normal(conv)
    assert conv.weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    assert not conv.bias.any()


def test_counting_leaves_the_network_as_it_was() -> None:
    model = create_model("lenet5")
    model.train()
    assert count_macs(model, 32) == 416_520
    assert model.training
    model.head.weight.requires_grad_(False)
    assert count_params(model) == 61_706 - 840


def test_the_base_has_no_features_of_its_own() -> None:
    with pytest.raises(NotImplementedError):
        Classifier(10, 3).features(torch.zeros(1, 3, 8, 8))


def test_dropout_acts_in_training_alone() -> None:
    torch.manual_seed(0)
    model = create_model("mobilenet_v2", num_classes=3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    images = torch.randn(2, 3, 32, 32)
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))
