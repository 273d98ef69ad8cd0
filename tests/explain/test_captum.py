"""The same questions asked of captum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from topfive.explain.deconvnet import deconvolution, guided, project
from topfive.explain.grad_cam import grad_cam
from topfive.explain.integrated_gradients import integrated_gradients
from topfive.explain.occlusion import occlusion
from topfive.models import create_model
from topfive.nn.classifier import Classifier

attr = pytest.importorskip("captum.attr")
CLASSES = torch.tensor([1, 4])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return create_model("squeezenet1_1", num_classes=5).eval()


@pytest.fixture
def images():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_grad_cam(model, images):
    theirs = attr.LayerGradCam(model, model.stages).attribute(images, CLASSES, relu_attributions=True)
    theirs = theirs / theirs.amax((2, 3), keepdim=True)
    theirs = F.interpolate(theirs, images.shape[-2:], mode="bicubic")[:, 0].clamp(0, 1)
    np.testing.assert_allclose(grad_cam(model, images, CLASSES), theirs.detach().numpy(), atol=1e-5)


def test_integrated_gradients(model, images):
    image, black = images[:1], torch.full((1, 1, 1), -1.0)
    theirs = attr.IntegratedGradients(model).attribute(
        image, black[None].expand_as(image), CLASSES[:1], n_steps=200, internal_batch_size=20
    )
    ours = integrated_gradients(model, image, CLASSES[:1], black, steps=200)
    assert np.abs(ours - theirs.numpy()).sum() < 0.05 * theirs.abs().sum()


def test_occlusion(model, images):
    """Where squares do not overlap, both are a loss a square."""
    theirs = attr.Occlusion(nn.Sequential(model, nn.Softmax(1))).attribute(images, (3, 16, 16), (3, 16, 16), 0, CLASSES)
    ours = occlusion(model, images, CLASSES, window=16, stride=16)
    np.testing.assert_allclose(ours, theirs[:, 0].numpy(), atol=1e-6)


@pytest.mark.filterwarnings("ignore:Setting backward hooks")
@pytest.mark.parametrize(("rule", "name"), [(deconvolution, "Deconvolution"), (guided, "GuidedBackprop")])
def test_rules(images, rule, name):
    """Of the sum of all features, which captum asks as a network with one class."""
    torch.manual_seed(0)
    model = Chain()
    theirs = getattr(attr, name)(nn.Sequential(model.trunk, nn.Flatten(), Sum()))
    expected = theirs.attribute(images.clone().requires_grad_(), torch.zeros(2, dtype=torch.int64))
    ours = project(model, images, "features", torch.ones_like, rule)
    np.testing.assert_allclose(ours, expected.detach().numpy(), atol=1e-5)


class Chain(Classifier):
    def __init__(self):
        super().__init__(1, 3)
        self.trunk = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 4, 3), nn.ReLU())
        self.head = nn.Linear(4, 1)

    def features(self, images):
        return self.trunk(images)


class Sum(nn.Module):
    def forward(self, x):
        return x.sum(1, keepdim=True)
