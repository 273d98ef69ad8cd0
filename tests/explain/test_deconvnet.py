from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from topfive.errors import UsageError
from topfive.explain.deconvnet import ACTIVATIONS, deconvnet, deconvolution, guided, project
from topfive.explain.patches import channels, strongest
from topfive.explain.sheet import CELL, GAP, squares, visible
from topfive.models import create_model
from topfive.nn.classifier import Classifier
from topfive.preprocess import Preprocess


class Chain(Classifier):
    """Whatever stands before a mean and a head."""

    def __init__(self, in_channels, channels, *parts):
        super().__init__(2, in_channels)
        self.trunk = nn.Sequential(*parts)
        self.head = nn.Linear(channels, 2)

    def features(self, images):
        return self.trunk(images)


def whole(maps):
    return maps


def test_one_layer_is_the_transposed_convolution_of_the_rectified_maps():
    torch.manual_seed(0)
    model = Chain(3, 4, nn.Conv2d(3, 4, 5, 2, 1), nn.ReLU(inplace=True))
    images = torch.randn(2, 3, 17, 17)
    maps = F.relu(model.trunk[0](images)).detach()
    expected = F.conv_transpose2d(maps, model.trunk[0].weight, stride=2, padding=1).detach().numpy()
    for layer in ("features", "trunk", "trunk.0", "trunk.1"):
        np.testing.assert_allclose(project(model, images, layer, whole), expected, atol=1e-5)


def test_two_layers_unpool_with_the_switches_and_rectify_on_the_way():
    """Sec. 2.1 step by step with torch's own unpooling."""
    torch.manual_seed(0)
    first, second = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 4, 3, padding=1)
    model = Chain(1, 4, first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU())
    images = torch.randn(2, 1, 12, 12)
    with torch.no_grad():
        pooled, switches = F.max_pool2d(first(images).relu(), 2, return_indices=True)
        down = F.conv_transpose2d(second(pooled).relu(), second.weight, padding=1)
        unpooled = F.max_unpool2d(down, switches, 2).relu()
        expected = F.conv_transpose2d(unpooled, first.weight, padding=1).numpy()
    np.testing.assert_allclose(project(model, images, "features", whole), expected, atol=1e-5)
    with torch.enable_grad():
        pictures = images.clone().requires_grad_()
        maps = model.features(pictures)
        (gradient,) = torch.autograd.grad(maps, pictures, maps.detach())
    assert np.abs(gradient.numpy() - expected).max() > 0.01, "the plain gradient must be another thing"


def test_one_unit_is_projected_alone():
    model = Chain(1, 2, nn.Conv2d(1, 2, 3, bias=False), nn.ReLU())
    model.trunk[0].weight.data = torch.arange(1.0, 19.0).reshape(2, 1, 3, 3)
    images = torch.ones(2, 1, 8, 8)
    found = deconvnet(model, images, "features", [0, 1], [(0, 0), (5, 2)])
    expected = np.zeros((2, 1, 8, 8), np.float32)
    expected[0, 0, :3, :3] = 45 * np.arange(1, 10).reshape(3, 3)
    expected[1, 0, 5:, 2:5] = 126 * np.arange(10, 19).reshape(3, 3)
    np.testing.assert_allclose(found, expected)
    assert squares(found)[0] == (0, 0, 3)


RELATIVES = [
    nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.ReLU6(inplace=True), nn.LeakyReLU(0.1, inplace=True), nn.SiLU(),
    nn.SiLU(inplace=True), nn.Hardswish(), nn.Hardswish(inplace=True), nn.GELU(), nn.Sigmoid(), nn.Tanh(),
    nn.Hardsigmoid(),
]  # fmt: skip


