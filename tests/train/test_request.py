from __future__ import annotations

import contextlib
import dataclasses
import os

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from faults.datasets import good
from topfive.data import Splits
from topfive.errors import DataError, RefusedError, UsageError
from topfive.preprocess import Preprocess
from topfive.train import DataChoices, Request, Run, settle
from topfive.train import request as requests
from topfive.train.fit import Silent
from topfive.train.placement import Placement
from topfive.train.plan import check_same, configuration, preprocess_for

LENET = {"model": "lenet5"}


@pytest.fixture
def data(tmp_path):
    return good(tmp_path / "data", count=6)


def plan(request):
    """Settle it, and write down what a run writes before its first step."""
    settled = settle(request, Silent())
    preprocess = preprocess_for(settled.recipe, settled.splits)
    config = configuration(settled.recipe, settled.splits, preprocess, Placement(1, False), settled.source)
    with Run(settled.folder) as run:
        run.write_config(config)
    return settled


def test_a_new_run_is_named_after_data_and_network(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settled = plan(Request("data", settings=LENET))
    assert str(settled.folder) == os.path.join("runs", "data-lenet5")
    assert settled.source["source"] == str(data), "as it holds in any working directory"
    assert plan(Request("data", settings=LENET)).folder.name == "data-lenet5-2"


def test_a_setting_wins_over_the_recipe_that_suits(data):
    settled = settle(Request(str(data), settings={**LENET, "lr": 0.5}), Silent())
    assert settled.recipe.lr == 0.5
    assert settled.recipe.opt == "adamw"


def test_a_continued_run_asks_for_its_own_data_and_recipe(data, tmp_path, monkeypatch):
    choices = DataChoices(split_seed=3, val_fraction=0.25)
    begun = plan(Request(str(data), tmp_path / "run", settings={**LENET, "epochs": 3}, choices=choices))
    monkeypatch.chdir(data)
    for request in (Request(resume=str(tmp_path / "run")), Request(out=tmp_path / "run", resume="")):
        settled = settle(request, Silent())
        assert settled.recipe == begun.recipe
        assert settled.splits.fingerprint == begun.splits.fingerprint
        assert settled.source == begun.source


def test_resume_begins_where_nothing_is(data, tmp_path):
    settled = settle(Request(str(data), tmp_path / "run", resume="", settings=LENET), Silent())
    assert settled.folder == tmp_path / "run"


def test_data_after_resume_are_data(data, tmp_path):
    """In `--resume DATA --out DIR` the shell cannot tell; we can."""
    settled = settle(Request(None, tmp_path / "run", resume=str(data), settings=LENET), Silent())
    assert settled.folder == tmp_path / "run"
    assert settled.source["source"] == str(data)


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"split_seed": 1}, "split_seed was 0, is 1"),
        ({"val_fraction": 0.25, "max_bad": 0.5}, "val_fraction was 0.1, is 0.25, max_bad was 0.05, is 0.5"),
        ({"allow_empty": True}, "allow_empty was False, is True"),
    ],
)
def test_other_choices_are_refused(data, tmp_path, choices, says):
    plan(Request(str(data), tmp_path / "run", settings=LENET))
    with pytest.raises(UsageError, match=says):
        settle(Request(resume=str(tmp_path / "run"), choices=DataChoices(**choices)), Silent())


def test_other_data_are_refused(data, tmp_path):
    plan(Request(str(data), tmp_path / "run", settings=LENET))
    with pytest.raises(UsageError, match=r"source was .*data, is digits"):
        settle(Request("digits", resume=str(tmp_path / "run")), Silent())


def test_only_the_root_of_named_data_may_move(data, tmp_path):
    plan(Request(str(data), tmp_path / "run", settings=LENET))
    settled = settle(Request(resume=str(tmp_path / "run"), data_root=tmp_path), Silent())
    assert settled.source["root"] == str(tmp_path)


def test_a_run_that_was_not_begun_here_needs_its_data_named(data, tmp_path):
    """`fit` may be called without saying where the splits came from."""
    begun = plan(Request(str(data), tmp_path / "run", settings=LENET))
    path = tmp_path / "run" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    for key in begun.source:
        del config["data"][key]
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(UsageError, match="missing data"):
        settle(Request(resume=str(tmp_path / "run")), Silent())
    assert settle(Request(str(data), resume=str(tmp_path / "run")), Silent()).recipe == begun.recipe


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request(), "missing data"),
        (Request(resume=""), "give --out"),
        (Request(resume="nowhere"), "it holds no run"),
        (Request("digits", settings={"model": "lenet6"}), "did you mean 'lenet5'"),
        (Request("digits", settings={"epoch": 3}), "did you mean 'epochs'"),
        (Request("digits", settings={**LENET, "epochs": 2, "warmup_epochs": 3}), "warmup_epochs"),
    ],
)
def test_wishes_that_cannot_be_meant(request_, says):
    with pytest.raises(UsageError, match=says):
        settle(request_, Silent())


def test_settings_are_checked_before_any_image_is_read(monkeypatch, data):
    read = []
    monkeypatch.setattr(requests, "open_data", lambda *a, **k: read.append(a))
    with pytest.raises(UsageError):
        settle(Request(str(data), settings={"model": "lenet6"}), Silent())
    assert read == []


def test_an_existing_run_is_not_written_over(data, tmp_path):
    plan(Request(str(data), tmp_path / "run", settings=LENET))
    with pytest.raises(UsageError, match="already holds a run"):
        settle(Request(str(data), tmp_path / "run", settings=LENET), Silent())


@given(st.integers(1, 200))
def test_any_number_of_epochs_leaves_room_for_the_warm_up(epochs):
    settled = settle(Request("digits", settings={"model": "resnet18", "epochs": epochs}), Silent())
    assert 0 < settled.recipe.warmup_epochs <= epochs / 2


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)


@given(st.data())
def test_a_configuration_that_was_tampered_with_is_one_line(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "tampered"
    if not (folder / "whole.yaml").exists():
        plan(Request("digits", folder, settings=LENET))
        (folder / "config.yaml").rename(folder / "whole.yaml")
    config = yaml.safe_load((folder / "whole.yaml").read_text())
    place = config
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            break
        place = place[key]
    if data.draw(st.booleans()):
        place[key] = data.draw(VALUES)
    else:
        del place[key]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with contextlib.suppress(UsageError, DataError, RefusedError):
        settled = settle(Request(resume=str(folder)), Silent())
        config = Run(folder).config
        assert isinstance(settled.splits, Splits)
        assert Placement(**config["placement"]).threads >= 1
        assert Preprocess(**config["preprocess"]).side >= 1
        assert isinstance(check_same(config, settled.recipe, settled.splits, accept_data_change=True), list)


@pytest.mark.parametrize(
    ("key", "value"), [("source", 5), ("root", ["x"]), ("split_seed", "x"), ("val_fraction", None), ("allow_empty", 2)]
)
def test_a_source_that_was_tampered_with_is_refused(data, tmp_path, key, value):
    plan(Request(str(data), tmp_path / "run", settings=LENET))
    path = tmp_path / "run" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["data"][key] = value
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(RefusedError, match=rf"data\.{key}"):
        settle(Request(resume=str(tmp_path / "run")), Silent())


def test_requests_are_values():
    assert Request("x") == Request("x")
    assert dataclasses.replace(Request("x"), data="y") != Request("x")
