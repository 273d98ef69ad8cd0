from __future__ import annotations

from functools import partial

import pytest
import timm.optim
import torch
from torch import nn

from topfive.models import create_model
from topfive.recipe import recipe_from
from topfive.train.lamb import Lamb
from topfive.train.lion import Lion
from topfive.train.muon import QUINTIC, STEP, Muon, orthogonalised
from topfive.train.optimizer import freeze, make_optimizer, parameter_groups, set_rates
from topfive.train.rmsprop import RMSProp
from topfive.train.state import State

OPTIMIZERS = ["sgd", "momentum", "rmsprop", "adamw", "lion", "lamb", "muon"]


def wish(**settings):
    return recipe_from({"model": "m", **settings})


def filled(model, value):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    return model


@pytest.mark.parametrize("bias_decay", [False, True])
@pytest.mark.parametrize("opt", OPTIMIZERS)
def test_what_decays(opt, bias_decay):
    model = filled(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2)), 1.0)
    optimizer = make_optimizer(model, wish(opt=opt, lr=0.1, weight_decay=0.1, bias_decay=bias_decay))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    moved = {name: bool((parameter != 1).any()) for name, parameter in model.named_parameters()}
    assert moved == {name: bias_decay or name in ("0.weight", "3.weight") for name in moved}


@pytest.mark.parametrize(("opt", "steps"), [("sgd", 1.5 + 1.75), ("momentum", 1 + 1.5)])
def test_nesterov_looks_ahead_and_plain_momentum_does_not(opt, steps):
    weight = nn.Parameter(torch.zeros(2, 2))
    model = nn.Module()
    model.weight = weight
    optimizer = make_optimizer(model, wish(opt=opt, lr=1.0, momentum=0.5, weight_decay=0))
    for _ in range(2):
        weight.grad = torch.ones(2, 2)
        optimizer.step()
    assert torch.allclose(weight, torch.full((2, 2), -steps))


def timms(name, parameters):
    if name == "lion":
        return Lion(groups(parameters), 0.01), timm.optim.Lion(parameters, 0.01, weight_decay=0.1)
    if name == "lamb":
        other = timm.optim.Lamb(parameters, 0.01, weight_decay=0.1, max_grad_norm=None)
        return Lamb(groups(parameters), 0.01), other
    other = timm.optim.RMSpropTF(parameters, 0.01, alpha=0.9, eps=1e-3, momentum=0.9, weight_decay=0.1)
    return RMSProp(groups(parameters), 0.01), other


def groups(parameters):
    return [{"params": parameters, "weight_decay": 0.1}]


@pytest.mark.parametrize("name", ["lion", "lamb", "rmsprop"])
def test_ours_move_as_timms(name):
    draw = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in ((4, 3), (2, 2, 3))]
    left, right = ([nn.Parameter(each.clone()) for each in start] for _ in range(2))
    ours, theirs = timms(name, left)[0], timms(name, right)[1]
    for _ in range(5):
        for one, other in zip(left, right, strict=True):
            one.grad = torch.randn(one.shape, generator=draw, dtype=torch.float64)
            other.grad = one.grad.clone()
        ours.step()
        theirs.step()
    for one, other, first in zip(left, right, start, strict=True):
        torch.testing.assert_close(one.data, other.data, rtol=1e-9, atol=1e-12)
        assert (one - first).abs().max() > 1e-3, "it moved"