class Called(nn.Module):
    """An activation that is no module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize(
    "activation", [*RELATIVES, *(Called(f) for f in (F.relu, torch.relu, torch.sigmoid, torch.tanh))], ids=str
)
def test_every_activation_follows_the_rule_however_it_is_called(activation):
    """An odd pattern of signs goes up; only the signs of what comes down decide."""
    model = Chain(1, 2, nn.Conv2d(1, 1, 1), activation, nn.Conv2d(1, 2, 1, bias=False))
    model.trunk[0].weight.data.fill_(1)
    model.trunk[0].bias.data.fill_(0)
    model.trunk[2].weight.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
    images = torch.tensor([-2.0, -0.5, 0.5, 2.0, 7.0]).reshape(1, 1, 1, 5)
    signs = torch.tensor([[1.0, 0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0, 0.0]]).reshape(1, 2, 1, 5)

    def down(rule):
        return project(model, images, "features", lambda maps: signs, rule)[0, 0, 0].tolist()

    assert down(deconvolution) == [1, 0, 1, 0, 1]
    assert down(guided) == [0, 0, 1, 0, 1]


def test_no_activation_of_the_lineage_is_forgotten():
    """Functions of one tensor that the networks call, by their names, are among those that follow the rule."""
    names = {function.__name__ for function in ACTIVATIONS}
    seen = set()

    class Listening(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            seen.add(getattr(function, "__name__", ""))
            return function(*args, **(kwargs or {}))

    for name in ("lenet5_original", "mobilenet_v3_small", "tf_efficientnet_lite0", "efficientnet_b0", "darknet53"):
        model = create_model(name, num_classes=2).eval()
        with torch.no_grad(), Listening():
            model(torch.zeros(1, model.in_channels, 32, 32))
    called = {
        name for name in seen if any(word in name for word in ("relu", "silu", "swish", "elu", "sigmoid", "tanh"))
    }
    assert {"hardswish", "silu", "leaky_relu", "tanh"} <= called, "the networks must have shown what they call"
    assert called <= names


def test_gates_are_constants():
    """Through a gate every pixel would reach every unit."""
    torch.manual_seed(0)
    model = create_model("mobilenet_v3_small", num_classes=2).eval()
    images = torch.randn(1, 3, 128, 128)

    def one(maps):
        chosen = torch.zeros_like(maps)
        chosen[0, 1, 8, 8] = 1
        return chosen

    def extent(projection):
        return np.ptp(np.argwhere(np.abs(projection[0]).max(0) > 0), axis=0).max()

    assert extent(project(model, images, "stages.0", one, lambda down, up: down)) < 40
    pictures = images.clone().requires_grad_()
    maps = model.stages[0](model.stem(pictures))
    (gradient,) = torch.autograd.grad(maps, pictures, one(maps))
    assert extent(gradient.numpy()) > 120, "the gate must be there"


@pytest.mark.parametrize(
    "name", ["resnet20_cifar", "densenet_40_12_cifar", "mobilenet_v2", "shufflenet_v2_x0_5", "squeezenet1_1"]
)
def test_any_convolutional_network_has_channels(name):
    torch.manual_seed(0)
    model = create_model(name, num_classes=3)
    side, random = 32, np.random.default_rng(0)
    images = random.integers(0, 256, (12, 3, side, side), np.uint8)
    found = channels(model, images.__getitem__, 12, Preprocess(size=side, crop=1.0), "features", guided, count=3)
    assert 0 < len(found) <= 3
    for channel in found:
        assert len(channel.patches) == len(channel.projections) == len(channel.images) <= 9
        assert list(channel.activations) == sorted(channel.activations, reverse=True)
        assert all(
            patch.shape == projection.shape
            for patch, projection in zip(channel.patches, channel.projections, strict=True)
        )
        assert channel.picture().shape[2] == 3


def test_the_strongest_are_those_of_all_images_at_once():
    torch.manual_seed(0)
    model = Chain(1, 5, nn.Conv2d(1, 5, 3), nn.ReLU())
    images = torch.randn(23, 1, 9, 11)
    found = strongest(model, images.split(4), "features", top=6)
    maps = model.features(images).detach()
    peaks = maps.flatten(2).max(2).values
    np.testing.assert_allclose(found.activations, peaks.sort(0, descending=True).values[:6].T.numpy())
    for channel in range(5):
        for rank in range(6):
            row, column = found.places[channel, rank]
            assert maps[found.images[channel, rank], channel, row, column] == found.activations[channel, rank]
    assert strongest(model, [images[:2]], "features", top=6).activations.shape == (5, 2)


def test_patches_show_what_the_channel_looks_for():
    """A filter for a bright cross, planted in three of ten dark pictures."""
    cross = torch.tensor([[0.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
    model = Chain(1, 1, nn.Conv2d(1, 1, 3, bias=False), nn.ReLU())
    model.trunk[0].weight.data = cross[None, None]
    pictures = np.zeros((10, 1, 16, 16), np.uint8)
    for image, (row, column) in {2: (0, 0), 5: (13, 13), 7: (6, 9)}.items():
        pictures[image, 0, row : row + 3, column : column + 3] = 200 * cross.numpy()
    flat = Preprocess(size=16, crop=1.0, mean=(0.0,), std=(1.0,))
    (channel,) = channels(model, pictures.__getitem__, 10, flat, "features", deconvolution, top=9)
    assert sorted(channel.images) == [2, 5, 7]
    for patch, projection in zip(channel.patches, channel.projections, strict=True):
        np.testing.assert_array_equal(patch[..., 0], 200 * cross.numpy())
        np.testing.assert_array_equal(projection[..., 0] > 128, cross.numpy() > 0)
    side = 2 * CELL + GAP
    assert channel.picture().shape == (side, 2 * side + 3 * GAP, 3)


def test_nothing_is_grey():
    assert (visible(np.zeros((3, 4, 4), np.float32)) == 128).all()
    assert squares(np.zeros((2, 1, 6, 6), np.float32)) == [(0, 0, 1), (0, 0, 1)]


def test_without_images_there_are_no_channels():
    with pytest.raises(UsageError, match="no images"):
        strongest(Chain(1, 1, nn.Conv2d(1, 1, 1)), [], "features")
