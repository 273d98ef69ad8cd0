from __future__ import annotations

import csv
import dataclasses
import hashlib
import inspect
import json
import os
import signal
from types import SimpleNamespace

import pytest
import yaml

import topfive.train
from faults.datasets import FAULTS
from topfive.cli import run
from topfive.cli.progress import TrainingProgress
from topfive.cli.train import train
from topfive.errors import StoppedError
from topfive.train import Recipe, Run

PINNED = ["--threads", "1", "--memory-format", "contiguous", "--workers", "1"]  # nothing to be measured
QUICK = ["--model", "lenet5", "--epochs", "2", "--batch-size", "8", *PINNED]
STEPS = 8  # of QUICK on the photographs: 32 train, 4 val and 4 test


def answer(capsys, code=0):
    """What was printed: the one JSON line where all went well, and stderr."""
    out, err = capsys.readouterr()
    assert out.count("\n") == (0 if code else 1), err
    return json.loads(out) if out else None, err


def error_line(err):
    """The last line, and the only one that is an error."""
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert lines == err.splitlines()[-1:], err
    assert "Traceback" not in err
    return lines[0]


def digest(folder):
    """Of everything that a finished run ships."""
    names = ("model.onnx", "model.safetensors", "predictions.csv")
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]


@pytest.fixture
def trained(monkeypatch):
    """Which runs were asked for; none is trained."""
    asked = []

    def stand_in(recipe, splits, run, device, surroundings):
        asked.append((recipe, splits, surroundings))
        contract = {"run": str(run.folder), "artifact": "", "split": "test", "n": 0, "top1": 0.0}
        return SimpleNamespace(
            split="test", evaluation=SimpleNamespace(), contract=lambda: contract, text=lambda: "", kept=None
        )

    monkeypatch.setattr(topfive.train, "fit", stand_in)
    return asked


# A folder of photographs, and a table


