from __future__ import annotations

import pytest
import torch

from topfive.models import create_model


@pytest.mark.parametrize(("name", "widths"), [("zfnet", (384, 384, 256)), ("zfnet512", (512, 1024, 512))])
def test_sizes_are_those_of_figure_3(name: str, widths: tuple[int, int, int]) -> None:
    with torch.device("meta"):
        x = torch.zeros(1, 3, 224, 224)
        shapes = {}
        for layer, module in create_model(name).trunk.named_children():
            x = module(x)
            shapes[layer] = tuple(x.shape[1:])
    assert shapes["conv1"] == (96, 110, 110)
    assert shapes["pool1"] == (96, 55, 55)
    assert shapes["conv2"] == (256, 26, 26)
    assert shapes["pool2"] == (256, 13, 13)
    assert [shapes[f"conv{number}"] for number in (3, 4, 5)] == [(width, 13, 13) for width in widths]
    assert shapes["pool5"] == (widths[-1], 6, 6)
