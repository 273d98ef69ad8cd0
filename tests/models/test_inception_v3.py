from __future__ import annotations

import pytest
import torch

from topfive.models import create_model, spec

STAGES = {
    "inception_v2": [(288, 35), (768, 17), (2048, 8)],
    "inception_v3": [(288, 35), (768, 17), (2048, 8)],
    "inception_v4": [(384, 35), (1024, 17), (1536, 8)],
    "inception_resnet_v1": [(256, 35), (896, 17), (1792, 8)],
    "inception_resnet_v2": [(320, 35), (1088, 17), (1536, 8)],
    "inception_resnet_v2_paper": [(384, 35), (1152, 17), (2144, 8)],
}
STEMS = {
    "inception_v2": (288, 35),
    "inception_v3": (192, 35),
    "inception_v4": (384, 35),
    "inception_resnet_v1": (256, 35),
    "inception_resnet_v2": (192, 35),
    "inception_resnet_v2_paper": (384, 35),
}


@pytest.mark.parametrize("name", STAGES)
def test_stages_are_those_of_the_figures(name: str) -> None:
    with torch.device("meta"):
        model = create_model(name)
        x = model.stem(torch.zeros(1, 3, 299, 299))
        assert tuple(x.shape[1:3]) == STEMS[name]
        seen = []
        for stage in model.stages:
            x = stage(x)
            seen.append(tuple(x.shape[1:3]))
    assert seen == STAGES[name]


def test_the_stem_of_v2_is_table_1() -> None:
    """Each row's input: size and channels."""
    with torch.device("meta"):
        x = torch.zeros(1, 3, 299, 299)
        seen = []
        for layer in create_model("inception_v2").stem:
            seen.append((x.shape[2], x.shape[1]))
            x = layer(x)
    assert seen == [(299, 3), (149, 32), (147, 32), (147, 64), (73, 64), (71, 80), (35, 192)]


def test_v2_says_what_it_chose() -> None:
    assert "no widths" in spec("inception_v2").departs


def test_the_side_classifier_hangs_on_the_last_module_of_17x17() -> None:
    torch.manual_seed(0)
    model = create_model("inception_v3_aux", num_classes=3).eval()
    images = torch.randn(2, 3, 75, 75)
    with torch.no_grad():
        (logits,) = model.auxiliary(images)
        maps = model.stages[:2](model.stem(images))
        assert torch.equal(logits, model.sides[0](maps))
    assert maps.shape[1] == 768
    model.train()
    assert model(images).shape == (2, 3)
    (logits,) = model.auxiliary(images)
    logits.square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.sides.parameters())
    assert model.stages[2][0][0][0].conv.weight.grad is None  # behind it