def test_muon_turns_filters_as_timms_and_slides_the_rest_as_sgd(monkeypatch):
    """timm iterates in half precision, shrinks filters by lr x decay whatever the momentum, and has one rate."""
    iterate = partial(timm.optim.muon.zeropower_via_newtonschulz, dtype=torch.float32)
    monkeypatch.setattr("timm.optim.muon.zeropower_via_newtonschulz", iterate)
    draw = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=draw) for shape in ((8, 3, 3, 3), (32, 2, 3, 3), (8, 3, 3, 3), (4,), (3, 4))]
    left, right = ([nn.Parameter(each.clone()) for each in start] for _ in range(2))
    ours = Muon(groups(left), 0.1, momentum=0.8)
    turned = timm.optim.Muon(
        right[:3],
        lr=0.1 * STEP,
        momentum=0.8,
        nesterov=True,
        weight_decay=0.1 / STEP / (1 - 0.8),
        adjust_lr_fn="original",
        ns_coefficients=QUINTIC,
    )
    slid = torch.optim.SGD(right[3:], 0.1, momentum=0.8, nesterov=True, weight_decay=0.1)
    for _ in range(5):
        for one, other in zip(left, right, strict=True):
            one.grad = torch.randn(one.shape, generator=draw)
            other.grad = one.grad.clone()
        for optimizer in (ours, turned, slid):
            optimizer.step()
    for one, other, first in zip(left, right, start, strict=True):
        torch.testing.assert_close(one.data, other.data, rtol=1e-3, atol=1e-4)
        assert (one - first).abs().max() > 1e-2, "it moved"


@pytest.mark.parametrize("shape", [(3, 16, 144), (2, 96, 9), (1, 5, 5)])
def test_orthogonal_is_all_directions_alike(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    turned = orthogonalised(matrices)
    values = torch.linalg.svdvals(turned)
    assert values.min() > 0.6
    assert values.max() < 1.3
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    between = left.transpose(1, 2) @ turned @ right.transpose(1, 2)
    assert (between - torch.diag_embed(between.diagonal(dim1=1, dim2=2))).abs().max() < 1e-3, "the directions are kept"
    assert torch.equal(orthogonalised(torch.zeros(1, 2, 3)), torch.zeros(1, 2, 3))


def test_rates_fall_from_the_head_to_the_stem():
    model = create_model("resnet20_cifar")
    recipe = wish(layer_decay=0.5)
    share = {id(p): group["share"] for group in parameter_groups(model, recipe) for p in group["params"]}
    assert len(share) == len(list(model.parameters()))
    shares = [share[id(next(part.parameters()))] for part in (model.stem, *model.stages, model.head)]
    assert shares == sorted(shares)
    assert (shares[-1], shares[-2], shares[0]) == (1, 0.5, 0.5 ** (len(shares) - 1))
    optimizer = make_optimizer(model, recipe)
    set_rates(optimizer, 0.2, 0.7)
    assert {group["lr"] for group in optimizer.param_groups} == {0.2 * each for each in shares}
    assert {group["momentum"] for group in optimizer.param_groups} == {0.7}


def test_frozen_the_head_alone_learns_and_statistics_stay():
    model = create_model("resnet20_cifar")
    freeze(model, model.head, frozen=True)
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["head.weight", "head.bias"]
    before = model.stem.norm.running_mean.clone()
    model(torch.rand(2, 3, 32, 32))
    assert torch.equal(before, model.stem.norm.running_mean)
    model.train()
    freeze(model, model.head, frozen=False)
    assert all(parameter.requires_grad for parameter in model.parameters())
    model(torch.rand(2, 3, 32, 32))
    assert not torch.equal(before, model.stem.norm.running_mean)


@pytest.mark.parametrize("opt", OPTIMIZERS)
def test_an_optimizers_memory_survives_a_checkpoint(opt):
    """Begun with the head alone, as fine-tuning does: the other parameters have no memory yet."""

    def steps(state, count):
        draw = torch.Generator().manual_seed(state.step)
        for _ in range(count):
            for parameter in state.model.parameters():
                noise = torch.randn(parameter.shape, generator=draw)
                parameter.grad = noise if parameter.requires_grad else None
            state.optimizer.step()

    def fresh():
        torch.manual_seed(1)
        model = create_model("lenet5")
        return State(model, make_optimizer(model, wish(opt=opt, lr=0.01)), None, torch.amp.GradScaler(enabled=False))

    whole, resumed = fresh(), fresh()
    freeze(whole.model, whole.model.head, frozen=True)
    steps(whole, 2)
    resumed.restore(whole.checkpoint())
    for state in (whole, resumed):
        freeze(state.model, state.model.head, frozen=False)
        steps(state, 3)
    for one, other in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(one, other)
