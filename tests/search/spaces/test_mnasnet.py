"""MnasNet's space: what its choices build, which of them are alike, and where the paper's own network lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from topfive.models import create_model, spec
from topfive.models.mnasnet import A1_NAME, read
from topfive.models.mobilenet_v2 import TABLE_2
from topfive.nn.rounding import divisible
from topfive.search.space import Choices
from topfive.search.spaces import space_named
from topfive.search.spaces.mnasnet import MOBILENET_V2, plain

SPACE = space_named("mnasnet")
SMALL = space_named("mnasnet-small", side=28, channels=1)


def answered(*blocks: str) -> Choices:
    answers = [answer for block in blocks for answer in block.split()]
    return tuple(decision.answers.index(answer) for decision, answer in zip(SPACE.decisions, answers, strict=True))


def test_the_papers_size() -> None:
    """4 operations, 2 kernels, 2 of squeeze and excitation, 3 ways around, 3 widths and 3 depths in 7 blocks."""
    assert SPACE.size == (4 * 2 * 2 * 3 * 3 * 3) ** 7


def test_the_reference_is_mobilenet_v2() -> None:
    assert [(row.channels, row.depth, row.stride) for row in TABLE_2] == list(MOBILENET_V2.blocks)
    found = spec(SPACE.model(answered("sep 3 0 identity 1.0 +0", *["mb6 3 0 identity 1.0 +0"] * 6))).facts
    assert (found.params, found.macs) == (spec("mobilenet_v2").facts.params, spec("mobilenet_v2").facts.macs)


def test_a1_is_a_point_but_for_the_one_width_that_no_factor_reaches() -> None:
    """Its fifth block has 112 channels; 1.25 times MobileNetV2's 96 are 120."""
    point = answered(
        "sep 3 0 identity 1.0 +0",
        "mb6 3 0 identity 1.0 +0",
        "mb3 5 0.25 identity 1.25 +0",
        "mb6 3 0 identity 1.25 +0",
        "mb6 3 0.25 identity 1.25 -1",
        "mb6 5 0.25 identity 1.0 +0",
        "mb6 3 0 identity 1.0 +0",
    )
    a1, ours = read(A1_NAME), read(SPACE.model(point))
    assert ours != a1
    assert replace(ours, blocks=(*ours.blocks[:4], replace(ours.blocks[4], channels=112), *ours.blocks[5:])) == a1
    facts = spec("mnasnet_a1").facts
    assert (spec(a1.name).facts.params, spec(a1.name).facts.macs) == (facts.params, facts.macs)


@settings(max_examples=50)
@given(st.integers(0, 2**32))
def test_a_name_holds_the_choices(seed: int) -> None:
    choices = SPACE.sample(np.random.default_rng(seed))
    network, answers = read(SPACE.model(choices)), SPACE.read(choices)
    before = network.stem_channels
    for number, (block, reference) in enumerate(zip(network.blocks, MOBILENET_V2.blocks, strict=True), 1):
        said = {what: answers[f"block {number} {what}"] for what in ("operation", "kernel", "skip", "width", "depth")}
        assert (block.operation, str(block.kernel)) == (said["operation"], said["kernel"])
        assert block.depth == max(1, reference[1] + int(said["depth"]))
        assert block.channels == divisible(float(said["width"]) * reference[0])
        assert plain(replace(block, skip=said["skip"]), before) == block
        before = block.channels


def test_ways_that_no_layer_takes_are_one_network() -> None:
    """The first block changes the channels of the stem and has one layer: nothing can be added around it."""
    rest = ["mb6 3 0 identity 1.0 +0"] * 6
    keys, outputs = set(), []
    for skip in ("identity", "pool", "bare"):
        choices = answered(f"sep 3 0 {skip} 1.0 +0", *rest)
        keys.add(SPACE.key(choices))
        torch.manual_seed(0)
        told = SPACE.model(choices).replace("c16_n1_s1", f"{'' if skip == 'identity' else skip + '_'}c16_n1_s1")
        outputs.append(create_model(told).eval()(torch.ones(1, 3, 32, 32)))
    assert len(keys) == 1
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32))
def test_small_networks_are_small(seed: int) -> None:
    facts = spec(SMALL.model(SMALL.sample(np.random.default_rng(seed)))).facts
    assert facts.macs < 3e7
    assert (facts.input_size, facts.in_channels) == (28, 1)
