"""Scalings of a network: equal keys where rounding leaves equal networks, and nowhere else."""

from __future__ import annotations

import itertools

import pytest
import torch

from topfive.errors import UsageError
from topfive.models import create_model, spec
from topfive.search.spaces import space_named
from topfive.search.spaces.scaling import scaling

SPACE = scaling("few", "resnet20_cifar", (1.0, 1.05, 1.12, 1.5), (1.0, 1.02, 1.5), (8, 9))


def test_networks_have_one_key_if_and_only_if_they_have_the_same_shapes() -> None:
    built = {}
    for choices in itertools.product(range(4), range(3), range(2)):
        with torch.device("meta"):
            model = create_model(SPACE.model(choices))
        shapes = tuple((name, tuple(tensor.shape)) for name, tensor in model.state_dict().items())
        built.setdefault(SPACE.key(choices), set()).add((shapes, spec(SPACE.model(choices)).facts.input_size))
    assert all(len(networks) == 1 for networks in built.values())
    assert len(built) == len(set().union(*built.values())) == 3 * 2 * 2  # 1.05 times 9 blocks, 1.02 times 16 channels


def test_the_side_follows_the_base() -> None:
    space = space_named("scaling-small:resnet20_cifar")
    assert space.decisions[2].answers == ("32", "38", "45")
    assert space.model((0, 0, 0)) == "scaled:d1-w1-s32:resnet20_cifar"


@pytest.mark.parametrize("name", ["scaling:nothing", "scaling:", "scaling", "chain:resnet20_cifar"])
def test_spaces_of_no_network_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        space_named(name)
