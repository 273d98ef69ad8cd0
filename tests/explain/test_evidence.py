"""Occlusion and integrated gradients, and whether all methods look at the thing itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from topfive.errors import UsageError
from topfive.explain.grad_cam import grad_cam, grad_cam_plus_plus
from topfive.explain.heat import brightest, gathered
from topfive.explain.integrated_gradients import integrated_gradients
from topfive.explain.occlusion import occlusion
from topfive.nn.classifier import Classifier

SIDE, PATCH = 32, 8


class Small(Classifier):
    """Three convolutions that quarter the picture, a mean and a linear head."""

    def __init__(self, activation=nn.ReLU):
        super().__init__(3, 1)
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), activation(), nn.Conv2d(8, 16, 3, 2, 1), activation(), nn.Conv2d(16, 16, 3, 1, 1)
        )
        self.head = nn.Linear(16, 3)

    def features(self, images):
        return F.relu(self.trunk(images))


class Corner(Classifier):
    """Says class 1 by the sum of one square of the picture."""

    def __init__(self, top, left, size):
        super().__init__(2, 1)
        self.square = (slice(top, top + size), slice(left, left + size))
        self.head = nn.Linear(1, 2, bias=False)
        self.head.weight.data = torch.tensor([[0.0], [1.0]])

    def embed(self, images):
        return images[:, :, *self.square].sum((2, 3))


def stripes(standing):
    wave = np.where(np.arange(PATCH) % 4 < 2, 2.0, -2.0).astype(np.float32)
    return wave if standing else wave[:, None]


def things(count, seed=0):
    """Noise, and in it a square of lying stripes (0), of standing ones (1), or none (2): images, classes, corners."""
    random = np.random.default_rng(seed)
    images = random.normal(0, 0.3, (count, 1, SIDE, SIDE)).astype(np.float32)
    classes = random.integers(0, 3, count)
    corners = random.integers(0, SIDE - PATCH + 1, (count, 2))
    for image, kind, (top, left) in zip(images, classes, corners, strict=True):
        if kind < 2:
            image[0, top : top + PATCH, left : left + PATCH] = stripes(standing=kind == 1)
    return torch.from_numpy(images), torch.from_numpy(classes), corners


def both(count, seed):
    """Noise with one square of each class, left and right: images, a class to ask of each, and its square's corner."""
    random = np.random.default_rng(seed)
    images = random.normal(0, 0.3, (count, 1, SIDE, SIDE)).astype(np.float32)
    asked, corners = random.integers(0, 2, count), []
    for image, wanted in zip(images, asked, strict=True):
        for side, standing in enumerate(random.permutation(2)):
            top = random.integers(0, SIDE - PATCH + 1)
            left = SIDE // 2 * side + random.integers(2, SIDE // 2 - PATCH - 1)
            image[0, top : top + PATCH, left : left + PATCH] = stripes(standing)
            if standing == wanted:
                corners.append((top, left))
    return torch.from_numpy(images), asked, corners


@pytest.fixture(scope="module")
def trained():
    """Learns the stripes in a second or two."""
    torch.manual_seed(0)
    model, (images, classes, _) = Small(), things(512)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(8):
        for part, truth in zip(images.split(32), classes.split(32), strict=True):
            optimizer.zero_grad()
            F.cross_entropy(model(part), truth).backward()
            optimizer.step()
    model.eval()
    fresh, truth, _ = things(200, seed=1)
    assert (model(fresh).argmax(1) == truth).float().mean() > 0.95, "what has not learnt has nowhere to look"
    return model


def covered(model, images, classes):
    return occlusion(model, images, classes, window=PATCH, stride=2)


def attributed(model, images, classes):
    shares = torch.from_numpy(integrated_gradients(model, images, classes, torch.zeros(1)))
    return F.avg_pool2d(shares, 5, 1, 2)[:, 0].numpy()


def hits(heats, corners):
    """How often the peak lies in the square, or within half a place of the maps beside it."""
    peaks = [np.unravel_index(heat.argmax(), heat.shape) for heat in heats]
    inside = [
        top - 2 <= row < top + PATCH + 2 and left - 2 <= column < left + PATCH + 2
        for (row, column), (top, left) in zip(peaks, corners, strict=True)
    ]
    return np.mean(inside)


@pytest.mark.parametrize("ask", [grad_cam, grad_cam_plus_plus, covered, attributed])
def test_the_peak_lies_in_the_thing(trained, ask):
    images, classes, corners = things(60, seed=2)
    there = np.flatnonzero(classes < 2)
    heats = ask(trained, images[there], classes[there])
    assert hits(heats, corners[there]) >= 0.85
    assert hits(heats, np.roll(corners[there], 1, axis=0)) < 0.5, "squares of other images must not be hit"


@pytest.mark.parametrize("ask", [grad_cam, attributed])
def test_of_two_things_the_peak_lies_in_the_one_that_is_asked_for(trained, ask):
    images, asked, corners = both(40, seed=2)
    assert hits(ask(trained, images, asked), corners) >= 0.85
    torch.manual_seed(3)
    assert hits(ask(Small(), images, asked), corners) < 0.75, "a network that has learnt nothing must not pass"


