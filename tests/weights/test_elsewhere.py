"""The tables of `elsewhere` leave out no network of those libraries, and nothing in them is made up."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import pytest

from topfive.models import list_models
from weights.elsewhere import CADENE, CADENE_LEFT_OUT, KERAS, KERAS_LEFT_OUT


def check(theirs: Iterable[str], here: Mapping[str, str], left_out: Mapping[str, str]) -> None:
    assert not set(here) & set(left_out)
    assert sorted(theirs) == sorted([*here, *left_out])
    assert set(here.values()) <= set(list_models())
    assert all(left_out.values())


@pytest.mark.filterwarnings("ignore")
def test_every_network_of_keras_is_here_or_left_out_for_a_reason() -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    applications = pytest.importorskip("keras").applications
    names = [name for name in dir(applications) if name[0].isupper()]
    assert len(names) > 30
    check(names, KERAS, KERAS_LEFT_OUT)


def test_every_network_of_pretrainedmodels_is_here_or_left_out_for_a_reason() -> None:
    names = pytest.importorskip("pretrainedmodels").model_names
    assert len(names) > 40
    check(names, CADENE, CADENE_LEFT_OUT)


def test_a_gap_would_be_seen() -> None:
    with pytest.raises(AssertionError):
        check([*KERAS, *KERAS_LEFT_OUT, "ResNet51"], KERAS, KERAS_LEFT_OUT)
