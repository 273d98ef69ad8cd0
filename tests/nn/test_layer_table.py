"""The layer table: it adds up whatever a network is made of, and says what ran where."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topfive.models import TIMELINE, create_model, list_models, spec
from topfive.nn.classifier import Classifier
from topfive.nn.layer_table import Layer, layers, measured, stages
from topfive.nn.measure import count_macs, count_params

SMALLEST = [min(module.VARIANTS, key=lambda variant: variant.facts.macs).name for module in TIMELINE if module.VARIANTS]


def table_of(name: str) -> Layer:
    with torch.device("meta"):
        return measured(create_model(name), spec(name).facts.input_size)


@pytest.mark.parametrize("name", SMALLEST)
def test_both_tables_add_up_to_the_facts(name: str) -> None:
    facts, root = spec(name).facts, table_of(name)
    for rows in (stages(root), layers(root)):
        assert sum(row.params for row in rows) == facts.params
        assert sum(row.macs for row in rows) == facts.macs
        assert len({row.name for row in rows}) == len(rows)
    assert root.outputs == ((facts.num_classes,),)
    assert 2 <= len(stages(root)) <= 45


class Cell(nn.Module):
    """Two inputs, a product that no module makes, and a concatenation."""

    def __init__(self, channels: int):
        super().__init__()
        self.left = nn.Conv2d(channels, 2, 1, bias=False)
        self.right = nn.Conv2d(channels, 3, 3, padding=1, bias=False)
        self.mix = nn.Parameter(torch.ones(5, 5))

    def forward(self, before: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat([self.left(before), self.right(now)], 1)
        return now, torch.einsum("nchw,cd->ndhw", both, self.mix)


class Odd(Classifier):
    def __init__(self) -> None:
        super().__init__(7, 3)
        self.head = nn.Linear(5, 7)
        self.side = nn.Linear(5, 7)
        self.none = nn.ModuleList()
        self.stem = nn.Sequential(nn.Conv2d(3, 5, 3, 2, 1), nn.BatchNorm2d(5), nn.ReLU())
        self.cells = nn.ModuleList([Cell(5), Cell(5)])
        self.tied = self.cells[0].left
        self.token = nn.Parameter(torch.zeros(5))

    def features(self, images: Tensor) -> Tensor:
        before = now = self.stem(images)
        for cell in self.cells:
            before, now = cell(before, now)
        self.tied(now)
        return now + F.conv2d(now, torch.ones(5, 1, 1, 1, device=now.device), groups=5) + self.token.view(1, 5, 1, 1)


def test_cells_functions_shared_and_unused_modules() -> None:
    with torch.device("meta"):
        model = Odd()
        root = measured(model, 8)
    rows = {row.name: row for row in stages(root)}
    assert list(rows) == ["stem", "cells", "head", "side", "(itself)"]
    assert rows["stem"].layer == "Conv2d 3x3/2"
    assert rows["stem"].outputs == ((5, 4, 4),)
    assert rows["cells"].layer == "2 Cell"
    assert rows["cells"].outputs == ((5, 4, 4), (5, 4, 4))
    assert rows["cells"].macs == 16 * (2 * (10 + 135 + 25) + 10)  # the tied convolution runs once more
    assert rows["head"].outputs == ((7,),)
    assert rows["side"].outputs == ()
    assert rows["side"].macs == 0
    assert (rows["(itself)"].params, rows["(itself)"].macs) == (5, 16 * 5)
    assert sum(row.params for row in rows.values()) == count_params(model)
    assert sum(row.macs for row in rows.values()) == count_macs(model, 8)
    every = {row.name: row for row in layers(root)}
    assert (every["cells.1"].params, every["cells.1"].macs) == (25, 16 * 25)
    assert every["cells.1.right"].outputs == ((3, 4, 4),)
    assert sum(row.macs for row in every.values()) == count_macs(model, 8)


def test_stages_are_those_of_the_papers_tables() -> None:
    assert [(row.name, row.layer, row.outputs[0][0]) for row in stages(table_of("resnet50"))] == [
        ("stem", "Conv2d 7x7/2, MaxPool2d", 64),
        ("stages.0", "3 Bottleneck", 256),
        ("stages.1", "4 Bottleneck", 512),
        ("stages.2", "6 Bottleneck", 1024),
        ("stages.3", "3 Bottleneck", 2048),
        ("head", "Linear", 1000),
    ]
    assert [row.layer for row in stages(table_of("alexnet_paper"))][2] == "Conv2d 5x5, 2 groups"


def test_nothing_is_left_behind_in_the_network() -> None:
    model = create_model("lenet5").train()
    measured(model, 32)
    assert model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_every_name_of_a_stage_leads_to_its_module() -> None:
    for name in ("mobilenet_v2", "vgg11"):
        assert name in list_models()
        with torch.device("meta"):
            model = create_model(name)
        for row in stages(measured(model, spec(name).facts.input_size)):
            model.get_submodule(row.name.partition("-")[0])
