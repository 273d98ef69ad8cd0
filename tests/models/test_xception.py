from __future__ import annotations

import torch
from torch import nn

from topfive.models import create_model
from topfive.models.xception import Block


def test_flows_are_those_of_figure_5() -> None:
    with torch.device("meta"):
        model = create_model("xception")
        blocks: list[tuple[int, int]] = []
        for module in model.modules():
            if isinstance(module, Block):
                module.register_forward_hook(lambda _, __, y: blocks.append(tuple(y.shape[1:3])))
        features = model.features(torch.zeros(1, 3, 299, 299))
        stem = model.stem(torch.zeros(1, 3, 299, 299))
    assert tuple(stem.shape[1:3]) == (64, 147)
    assert blocks == [(128, 74), (256, 37), (728, 19), *[(728, 19)] * 8, (1024, 10)]
    assert tuple(features.shape[1:3]) == (2048, 10)


def test_nothing_stands_between_depthwise_and_pointwise() -> None:
    with torch.device("meta"):
        block = create_model("xception").stages[1][0]
    kinds = [type(part).__name__ for part in block.branch[1]]
    assert kinds == ["Conv2d", "Conv2d", "BatchNorm2d"]


def test_the_first_activation_of_all_is_idle() -> None:
    """The stem ends in one, so that figure 5's block without it and ours with it are the same."""
    torch.manual_seed(0)
    model = create_model("xception", num_classes=2).eval()
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        before = model(images)
        model.stages[0][0].branch[0] = nn.Identity()
        assert torch.equal(model(images), before)
