from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from topfive.models import create_model, spec
from topfive.preprocess import Preprocess
from topfive.recipe import recipe_from
from topfive.train.loss import cross_entropy
from topfive.train.objective import Objective, Teacher, distillation

GREY = Preprocess(size=32, crop=1, mean=(0.3,), std=(0.2,))
LABELS = torch.tensor([1, 0, 3])


def wish(**settings):
    return recipe_from({"model": "lenet5", **settings})


def test_side_classifiers_count_at_the_papers_weight():
    model = create_model("googlenet", 4, sides=True).eval()
    images = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        logits, sides = model.training_outputs(images)
        wanted = cross_entropy(logits, LABELS) + 0.3 * sum(cross_entropy(side, LABELS) for side in sides)
        found = Objective(model, cross_entropy, wish(auxiliary=True)).eval()(images, LABELS)
        without = Objective(model, cross_entropy, wish()).eval()(images, LABELS)
    assert len(sides) == 2
    torch.testing.assert_close(found, wanted)
    assert without < found
    assert spec("googlenet").sides.weight == 0.3


def test_distillation_vanishes_where_pupil_and_teacher_agree():
    logits = torch.tensor([[2.0, -1.0, 0.5]])
    assert distillation(logits, logits + 3, 4.0).item() == pytest.approx(0, abs=1e-6)
    by_hand = (
        F.softmax(torch.zeros(3) / 2, 0) * (torch.log(torch.tensor(1 / 3)) - F.log_softmax(logits[0] / 2, 0))
    ).sum()
    assert distillation(logits, torch.zeros(1, 3), 2.0).item() == pytest.approx(4 * by_hand.item(), rel=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_teacher_has_its_share(share):
    pupil, model = create_model("lenet5"), create_model("lenet5")
    teacher, images = Teacher(model, GREY, GREY), torch.randn(3, 1, 32, 32)
    recipe = wish(teacher="runs/a", teacher_share=share, teacher_temperature=3)
    found = Objective(pupil, cross_entropy, recipe, teacher)(images, LABELS)
    taught = distillation(pupil(images), model(images), 3.0)
    torch.testing.assert_close(found, (1 - share) * cross_entropy(pupil(images), LABELS) + share * taught)
    found.backward()
    assert all(parameter.grad is None for parameter in model.parameters()), "a teacher does not learn"
    assert any(parameter.grad is not None for parameter in pupil.parameters())


def test_a_teacher_stays_a_teacher_in_training():
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.Dropout(0.9), nn.Linear(4, 2))
    teacher = Teacher(model, Preprocess(size=2, crop=1, mean=(0.5,), std=(0.5,)), GREY)
    before = copy.deepcopy(model.state_dict())
    objective = Objective(create_model("lenet5"), cross_entropy, wish(), teacher).train()
    first, second = (objective.teacher(torch.ones(3, 1, 2, 2)) for _ in range(2))
    assert torch.equal(first, second)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_teacher_sees_images_as_it_is_used_to():
    """Colour where the pupil sees colour, grey where it wants grey, at its own size and on its own scale."""
    seen = []

    class Camera(nn.Module):
        def forward(self, images):
            seen.append(images)
            return images.flatten(1)

    pixels = torch.rand(2, 3, 16, 16)
    ours = Preprocess(size=16, crop=1, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (ours.mean, ours.std))
    Teacher(Camera(), Preprocess(size=8, crop=1, mean=(0.4,), std=(0.3,)), ours)((pixels - mean) / std)
    grey = (pixels * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    wanted = (F.interpolate(grey, size=(8, 8), mode="bilinear", antialias=True) - 0.4) / 0.3
    torch.testing.assert_close(seen[0], wanted)