def test_occlusion_finds_the_square_that_decides():
    image = torch.ones(1, 1, 24, 24)
    worth = occlusion(Corner(8, 14, 4), image, [1], window=4, stride=1)[0]
    assert np.unravel_index(worth.argmax(), worth.shape) in {
        (row, column) for row in range(8, 12) for column in range(14, 18)
    }
    far = np.ones((24, 24), bool)
    far[5:15, 11:21] = False
    np.testing.assert_array_equal(worth[far], 0)
    np.testing.assert_allclose(occlusion(Corner(8, 14, 4), image, [0], window=4, stride=1)[0], -worth, atol=1e-6)


def test_what_is_lost_is_probability():
    """Where the window is the whole picture, every pixel loses all that covering it costs."""
    model, image = Corner(0, 0, 2), torch.full((1, 1, 4, 4), 0.5)
    before, after = (model(picture).softmax(1)[0, 1].item() for picture in (image, image * 0))
    np.testing.assert_allclose(occlusion(model, image, [1], window=4), before - after, atol=1e-6)


@pytest.mark.parametrize(("window", "stride"), [(1, 1), (3, 1), (3, 2), (4, 3), (5, 5), (7, 7)])
def test_every_pixel_is_covered(window, stride):
    worth = occlusion(Corner(0, 0, 7), torch.ones(1, 1, 7, 9), [1], window=window, stride=stride)
    assert np.isfinite(worth).all()
    assert worth[0, :, -1].any() == (window == 7), "the last column decides nothing, unless the squares reach back"


def test_the_same_image_is_covered_once_however_many_classes_are_asked(monkeypatch):
    model, calls = Small().eval(), []
    monkeypatch.setattr(model, "features", lambda images, own=model.features: calls.append(len(images)) or own(images))
    image = torch.randn(1, 1, SIDE, SIDE)
    both = occlusion(model, image.expand(2, -1, -1, -1), [0, 1])
    once = sum(calls)
    calls.clear()
    alone = [occlusion(model, image, [index])[0] for index in (0, 1)]
    assert 0 < once < sum(calls)
    np.testing.assert_allclose(both, alone, atol=1e-6)


@pytest.mark.parametrize("settings", [{"window": 0}, {"window": 33}, {"stride": 0}, {"window": 3, "stride": 4}])
def test_windows_that_do_not_fit_are_refused(settings):
    with pytest.raises(UsageError, match="window"):
        occlusion(Small(), torch.zeros(1, 1, SIDE, SIDE), [0], **settings)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.SiLU, nn.ReLU6, nn.Tanh])
def test_attributions_add_up_to_the_difference_of_the_logits(activation):
    """Completeness, within one part in a hundred."""
    torch.manual_seed(0)
    model = Small(activation).eval()
    images, baseline = torch.randn(4, 1, SIDE, SIDE), torch.full((1, SIDE, SIDE), -0.5)
    classes = [0, 1, 1, 0]
    shares = integrated_gradients(model, images, classes, baseline, steps=128)
    with torch.no_grad():
        rise = (model(images) - model(baseline[None]))[range(4), classes].numpy()
    np.testing.assert_allclose(shares.sum((1, 2, 3)), rise, rtol=0.01, atol=0.01 * np.abs(rise).max())
    plain = np.stack([  # the gradient times the difference, which is no integral
        integrated_gradients(model, images[i : i + 1], classes[i : i + 1], baseline, steps=1)[0] for i in range(4)
    ])  # fmt: skip
    assert np.abs(plain.sum((1, 2, 3)) - rise).max() > 0.02 * np.abs(rise).max(), "a sum that nothing could miss"


def test_a_linear_network_is_shared_out_exactly():
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    shares = integrated_gradients(Corner(1, 1, 2), image, [1], torch.ones(1), steps=3)[0, 0]
    expected = np.zeros((4, 4))
    expected[1:3, 1:3] = image[0, 0, 1:3, 1:3].numpy() - 1
    np.testing.assert_allclose(shares, expected, atol=1e-5)


def test_steps_must_be_some():
    with pytest.raises(UsageError, match="steps"):
        integrated_gradients(Small(), torch.zeros(1, 1, SIDE, SIDE), [0], torch.zeros(1), steps=0)


def test_gathering_keeps_the_size_and_the_place():
    shares = np.zeros((3, 80, 80), np.float32)
    shares[:, 30, 30], shares[:, 60, 60] = 1, -0.5
    near = gathered(shares)
    np.testing.assert_allclose(near.sum(), 4.5, rtol=1e-5)
    assert np.unravel_index(near.argmax(), near.shape) == (30, 30)
    np.testing.assert_allclose(near[60, 60], near[30, 30] / 2, rtol=1e-5)


def test_heat_is_what_lies_above_nothing():
    worth = np.linspace(-1, 1, 200, dtype=np.float32).reshape(10, 20)
    heat = brightest(worth)
    assert (heat[worth <= 0] == 0).all()
    assert heat.max() == 1
    assert 0 < (heat == 1).mean() <= 0.011
    assert not brightest(-np.abs(worth)).any()
    alone = np.zeros((30, 30), np.float32)
    alone[3, 4] = 2
    np.testing.assert_array_equal(brightest(alone), alone / 2)
