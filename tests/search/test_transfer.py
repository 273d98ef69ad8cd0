"""Shipped large, searched small: the same architecture, and the costs of the large one."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from topfive.models import spec
from topfive.models.mnasnet import A1_NAME
from topfive.nn.measure import count_facts
from topfive.search import transfer as transfers
from topfive.search.transfer import Reduced, Transfer
from topfive.search.trial import Measurement

SMALL = "pnas:n1-f8-s16-c1:separable_3x3@0+max_3x3@1"
LARGE = "pnas:n1-f16-s28-c1:separable_3x3@0+max_3x3@1"
LARGER, SMALLER = Transfer(side=28, filters=16), Transfer(side=16, filters=8)


def evaluate(model: str, seed: int) -> Measurement:
    assert (model, seed) == (SMALL, 7)
    return Measurement(accuracy=0.9, params=1, macs=2, seconds=3.0, curve=(0.5, 0.9))


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (SMALL, LARGE),
        ("nasnet:n2-f8-s16-c3:1x1@0+1x1@1:1x1@0++3x3@1", "nasnet:n2-f16-s28-c3:1x1@0+1x1@1:1x1@0++3x3@1"),
        ("chain:s16-c3:3x3x36,5x1x48s2@1", "chain:s28-c3:3x3x36,5x1x48s2@1"),
        (A1_NAME, A1_NAME.replace("s224", "s28", 1)),
        ("resnet20_cifar", "resnet20_cifar"),
    ],
)
def test_the_architecture_stays_and_the_size_changes(small, large):
    assert LARGER(small) == large
    assert LARGER(large) == large
    assert Transfer()(small) == small
    assert spec(LARGER(small)).name == large


def test_costs_are_those_of_the_network_itself(monkeypatch):
    asked = []
    monkeypatch.setattr(transfers, "latency_within", lambda *arguments: asked.append(arguments) or 0.002)
    facts = count_facts(spec(LARGE).build, 28, 3, 1)
    found = pickle.loads(pickle.dumps(Reduced(evaluate, SMALLER, num_classes=3)))(LARGE, 7)
    assert found == Measurement(0.9, facts.params, facts.macs, 3.0, (0.5, 0.9))
    assert facts.macs > 5 * spec(SMALL).facts.macs
    timed = Reduced(evaluate, SMALLER, num_classes=3, max_latency=0.001)(LARGE, 7)
    assert timed == dataclasses.replace(found, latency=2.0)
    assert asked == [(LARGE, 3, 0.001)]
