"""What a command needs and is not there is told before it begins."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path

import pytest

from topfive.cli import main
from topfive.errors import TRAIN, UsageError, need, need_to_train


def test_all_of_the_training_extra_is_asked_for():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = {line.partition(">=")[0].replace("-", "_") for line in project["optional-dependencies"]["train"]}
    assert set(TRAIN) == listed


def test_where_all_is_there_nothing_is_said():
    need_to_train()


@pytest.mark.parametrize("module", TRAIN)
def test_a_missing_part_is_told_before_a_training(module, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["train", "digits", "--model", "lenet5", "--out", "run"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        f"error: missing package {module}: this command needs it. Install it with: pip install 'topfive[train]'"
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_module_that_lacks_another_is_no_missing_package(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("import no_such_module_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        need("broken_module", "train")
    with pytest.raises(UsageError, match=r"topfive\[train\]"):
        need("no_such_module_at_all", "train")
