from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from topfive.errors import UsageError
from topfive.models import TIMELINE, create_model, lenet, list_models, registry, spec


def test_names_come_in_order_of_history() -> None:
    names = list_models()
    assert names[0] == "lenet5_original"
    assert names.index("alexnet") < names.index("vgg16") < names.index("resnet50") < names.index("mobilenet_v2")
    assert len(names) == len(set(names)) == sum(len(module.VARIANTS) for module in TIMELINE)


def test_patterns_select() -> None:
    assert list_models("resnet*_v1") == ["resnet50_v1", "resnet101_v1", "resnet152_v1"]
    assert list_models("nothing*") == []


def test_a_name_defined_twice_raises() -> None:
    again = SimpleNamespace(__name__="again", VARIANTS=(replace(lenet.VARIANTS[0], name="lenet5"),))
    with pytest.raises(ValueError, match="lenet5 is defined twice, the second time in again"):
        registry([lenet, again])  # type: ignore[list-item]


def test_an_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'resnet50'") as caught:
        spec("resnet5O")
    assert "topfive models" in str(caught.value)


@given(st.text())
def test_any_other_text_is_a_usage_error_of_one_line(name: str) -> None:
    if name not in list_models():
        with pytest.raises(UsageError) as caught:
            create_model(name)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("num_classes", "in_channels", "named"), [(0, None, "num_classes=0"), (10, -1, "in_channels=-1")]
)
def test_impossible_shapes_are_refused(num_classes: int, in_channels: int | None, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        create_model("lenet5", num_classes, in_channels)


def test_none_means_the_rows_own_head_and_channels() -> None:
    model = create_model("lenet5")
    assert (model.num_classes, model.in_channels) == (10, 1)
    other = create_model("lenet5", num_classes=7, in_channels=2)
    assert other(torch.zeros(1, 2, 32, 32)).shape == (1, 7)
