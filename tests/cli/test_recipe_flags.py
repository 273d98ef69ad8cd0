from __future__ import annotations

import contextlib
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from topfive.cli import application
from topfive.cli.recipe_flags import seconds_from, settings_from
from topfive.errors import UsageError
from topfive.recipe import Recipe, recipe_from


def test_every_field_of_a_recipe_is_a_flag_with_help():
    shown = CliRunner().invoke(application("train"), ["train", "--help"], env={"COLUMNS": "200"}).output
    for field in dataclasses.fields(Recipe):
        assert f"--{field.name.replace('_', '-')} " in shown
        assert Recipe.__pydantic_fields__[field.name].description, field.name


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("2 h", 7200), ("1d", 86400)]
)
def test_times(text, seconds):
    assert seconds_from(text) == seconds


@given(st.text())
def test_no_text_is_a_time_of_nothing(text):
    with contextlib.suppress(UsageError):
        assert seconds_from(text) > 0


def test_pairs_win_over_flags_and_are_read_as_their_field_is():
    settings = settings_from(
        {"lr": 0.1, "epochs": 3, "mixup": None}, ["lr=0.5", "scale=0.3,1", "zero-gamma=true", "time=2m", "drop=none"]
    )
    recipe = recipe_from({"model": "lenet5", **settings})
    assert (recipe.lr, recipe.epochs, recipe.mixup, recipe.time) == (0.5, 3, 0, 120)
    assert (recipe.scale, recipe.zero_gamma, recipe.drop) == ((0.3, 1.0), True, None)


@pytest.mark.parametrize("pair", ["mixup", "=3", "mixup:0.2"])
def test_what_is_no_pair_is_named(pair):
    with pytest.raises(UsageError, match=r"setting|unknown recipe key"):
        recipe_from({"model": "lenet5", **settings_from({}, [pair])})
