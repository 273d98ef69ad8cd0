"""Side classifiers: where they hang, what they cost, and that main and side logits come from one pass."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from topfive.models import create_model, list_models, spec
from topfive.nn.measure import count_macs, count_params

# name: (weight of their losses, parameters of the whole, the parts they judge); torchvision publishes googlenet's and
# inception_v3's counts, Caffe googlenet_paper's
TRAINED = {
    "googlenet": (0.3, 13_004_888, ("stages.1.0", "stages.1.3")),
    "googlenet_paper": (0.3, 13_378_280, ("stages.1.0", "stages.1.3")),
    "inception_v2": (0.4, 24_263_240 + 3_326_696 - 768, ("stages.1.4",)),  # a bias in place of a scale and a shift
    "inception_v3": (0.4, 27_161_264, ("stages.1.4",)),
    "tf_inception_v3": (0.4, 27_161_264, ("stages.1.4",)),
    "inception_v4": (0.4, 42_679_816 + 3_326_696 + (1024 - 768) * 128, ("stages.1.7",)),
    "inception_resnet_v2": (0.4, 55_843_464 + 3_326_696 + (1088 - 768) * 128, ("stages.1.20",)),
    **dict.fromkeys(
        ("nasnet_a_mobile", "tf_nasnet_a_mobile"),
        (0.4, 5_289_978 + 528 * 128 + 256 + 128 * 768 * 16 + 1536 + 769_000, ("cells.10",)),
    ),
    **dict.fromkeys(
        ("nasnet_a_large", "nasnet_a_large_paper", "tf_nasnet_a_large"),
        (0.4, 88_753_150 + 2016 * 128 + 256 + 128 * 768 * 36 + 1536 + 769_000, ("cells.14",)),
    ),
    "pnasnet5_mobile": (0.4, 5_064_487 + 540 * 128 + 256 + 128 * 768 * 16 + 1536 + 769_000, ("cells.7",)),
    "pnasnet5_large": (0.4, 86_057_668 + 2160 * 128 + 256 + 128 * 768 * 36 + 1536 + 769_000, ("cells.9",)),
}
SMALL = [("googlenet", 64), ("inception_v3", 80), ("nasnet_a_mobile", 40)]


def test_these_networks_are_trained_with_sides() -> None:
    assert {name for name in list_models() if spec(name).sides is not None} == set(TRAINED)


@pytest.mark.parametrize("name", TRAINED)
def test_where_they_hang_and_what_they_cost(name: str) -> None:
    weight, params, places = TRAINED[name]
    facts = spec(name).facts
    with torch.device("meta"):
        model = create_model(name, sides=True).eval()
        logits, sides = model.training_outputs(torch.zeros(2, 3, facts.input_size, facts.input_size))
        assert count_macs(model, facts.input_size) == facts.macs  # which `forward` never spends on them
    assert (model.side_weight, model.side_places) == (weight, places)
    assert [side.shape for side in sides] == [logits.shape] * len(places)
    assert count_params(model) == params
    model.remove_sides()
    assert count_params(model) == facts.params
    assert model.auxiliary(torch.zeros(1, 3, 1, 1, device="meta")) == []


@pytest.mark.parametrize(("name", "size"), SMALL)
def test_they_leave_the_network_as_it_is(name: str, size: int) -> None:
    """The seed decides the weights, and forward the logits, with them or without."""
    models = []
    for sides in (False, True):
        torch.manual_seed(3)
        models.append(create_model(name, 4, sides=sides).eval())
    plain, trained = models
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        assert torch.equal(plain(images), trained(images))
        assert torch.equal(trained.training_outputs(images)[0], plain(images))
    assert set(plain.state_dict()) == {name for name in trained.state_dict() if not name.startswith("sides.")}


@pytest.mark.parametrize(("name", "size"), SMALL)
def test_one_pass_gives_all_logits_and_every_parameter_its_gradient(name: str, size: int) -> None:
    torch.manual_seed(0)
    model = create_model(name, 4, sides=True).train()
    passes = []
    handle = model.stem.register_forward_hook(lambda *_: passes.append(1))
    torch.manual_seed(1)
    logits, sides = model.training_outputs(torch.randn(3, 3, size, size))
    handle.remove()
    assert passes == [1]
    loss = logits.square().mean() + model.side_weight * sum(side.square().mean() for side in sides)
    loss.backward()
    idle = [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert idle == []


class Broken(nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        raise LookupError


def test_after_a_failure_nobody_watches_the_network_any_more() -> None:
    model = create_model("googlenet", 4, sides=True).eval()
    model.sides[1] = Broken()
    with pytest.raises(LookupError):
        model.training_outputs(torch.zeros(1, 3, 64, 64))
    assert not any(module._forward_hooks for module in model.modules())
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 4)


def test_other_networks_have_none() -> None:
    model = create_model("resnet20_cifar", sides=True).eval()
    images = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        logits, sides = model.training_outputs(images)
        assert torch.equal(logits, model(images))
    assert sides == model.auxiliary(images) == []
    assert model.side_weight == 0


def test_sides_take_on_mode_and_precision_of_the_network() -> None:
    model = create_model("googlenet", 4).double().eval()
    variant = spec("googlenet")
    assert variant.sides is not None
    model.add_sides(variant.sides)
    assert not any(module.training for module in model.modules())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float64}
    model.reset_head(9)
    assert [side.shape for side in model.auxiliary(torch.zeros(1, 3, 64, 64, dtype=torch.float64))] == [(1, 9)] * 2