def test_photographs_become_one_file_that_answers(photographs, tmp_path, capsys):
    (photographs / "noon" / "half.jpg").write_bytes((photographs / "noon" / "01.jpg").read_bytes()[:300])
    out = tmp_path / "run"
    arguments = ["--model", "resnet20_cifar", "--epochs", "4", "--batch-size", "8", "--lr", "0.02", *PINNED]
    assert run(["train", str(photographs), *arguments, "--out", str(out), "--json", "--strict"]) == 7
    printed, err = capsys.readouterr()
    assert error_line(err).startswith("error: finished, but skipped photographs: 1 images could not be read")
    assert "noon/half.jpg" in err
    result = json.loads(printed)
    assert result["split"] == "test"
    assert result["top1"] == 1.0

    assert run(["evaluate", result["artifact"], str(photographs), "--json"]) == 0
    measured, _ = answer(capsys)
    assert (measured["n"], measured["top1"]) == (result["n"], result["top1"])
    assert run(["predict", "--model", result["artifact"], str(photographs / "night" / "00.png"), "--json"]) == 0
    assert answer(capsys)[0]["predictions"][0]["label"] == "night"

    config = yaml.safe_load((out / "config.yaml").read_text())
    assert [entry["path"] for entry in config["data"]["skipped"]] == ["noon/half.jpg"]
    assert config["recipe"]["epochs"] == 4
    assert "half.jpg" in (out / "report.html").read_text()
    with open(out / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == result["n"]
    assert all(row["label"] == row["path"].split("/")[0] for row in rows)


def test_a_table_keeps_its_own_splits(table, tmp_path, capsys):
    assert run(["train", str(table), *QUICK, "--out", str(tmp_path / "run"), "--json"]) == 0
    result, _ = answer(capsys)
    assert (result["split"], result["n"]) == ("test", 6)
    counts = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["data"]["counts"]
    assert counts == {"train": 28, "val": 6, "test": 6}


def test_people_read_a_summary(photographs, tmp_path, capsys):
    assert run(["train", str(photographs), *QUICK, "--out", str(tmp_path / "run")]) == 0
    out, err = capsys.readouterr()
    assert "top-1" in out
    assert str(tmp_path / "run" / "model.onnx") in out
    assert err.count("epoch ") == 2


# Stopping and going on


def stop_after(monkeypatch, step, number=signal.SIGTERM):
    stepped = TrainingProgress.stepped

    def then_stop(progress, at, loss):
        stepped(progress, at, loss)
        if at == step:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(TrainingProgress, "stepped", then_stop)


def test_resume_in_all_its_forms_ends_with_the_same_files(photographs, tmp_path, capsys, monkeypatch):
    begin = ["train", str(photographs), *QUICK, "--seed", "7", "--json"]
    assert run([*begin, "--out", str(tmp_path / "whole")]) == 0
    whole, _ = answer(capsys)

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        assert run([*begin, "--out", str(out), "--resume"]) == 143, "--resume begins where there is nothing yet"
    _, err = answer(capsys, 143)
    line = error_line(err)
    assert line == f"error: stopped {out}: SIGTERM at step 3, all saved. Continue with: topfive train --resume {out}"
    with monkeypatch.context() as patch:
        stop_after(patch, 6, signal.SIGINT)
        assert run([*begin, "--resume", "--out", str(out)]) == 130, "the same command again"
    assert "from step 3 to 8" in answer(capsys, 130)[1]
    assert run(["train", "--resume", str(out), "--json"]) == 0
    resumed, err = answer(capsys)
    assert "from step 6 to 8" in err
    assert resumed == {**whole, "run": str(out), "artifact": str(out / "model.onnx")}
    assert digest(out) == digest(tmp_path / "whole")

    assert run(["train", "--out", str(out), "--resume", "--json"]) == 0, "a finished run is finished"
    assert answer(capsys)[0] == resumed
    assert digest(out) == digest(tmp_path / "whole")


def test_resume_from_another_place(photographs, tmp_path, trained, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["train", "photographs", *QUICK]) == 0
    folder = tmp_path / "runs" / "photographs-lenet5"
    assert folder.is_dir()
    write_config(folder, trained[-1])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run(["train", "--resume", str(folder)]) == 0
    assert trained[-1][1].fingerprint == trained[0][1].fingerprint
    assert trained[-1][0] == trained[0][0]


def write_config(folder, asked):
    """The configuration of a run that was planned and not begun."""
    from topfive.train.placement import Placement
    from topfive.train.plan import configuration, preprocess_for

    recipe, splits, around = asked
    config = configuration(recipe, splits, preprocess_for(recipe, splits), Placement(1, False), around.source)
    with Run(folder) as run:
        run.write_config(config)


# What cannot be meant


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["digits", "--model", "lenet"], 2, "did you mean 'lenet5'?"),
        (["digits", "--model", "resnet20_cifa"], 2, "did you mean 'resnet20_cifar'?"),
        (["digit", "--model", "lenet5"], 3, "Did you mean 'digits'?"),
        (["digits", "--modle", "lenet5"], 2, "--model"),
        (["digits", "--opt", "sdg"], 2, "'sgd'"),
        (["digits", "--sched", "cosin"], 2, "'cosine'"),
        (["digits", "--epochs", "0"], 2, "epochs"),
        (["digits", "--lr", "nan"], 2, "lr"),
        (["digits", "--lr", "0"], 2, "lr"),
        (["digits", "--batch-size", "-1"], 2, "batch_size"),
        (["digits", "--img-size", "100000"], 2, "img_size"),
        (["digits", "--model", "alexnet", "--img-size", "8", *PINNED], 2, "--img-size"),
        (["digits", "--scale", "0.5"], 2, "0.35,1"),
        (["digits", "--scale", "1,0.5"], 2, "scale"),
        (["digits", "--scale", "0,nan"], 2, "scale"),
        (["digits", "--threads", "0"], 2, "--threads"),
        (["digits", "--workers", "-3"], 2, "--workers"),
        (["digits", "--memory-format", "nchw"], 2, "channels_last"),
        (["digits", "--device", "abacus"], 2, "--device cpu"),
        (["digits", "--val-fraction", "2"], 2, "val_fraction"),
        (["digits", "--warmup-epochs", "9", "--epochs", "3"], 2, "warmup_epochs"),
        (["digits", "--weights", "nowhere.safetensors", "--model", "lenet5", *PINNED], 4, "nowhere.safetensors"),
        ([], 2, "topfive data list"),
        (["--resume"], 2, "--out"),
        (["--resume", "nowhere"], 2, "it holds no run"),
        (["nowhere"], 3, "nowhere"),
        (["mnist", "--data-root", "nowhere"], 3, "topfive data get mnist"),
    ],
)
def test_what_cannot_be_meant_is_one_line(arguments, code, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["train", *arguments, "--json"]) == code
    assert says in error_line(answer(capsys, code)[1])
    assert not list(tmp_path.rglob("config.yaml")), "a mistake leaves no run behind"


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.code])
def test_data_that_cannot_be_used(name, tmp_path, capsys, trained, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    source = FAULTS[name].make(tmp_path / "data")
    assert run(["train", str(source), *QUICK, "--json"]) == 3
    line = error_line(answer(capsys, 3)[1])
    assert all(word.isprintable() and word in line for word in FAULTS[name].says), line
    assert trained == []


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if not fault.code])
def test_data_with_faults_that_are_survived_and_named(name, tmp_path, capsys, trained, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    source = FAULTS[name].make(tmp_path / "data")
    assert run(["train", str(source), *QUICK, "--json"]) == 0
    _, err = answer(capsys)
    for word in FAULTS[name].says:
        assert word in err
    assert all(line.isprintable() for line in err.splitlines())
    splits = trained[0][1]
    assert run(["train", str(source), *QUICK, "--strict"]) == (7 if splits.skipped or splits.leaked else 0)


def test_few_epochs_need_no_word_about_the_warm_up(photographs, tmp_path, trained):
    for epochs in (1, 2, 60):
        assert run(["train", str(photographs), "--model", "resnet18", "--epochs", str(epochs)]) == 0
    assert [asked[0].warmup_epochs for asked in trained] == [0.25, 0.5, 3.0]


def test_other_data_at_resume_are_refused(photographs, table, tmp_path, trained, capsys):
    assert run(["train", str(photographs), *QUICK, "--out", str(tmp_path / "run")]) == 0
    write_config(tmp_path / "run", trained[-1])
    capsys.readouterr()
    for more in ([str(table)], ["--split-seed", "5"], ["--val-fraction", "0.3"]):
        assert run(["train", "--resume", str(tmp_path / "run"), *more]) == 2
        assert "begun on other data" in error_line(capsys.readouterr().err)
    assert run(["train", "--resume", str(tmp_path / "run"), "--epochs", "9", "--lr", "0.5"]) == 0
    assert (trained[-1][0].epochs, trained[-1][0].lr) == (9, 0.5), "what fit then refuses: see its tests"


# Flags


def test_every_field_of_a_recipe_has_its_flag_and_every_flag_its_help():
    parameters = inspect.signature(train, eval_str=True).parameters
    fields = {field.name for field in dataclasses.fields(Recipe)}
    assert fields <= parameters.keys()
    for name, parameter in parameters.items():
        if name == "context":
            continue
        (option,) = parameter.annotation.__metadata__
        assert option.help, name
        assert option.help[0].isupper() or option.help.startswith(("sgd", "cosine", "cross", "cpu", "channels"))
        if name in fields:
            assert parameter.default is None, f"{name}: only the recipe has defaults"


SETTINGS = {
    "model": "lenet5",
    **{"epochs": 3, "time": 90.0, "batch_size": 8, "grad_accum_steps": 2, "aug_repeats": 4, "sampler": "balanced"},
    **{"lr": 0.25, "opt": "rmsprop", "momentum": 0.5, "weight_decay": 0.125, "bias_decay": True, "layer_decay": 0.5},
    **{"freeze_epochs": 0.5, "clip_grad": 3.0, "model_ema": 0.75, "zero_gamma": True, "amp": True, "sched": "step"},
    **{"warmup_epochs": 0.5, "decay_epochs": 2.0, "decay_milestones": (1.0, 2.0), "decay_rate": 0.5, "power": 2.0},
    **{"loss": "rbf_mse", "smoothing": 0.25, "class_weights": "balanced", "auxiliary": True, "teacher": "runs/a"},
    **{"teacher_share": 0.25, "teacher_temperature": 4.0, "drop": 0.25, "drop_path": 0.5, "img_size": 32},
    **{"start_size": 16, "scale": (1.0, 1.0), "resize": (1.5, 2.0), "shift": 3, "rotate": 5.0, "hflip": 0.25},
    **{"vflip": 0.5, "aa": "trivial", "color_jitter": 0.25, "lighting": 0.5, "reprob": 0.25, "mixup": 0.5},
    **{"cutmix": 0.25, "weights": "x.safetensors", "seed": 11},
}


def test_every_flag_reaches_its_field(photographs, trained, tmp_path):
    flags = []
    for name, value in SETTINGS.items():
        flag = f"--{name.replace('_', '-')}"
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        flags += [flag] if value is True else [flag, text]
    assert run(["train", str(photographs), *flags, "--out", str(tmp_path / "run")]) == 0
    assert dataclasses.asdict(trained[0][0]) == SETTINGS, "all fields, none forgotten"


def test_surroundings_and_choices_reach_the_run(photographs, trained, tmp_path):
    flags = ["--threads", "2", "--memory-format", "channels_last", "--workers", "3", "--checkpoint-seconds", "5"]
    more = ["--exact", "--accept-data-change", "--val-fraction", "0.25", "--test-fraction", "0.25", "--split-seed", "4"]
    assert run(["train", str(photographs), *QUICK[:6], *flags, *more, "--out", str(tmp_path / "run")]) == 0
    _, splits, around = trained[0]
    assert (around.threads, around.channels_last, around.workers, around.checkpoint_seconds) == (2, True, 3, 5.0)
    assert around.exact
    assert around.accept_data_change
    assert [len(part) for _, part in splits.parts()] == [20, 10, 10]
    assert around.source["split_seed"] == 4


def test_defaults_suit_the_images(photographs, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["train", str(photographs)]) == run(["train", "digits"]) == 0
    large, small = (asked[0] for asked in trained)
    assert (large.model, large.weights, large.hflip) == ("tf_efficientnet_lite0", "imagenet", 0.5)
    assert (small.model, small.weights, small.hflip) == ("resnet20_cifar", None, 0.0)


def test_an_error_of_the_run_keeps_its_code(photographs, tmp_path, capsys, monkeypatch):
    def stopped(*arguments):
        raise StoppedError(signal.SIGHUP, "run", "why", "what to do")

    monkeypatch.setattr(topfive.train, "fit", stopped)
    assert run(["train", str(photographs), *QUICK, "--out", str(tmp_path / "run"), "--json"]) == 129
    assert error_line(answer(capsys, 129)[1]) == "error: stopped run: why. what to do"
