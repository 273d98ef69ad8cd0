"""Parts of a batch side by side: the same as one after another."""

from __future__ import annotations

import copy
import threading

import pytest
import torch
from torch import nn

from topfive.models import create_model
from topfive.recipe import recipe_from
from topfive.train.abreast import Abreast, Statistics, divided, replica, separable
from topfive.train.loss import cross_entropy
from topfive.train.objective import Objective
from topfive.train.optimizer import freeze

RECIPE = recipe_from({"model": "resnet20_cifar"})


def objective(name="resnet20_cifar"):
    torch.manual_seed(0)
    return Objective(create_model(name, num_classes=4), cross_entropy, RECIPE).train()


def batch(count=16):
    torch.manual_seed(1)
    return torch.randn(count, 3, 16, 16), torch.arange(count) % 4


def learn(its, images, targets):
    loss = its(images, targets)
    loss.backward()
    return loss.item()


def parts(count):
    return divided(*batch(), count)


def gradients(module):
    return {name: weight.grad for name, weight in module.named_parameters() if weight.grad is not None}


def test_a_part_has_two_images_at_least():
    images, targets = batch(5)
    assert [len(some) for some, _ in divided(images, targets, 4)] == [3, 2]
    assert [len(some) for some, _ in divided(images[:1], targets[:1], 4)] == [1]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("width", [2, 3, 4])
def test_side_by_side_is_as_in_turn(count, width):
    in_turn, beside = objective(), objective()
    one, many = Abreast(in_turn), Abreast(beside, width)
    for _ in range(2):  # what a first step leaves behind is where the second begins
        assert many.each(learn, parts(count)) == pytest.approx(one.each(learn, parts(count)), rel=1e-5)
    wanted, found = gradients(in_turn), gradients(beside)
    assert wanted.keys() == found.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-5)
    for name, buffer in in_turn.named_buffers():
        torch.testing.assert_close(beside.get_buffer(name), buffer, rtol=1e-5, atol=1e-6)
    assert all(
        norm.num_batches_tracked == 2 * len(parts(count)) for norm in beside.modules() if isinstance(norm, Statistics)
    )


def test_it_repeats_itself_to_the_bit():
    found = []
    for _ in range(3):
        its = objective()
        Abreast(its, 4).each(learn, parts(4))
        found.append([*gradients(its).values(), *its.buffers()])
    for again in found[1:]:
        assert all(map(torch.equal, found[0], again))


def test_parts_are_computed_at_the_same_time_each_in_its_thread():
    meeting = threading.Barrier(3, timeout=30)
    seen = []

    def meet(its, images, targets):
        meeting.wait()  # breaks where one waits for the other's end
        seen.append((threading.get_ident(), id(its), torch.get_num_threads()))
        return 0.0

    assert Abreast(objective(), 3, 1).each(meet, parts(3)) == [0.0, 0.0, 0.0]
    threads, modules, counts = zip(*seen, strict=True)
    assert len(set(threads)) == len(set(modules)) == 3
    assert set(counts) == {1}


def test_replicas_have_the_weights_as_they_move():
    its = objective()
    other = replica(its)
    with torch.no_grad():
        for weight in its.parameters():
            weight.add_(1.0)
    assert all(map(torch.equal, its.parameters(), other.parameters()))
    other.model.head.weight.grad = torch.ones_like(other.model.head.weight)
    assert its.model.head.weight.grad is None
    assert next(its.buffers()).data_ptr() != next(other.buffers()).data_ptr()


def test_what_is_frozen_stays():
    its = objective()
    abreast = Abreast(its, 2)
    abreast.each(learn, parts(2))
    its.zero_grad(set_to_none=True)
    freeze(its.model, its.model.head, True)
    before = copy.deepcopy(its)
    abreast.each(learn, parts(2))
    assert gradients(its).keys() == {"model.head.weight", "model.head.bias"}
    assert all(map(torch.equal, before.buffers(), its.buffers()))
    freeze(its.model, its.model.head, False)
    abreast.each(learn, parts(2))
    assert gradients(its).keys() == dict(its.named_parameters()).keys()


def test_a_part_that_fails_fails_the_step_after_the_others_ended():
    ended = []

    def fail(its, images, targets):
        if images is second[0]:
            raise MemoryError
        ended.append(1)
        return 0.0

    first, second = parts(2)
    with pytest.raises(MemoryError):
        Abreast(objective(), 2).each(fail, [first, second])
    assert ended == [1]


class Counting(nn.Module):
    """Remembers what it saw in a buffer that is no norm's."""

    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, images, targets):
        self.seen += 1
        return images.sum()


@pytest.mark.parametrize(("name", "can"), [("resnet20_cifar", True), ("alexnet", False)])  # which has dropout
def test_what_draws_is_not_separable(name, can):
    module, images = objective(name), torch.randn(2, 3, 64, 64)
    state = torch.get_rng_state()
    before = copy.deepcopy(module)
    assert separable(module, images, torch.zeros(2, dtype=torch.long)) is can
    assert torch.equal(torch.get_rng_state(), state)
    assert all(map(torch.equal, before.buffers(), module.buffers()))


def test_what_remembers_otherwise_is_not_separable():
    images, targets = batch()
    assert not separable(Counting(), images, targets)
    cumulative = objective()
    for norm in cumulative.modules():
        if isinstance(norm, Statistics):
            norm.momentum = None
    assert not separable(cumulative, images, targets)
