from __future__ import annotations

import math

import pytest
import torch
import torchvision
from torch import nn

from topfive.models import create_model, spec
from topfive.models.efficientnet import TABLE_2, compound
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


def test_phi_0_is_b0() -> None:
    b0 = spec("efficientnet_b0")
    zero = compound(0)
    assert (zero.facts.params, zero.facts.macs, zero.facts.input_size) == (b0.facts.params, b0.facts.macs, 224)
    assert zero.preprocess == b0.preprocess


def test_phi_1_is_b2_but_for_the_hand_rounded_size() -> None:
    one, b2 = compound(1).facts, spec("efficientnet_b2").facts
    assert one.params == b2.params
    assert (one.input_size, b2.input_size) == (258, 260)


@pytest.mark.parametrize("phi", [0.0, 0.5, 1.7, 2.5])
def test_every_step_of_phi_about_doubles_the_cost(phi: float) -> None:
    """Alpha * beta^2 * gamma^2 is 1.92; whole depths and widths in eights make it uneven."""
    before, after = compound(phi), compound(phi + 1)
    assert 1.5 < after.facts.macs / before.facts.macs < 2.6
    assert before.preprocess.side == before.facts.input_size


def test_a_network_at_an_odd_phi_runs() -> None:
    model = compound(-3.3).build(num_classes=3, in_channels=1).eval()
    assert model(torch.zeros(1, 1, 40, 40)).shape == (1, 3)


def test_the_hand_rounded_phis_are_those_of_the_docstring() -> None:
    found = [
        f"B{number} {math.log(row.width, 1.1):.1f} {math.log(row.depth, 1.2):.1f} {math.log(row.size / 224, 1.15):.1f}"
        for number, row in enumerate(TABLE_2)
    ]
    assert compound.__doc__ is not None
    assert all(text in compound.__doc__ for text in found[1:]), found
