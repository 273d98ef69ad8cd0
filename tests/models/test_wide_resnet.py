from __future__ import annotations

import pytest
import torch
from torch import nn

from topfive.models.wide_resnet import WideBasic, wide_resnet_cifar
from topfive.nn.measure import count_params


@pytest.mark.parametrize(
    ("depth", "widening", "millions"),
    [(40, 1, 0.6), (40, 2, 2.2), (40, 4, 8.9), (28, 12, 52.5), (22, 8, 17.2), (22, 10, 26.8), (16, 8, 11.0)],
)
def test_the_parameters_of_table_4(depth: int, widening: int, millions: float) -> None:
    with torch.device("meta"):
        model = wide_resnet_cifar(depth, widening)(num_classes=10, in_channels=3)
    assert count_params(model) / 1e6 == pytest.approx(millions, abs=0.06)


@pytest.mark.parametrize("depth", [4, 9, 17, 0])
def test_a_depth_that_does_not_divide_is_refused(depth: int) -> None:
    with pytest.raises(ValueError, match=f"it is {depth}"):
        wide_resnet_cifar(depth, 1)


def test_dropout_stands_between_the_convolutions_and_changes_no_answer() -> None:
    torch.manual_seed(0)
    plain = WideBasic(4, 4, 1, widening=2)
    torch.manual_seed(0)
    dropped = WideBasic(4, 4, 1, widening=2, dropout=0.3)
    assert [type(part) for part in dropped.branch[1]] == [nn.BatchNorm2d, nn.ReLU, nn.Dropout, nn.Conv2d]
    assert list(dropped.state_dict()) == list(plain.state_dict())
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(plain.eval()(x), dropped.eval()(x))
    torch.manual_seed(0)
    assert not torch.equal(plain.train()(x), dropped.train()(x))
