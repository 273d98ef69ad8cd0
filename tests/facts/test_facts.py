"""Every variant against the table of architectures, which was made independently of this package."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from topfive.models import TIMELINE, create_model, list_models, spec
from topfive.nn.measure import count_macs, count_params

with (Path(__file__).parent / "architectures.csv").open(encoding="utf-8") as table:
    ROWS = {row["key"]: row for row in csv.DictReader(table)}

TITLES = {module.PAPER.title.split(" (")[0] for module in TIMELINE}
COMPLETE = {key for key, row in ROWS.items() if row["paper"].split(" (")[0] in TITLES}

UNPUBLISHED = {key for key, row in ROWS.items() if row["params"] == "n/a"}  # the paper does not give the widths
SIDES = {"googlenet_aux": 8_372_224}  # this row adds the side classifiers, which run in training alone


@pytest.mark.parametrize("name", list_models())
def test_counts_equal_the_table(name: str) -> None:
    variant = spec(name)
    facts, row = variant.facts, ROWS[variant.fact]
    with torch.device("meta"):
        model = create_model(name)
        shapes: list[torch.Size] = []
        model.register_forward_hook(lambda _, __, logits: shapes.append(logits.shape))
        assert count_params(model) == facts.params
        assert count_macs(model, facts.input_size) == facts.macs
    if variant.fact not in UNPUBLISHED:
        assert facts.params == int(row["params"])
        assert facts.macs + SIDES.get(variant.fact, 0) == int(row["macs"])
    assert shapes == [(1, facts.num_classes)]
    assert row["input"] == f"{facts.in_channels}x{facts.input_size}x{facts.input_size}"


def test_every_row_of_the_families_has_a_variant() -> None:
    assert {spec(name).fact for name in list_models()} == COMPLETE


@pytest.mark.parametrize("name", list_models())
def test_the_paper_is_the_tables(name: str) -> None:
    variant = spec(name)
    row = ROWS[variant.fact]
    assert variant.paper.year == int(row["year"])
    assert variant.paper.arxiv == ("" if row["arxiv"].startswith("none") else row["arxiv"])
    assert variant.paper.title.split(" (")[0] == row["paper"].split(" (")[0]


@pytest.mark.parametrize("name", list_models())
def test_reported_errors_are_fractions_of_the_tables_percents(name: str) -> None:
    variant = spec(name)
    row = ROWS[variant.fact]
    for figure in variant.facts.reported:
        percent = row["paper_top1_err" if figure.metric == "top1_error" else "paper_top5_err"]
        assert f"{100 * figure.value:.2f}".rstrip("0").rstrip(".") in percent.replace(".0 ", " ").replace(".0;", ";")
        assert figure.where
        assert figure.protocol


@pytest.mark.parametrize("name", list_models())
def test_preprocessing_gives_the_input_of_the_row(name: str) -> None:
    variant = spec(name)
    assert variant.preprocess.side == variant.facts.input_size
    assert variant.preprocess.channels == variant.facts.in_channels


def test_efficientnets_cut_sixteen_pixels_from_each_side() -> None:
    """A crop ratio that rounds down by one would shift every image."""
    for name in list_models("*efficientnet_[bl]*"):
        preprocess = spec(name).preprocess
        assert preprocess.resize_side == preprocess.size + 32


def test_timeline_is_in_order_of_publication() -> None:
    dates = [(module.PAPER.year, module.PAPER.month) for module in TIMELINE]
    assert dates == sorted(dates)
