from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from topfive.errors import UsageError
from topfive.explain import grad_cam, grad_cam_plus_plus
from topfive.models import create_model
from topfive.nn.classifier import Classifier

# One of each kind: chains, branches, sums, joins, gates, cells, tokens; with the size that they are tried at.
FAMILIES = {
    "lenet5": 32, "lenet5_original": 32, "alexnet": 96, "nin_cifar10": 32, "vgg11": 64, "googlenet": 64,
    "resnet20_cifar": 32, "densenet_40_12_cifar": 32, "squeezenet1_1": 64, "mobilenet_v2": 64, "mobilenet_v3_small": 64,
    "shufflenet_v2_x0_5": 64, "tf_efficientnet_lite0": 64, "regnety_002": 64, "vit_s_16": 64,
}  # fmt: skip


class Two(Classifier):
    """Maps [N, 2, h, w] straight from the image, then a mean and a linear head."""

    def __init__(self):
        super().__init__(2, 1)
        self.conv = nn.Conv2d(1, 2, 1, bias=False)
        self.head = nn.Linear(2, 2, bias=False)
        self.conv.weight.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
        self.head.weight.data = torch.tensor([[3.0, 1.0], [-1.0, 2.0]])

    def features(self, images):
        return F.relu(self.conv(images))


IMAGE = torch.tensor([[2.0, 0.0, -4.0], [1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])[None, None]


def settled(name, side=32):
    """A network with random weights whose normalisation suits random images, so that no map is flat."""
    torch.manual_seed(0)
    model = create_model(name, num_classes=5)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.randn(8, model.in_channels, side, side))
    return model.eval()


def test_grad_cam_is_what_the_hand_calculates():
    """A mean pools, so every place has the gradient w/9 and the map is relu(sum of w A), scaled to 1."""
    for target, weights in enumerate(([3.0, 1.0], [-1.0, 2.0])):
        expected = (weights[0] * IMAGE[0, 0].relu() + weights[1] * (-IMAGE[0, 0]).relu()).relu()
        found = grad_cam(Two(), IMAGE, [target])
        np.testing.assert_allclose(found[0], (expected / expected.max()).numpy(), atol=1e-6)


def test_grad_cam_plus_plus_is_what_the_hand_calculates():
    """Eq. 19: with one g at all places of a channel, alpha = 1 / (2 + g sum A) and weights are 9 alpha relu(g)."""
    first, second = IMAGE[0, 0].relu(), (-IMAGE[0, 0]).relu()
    weights = []
    for maps, head in ((first, 3.0), (second, 1.0)):
        slope = head / 9
        weights.append(9 * slope / (2 + slope * maps.sum().item()))
    expected = weights[0] * first + weights[1] * second
    found = grad_cam_plus_plus(Two(), IMAGE, [0])
    np.testing.assert_allclose(found[0], (expected / expected.max()).numpy(), atol=1e-6)


def test_a_class_that_nothing_speaks_for_has_no_heat():
    assert not grad_cam(Two(), IMAGE.abs(), [1]).any()


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_a_map(name):
    side = FAMILIES[name]
    model = settled(name, side)
    images = torch.randn(3, model.in_channels, side, side)
    for method in (grad_cam, grad_cam_plus_plus):
        maps = method(model, images, [0, 1, 4])
        assert maps.shape == (3, side, side)
        assert maps.dtype == np.float32
        assert np.isfinite(maps).all()
        assert maps.min() >= 0
        assert maps.max() <= 1
    assert np.ptp(maps.reshape(3, -1), 1).max() > 0.005, "a map of one colour says nothing"


def test_a_batch_is_its_images_one_by_one():
    model = settled("resnet20_cifar")
    images, classes = torch.randn(18, 3, 32, 32), [index % 5 for index in range(18)]
    together = grad_cam(model, images, classes)
    alone = np.concatenate([grad_cam(model, images[i : i + 1], classes[i : i + 1]) for i in range(18)])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert grad_cam(model, images[:0], []).shape == (0, 32, 32)


def test_the_network_is_left_as_it_was():
    model = settled("mobilenet_v3_small", 64).train()
    model.stem.requires_grad_(False)
    model.head.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    flags = [parameter.requires_grad for parameter in model.parameters()]
    modes = [module.training for module in model.modules()]
    grad_cam(model, torch.randn(2, 3, 64, 64), [0, 1])
    assert [parameter.requires_grad for parameter in model.parameters()] == flags
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert "features" not in vars(model)
    with pytest.raises(UsageError):
        grad_cam(model, torch.randn(1, 3, 64, 64), [0], layer="no.such")
    assert [module.training for module in model.modules()] == modes


def test_a_layer_before_one_that_writes_into_its_input_keeps_its_maps():
    model = settled("resnet20_cifar")
    images = torch.randn(2, 3, 32, 32)
    inside = model.stages[1][0].branch[0]
    assert inside.activation.inplace, "the fault that this test is about must be there"
    expected = grad_cam(model, images, [0, 1], layer="stages.1.0.branch.0.norm")
    inside.activation.inplace = False
    np.testing.assert_array_equal(grad_cam(model, images, [0, 1], layer="stages.1.0.branch.0.norm"), expected)


def test_other_weights_give_another_map():
    """The sanity check of Adebayo et al. 2018: a map that survives random weights explains no model."""
    model = settled("resnet20_cifar")
    images = torch.randn(4, 3, 32, 32)
    before = grad_cam(model, images, [0, 1, 2, 3])
    nn.init.normal_(model.head.weight)
    head = grad_cam(model, images, [0, 1, 2, 3])
    nn.init.normal_(model.stages[2][2].branch[1].conv.weight, std=0.1)
    last = grad_cam(model, images, [0, 1, 2, 3])
    for one, other in ((before, head), (head, last)):
        alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one, other, strict=True)]
        assert np.mean(alike) < 0.9


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"layer": "stagse.1"}, "did you mean 'stages.1'"),
        ({"layer": ""}, "unknown layer"),
        ({"layer": "head"}, "no maps"),
        ({"classes": [5]}, "from 0 to 4"),
        ({"classes": [-1]}, "from 0 to 4"),
        ({"classes": [0, 1]}, "one class an image"),
        ({"images": torch.zeros(1, 1, 32, 32)}, r"\[N, 3, H, W\]"),
        ({"images": torch.zeros(3, 32, 32)}, r"\[N, 3, H, W\]"),
    ],
)
def test_what_does_not_fit_is_named(change, why):
    question = {"images": torch.zeros(1, 3, 32, 32), "classes": [0], **change}
    with pytest.raises(UsageError, match=why):
        grad_cam(settled("resnet20_cifar"), question.pop("images"), question.pop("classes"), **question)


def test_a_layer_that_the_answer_does_not_use_is_refused():
    model = Two()
    model.spare = nn.Conv2d(1, 1, 1)
    with pytest.raises(UsageError, match="does not use it"):
        grad_cam(model, IMAGE, [0], layer="spare")
