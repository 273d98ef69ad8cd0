from __future__ import annotations

import pytest
import torch

from topfive.models import create_model


@pytest.mark.parametrize(
    ("name", "stem", "stages"),
    [
        ("squeezenet1_0", (96, 54, 54), [(256, 27, 27), (512, 13, 13), (512, 13, 13)]),
        ("squeezenet1_1", (64, 55, 55), [(128, 27, 27), (256, 13, 13), (512, 13, 13)]),
    ],
)
def test_sizes(name: str, stem: tuple[int, ...], stages: list[tuple[int, ...]]) -> None:
    with torch.device("meta"):
        model = create_model(name)
        x = model.stem(torch.zeros(1, 3, 224, 224))
        assert tuple(x.shape[1:]) == stem
        shapes = []
        for stage in model.stages:
            x = stage(x)
            shapes.append(tuple(x.shape[1:]))
    assert shapes == stages


def test_fire_modules_are_table_1() -> None:
    """s1x1, and e1x1 = e3x3."""
    with torch.device("meta"):
        fires = [fire for stage in create_model("squeezenet1_0").stages for fire in stage if hasattr(fire, "squeeze")]
    assert [(fire.squeeze.out_channels, fire.expand1.out_channels, fire.expand3.out_channels) for fire in fires] == [
        *[(16, 64, 64)] * 2,
        *[(32, 128, 128)] * 2,
        *[(48, 192, 192)] * 2,
        *[(64, 256, 256)] * 2,
    ]
