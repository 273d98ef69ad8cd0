from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from topfive.models import create_model
from topfive.train.halves import HalvedMaxPool2d, Halves, LaterReLU, PhasedConv2d, halve_pools


def halved(model: nn.Module) -> nn.Module:
    """A copy of `model` that is trained by halves."""
    other = copy.deepcopy(model)
    halve_pools(other)
    return other


def learnt(model: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """The answers, the gradient of the images and those of all weights, of a sum that is of no symmetry."""
    images = images.clone(memory_format=torch.preserve_format).requires_grad_()
    answers = model.train()(images)
    (answers * torch.arange(1.0, answers.numel() + 1).view_as(answers).cos()).sum().backward()
    found = [answers.detach(), images.grad, *(weight.grad for weight in model.parameters())]
    model.zero_grad()
    return found


@settings(deadline=None)
@given(
    seed=st.integers(0, 99),
    channels=st.integers(1, 9),
    height=st.integers(2, 9),
    width=st.integers(2, 9),
    levels=st.integers(1, 4),
    last=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)
def test_pooling_gives_the_same_bits_forward_and_back(seed, channels, height, width, levels, last, dtype):
    """Few levels make equals in every square, of which one alone must get the gradient: torch's choice."""
    draw = torch.Generator().manual_seed(seed)
    maps = torch.randint(-levels, levels, (2, channels, height, width), generator=draw).to(dtype)
    maps = maps.to(memory_format=torch.channels_last if last else torch.contiguous_format)
    for plain in (nn.Sequential(nn.MaxPool2d(2)), nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))):
        assert all(map(torch.equal, learnt(halved(plain), maps), learnt(plain, maps)))


def test_halves_are_what_pools_contiguous_maps(monkeypatch):
    """And a wrong one would be seen: the gradient to the last of equals instead of the first."""
    maps = torch.ones(1, 1, 4, 4)
    plain = nn.Sequential(nn.MaxPool2d(2))
    expected = learnt(plain, maps)
    monkeypatch.setattr(Halves, "apply", lambda maps, down, across: maps.flip(down, across).amax((down, across)))
    assert not all(map(torch.equal, learnt(halved(plain), maps), expected))


@settings(deadline=None)
@given(
    seed=st.integers(0, 99),
    channels=st.integers(1, 4),
    maps=st.integers(1, 8),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    sides=st.tuples(st.integers(6, 12), st.integers(6, 12)),
    bias=st.booleans(),
)
def test_a_phased_convolution_is_the_convolution(seed, channels, maps, kernel, padding, sides, bias):
    torch.manual_seed(seed)
    plain = nn.Sequential(nn.Conv2d(channels, maps, kernel, padding=padding, bias=bias), nn.ReLU(), nn.MaxPool2d(2))
    plain = plain.double()  # rounding could make another of near equals the largest
    images = torch.randn(3, channels, *sides, dtype=torch.float64)
    for ours, theirs in zip(learnt(halved(plain), images), learnt(plain, images), strict=True):
        torch.testing.assert_close(ours, theirs)


def nested(channels: int) -> nn.Module:
    """A stage as VGG has it: layers are Sequentials in a Sequential."""
    layers = [nn.Sequential(nn.Conv2d(channels, 5, 3, padding=1), nn.BatchNorm2d(5), nn.ReLU(inplace=True))]
    layers += [nn.Sequential(nn.Conv2d(5, 7, 3, padding=1), nn.LeakyReLU()), nn.MaxPool2d(2)]
    return nn.Sequential(nn.Sequential(*layers[:1], nn.MaxPool2d(2)), nn.Sequential(*layers[1:]))


@pytest.mark.parametrize("name", ["lenet5", "nested"])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_networks_learn_the_same_by_halves(name, memory_format):
    torch.manual_seed(0)
    channels = 1 if name == "lenet5" else 3
    plain = nested(channels) if name == "nested" else create_model(name, num_classes=3, in_channels=channels)
    plain = plain.double().to(memory_format=memory_format)
    quick = halved(plain)
    images = torch.randn(2, channels, 32, 32, dtype=torch.float64).to(memory_format=memory_format)
    for ours, theirs in zip(learnt(quick, images), learnt(plain, images), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert any(isinstance(module, HalvedMaxPool2d) for module in quick.modules())
    assert any(isinstance(module, LaterReLU) for module in quick.modules())
    assert list(quick.state_dict()) == list(plain.state_dict())


def test_in_evaluation_each_module_does_its_own_work():
    plain = create_model("lenet5").eval()
    quick = halved(plain).eval()
    images, steps = torch.randn(2, 1, 32, 32), ([], [])
    for model, seen in zip((quick, plain), steps, strict=True):
        for module in model.trunk:
            module.register_forward_hook(lambda module, given, answer, seen=seen: seen.append(answer))
        model(images)
    assert len(steps[0]) == len(plain.trunk)
    assert all(map(torch.equal, *steps))


def test_halving_twice_is_halving_once():
    model = create_model("lenet5")
    halve_pools(model)
    kinds = [type(module) for module in model.modules()]
    halve_pools(model)
    assert [type(module) for module in model.modules()] == kinds
    assert {PhasedConv2d, LaterReLU, HalvedMaxPool2d} <= set(kinds)


def test_what_is_used_elsewhere_too_is_left_alone():
    relu, pool = nn.ReLU(), nn.MaxPool2d(2)
    plain = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), relu, pool, nn.Conv2d(2, 2, 3, padding=1), relu, pool)
    quick = halved(plain)
    assert not any(isinstance(module, (LaterReLU, PhasedConv2d)) for module in quick.modules())
    images = torch.randn(2, 1, 8, 8)
    assert all(map(torch.equal, learnt(quick, images), learnt(plain, images)))


@pytest.mark.parametrize(
    "pool", [nn.MaxPool2d(3, 2), nn.MaxPool2d(2, 1), nn.MaxPool2d(2, padding=1), nn.MaxPool2d(2, ceil_mode=True)]
)
def test_other_poolings_are_left_alone(pool):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), pool)
    halve_pools(model)
    assert [type(module) for module in model] == [nn.Conv2d, nn.ReLU, nn.MaxPool2d]


@pytest.mark.parametrize("conv", [nn.Conv2d(8, 4, 3), nn.Conv2d(1, 16, 3), nn.Conv2d(2, 4, 3, groups=2)])
def test_convolutions_that_would_not_gain_are_left_alone(conv):
    model = nn.Sequential(conv, nn.MaxPool2d(2))
    halve_pools(model)
    assert type(model[0]) is nn.Conv2d
