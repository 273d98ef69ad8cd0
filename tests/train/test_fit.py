from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import re
import signal
import sys
import time

import pytest
import torch
from safetensors.torch import save_file

from topfive.data import ArrayDataset, open_data
from topfive.errors import DataError, DivergedError, RefusedError, StoppedError, UsageError
from topfive.models import create_model
from topfive.preprocess import Preprocess
from topfive.train import Run, Surroundings, fit, loading, loop, plan, recipe_from
from topfive.train import batches as batching
from topfive.train import checkpoint as checkpoints
from topfive.train import placement as placements
from topfive.train.abreast import Abreast
from topfive.train.checkpoint import Checkpoint, load_newest
from topfive.train.fit import Silent
from topfive.train.state import Best, State

fitting = sys.modules["topfive.train.fit"]  # the package's own `fit` is the function
STEPS, EPOCHS = 5, 2
LAST = STEPS * EPOCHS
COMMON = {"epochs": EPOCHS, "batch_size": 8, "lr": 2e-3, "seed": 3}
RECIPES = {
    "adamw, average, warm-up": {
        **{"model": "lenet5", "opt": "adamw", "model_ema": 0.9, "warmup_epochs": 1, "shift": 1},
    },
    "sgd, norms, clip, smoothing": {
        **{"model": "resnet20_cifar", "opt": "sgd", "lr": 0.05, "img_size": 16, "clip_grad": 1.0, "smoothing": 0.1},
        **{"shift": 2, "sched": "step", "decay_epochs": 1, "hflip": 0.5},
    },
    "lion, mixing, a policy, balance, one cycle": {
        **{"model": "lenet5", "opt": "lion", "lr": 3e-4, "sched": "onecycle", "loss": "bce", "sampler": "balanced"},
        **{"mixup": 0.2, "cutmix": 1.0, "aa": "rand-m7-n2-mstd0.5", "reprob": 0.3, "rotate": 10, "vflip": 0.1},
        **{"aug_repeats": 2, "model_ema": 0.9, "class_weights": "balanced", "drop": 0.2},
    },
    "lamb, layers, thaw, growth, parts": {
        **{
            "model": "resnet20_cifar",
            "opt": "lamb",
            "lr": 5e-3,
            "layer_decay": 0.7,
            "freeze_epochs": 1,
            "img_size": 16,
        },
        **{"start_size": 8, "grad_accum_steps": 2, "loss": "focal", "zero_gamma": True, "drop_path": 0.3},
        **{"sched": "exponential", "decay_epochs": 1, "scale": (0.5, 1.0), "color_jitter": 0.3, "drop_path": 0.3},
    },
    "sgd, thaw, colours": {
        **{"model": "densenet_40_12_cifar", "freeze_epochs": 1.2, "img_size": 8, "lighting": 0.2, "epochs": 2},
        **{"loss": "logit_adjusted", "sched": "multistep", "decay_milestones": (1.2,), "momentum": 0.8},
    },
    "muon, thaw, average": {
        **{"model": "resnet20_cifar", "opt": "muon", "img_size": 8, "freeze_epochs": 1, "model_ema": 0.9, "lr": 0.05},
    },
    "rmsprop, dropout, half precision": {
        **{"model": "mobilenet_v2", "opt": "rmsprop", "img_size": 32, "model_ema": 0.8, "amp": True},
        **{"scale": (0.5, 1.0)},
    },
}
LENET = recipe_from({**COMMON, **RECIPES["adamw, average, warm-up"]})
RESNET = recipe_from({**COMMON, **RECIPES["sgd, norms, clip, smoothing"], "model_ema": 0.9})


def few(train=STEPS * 8 + 3, val=24, start=0):
    """A handful of the digits; three more than make whole batches."""
    whole = open_data("digits")
    parts = []
    for part, count in ((whole.train, train), (whole.val, val), (whole.test, 10)):
        images, labels = part.images[start : start + count], part.labels[start : start + count]
        parts.append(ArrayDataset(images, labels, part.classes, part.prefix))
    names = dict(zip(("train", "val", "test"), parts, strict=True))
    digest = hashlib.sha256(f"{train} {val} {start}".encode()).hexdigest()
    return dataclasses.replace(whole, **names, fingerprint=digest)


FEW = few()


class Watcher(Silent):
    """Sends a signal to this process after step `stop`; keeps what it is told."""

    def __init__(self, stop=None, number=signal.SIGTERM):
        self.stop, self.number = stop, number
        self.notes, self.steps = [], []

    def note(self, text):
        self.notes.append(text)

    def stepped(self, step, loss):
        self.steps.append(step)
        if step == self.stop:
            os.kill(os.getpid(), self.number)


@pytest.fixture(autouse=True)
def ended(monkeypatch):
    """What `finish` was called with: shipping is tested with finish and on the command line."""
    calls = []
    monkeypatch.setattr(fitting, "finish", lambda *arguments: calls.append(arguments))
    return calls


@pytest.fixture(autouse=True)
def bfloat16(monkeypatch):
    """Whether half precision pays is measured; here it does, whatever the processor."""
    choices = lambda trials: max(trials, key=lambda each: each.precision == "bfloat16")  # noqa: E731
    monkeypatch.setattr(placements, "_fastest", choices)


def go(folder, recipe=LENET, splits=FEW, watch=None, **around):
    choices = {"threads": 1, "channels_last": False, "workers": 1, "checkpoint_seconds": 1e9, **around}
    with Run(folder) as run:
        fit(recipe, splits, run, surroundings=Surroundings(watch=watch or Watcher(), **choices))


def stop_at(step, folder, recipe=LENET, **around):
    watch = Watcher(step)
    with pytest.raises(StoppedError) as caught:
        go(folder, recipe, watch=watch, **around)
    assert watch.steps[-1] == step, "the signal did not land"
    assert caught.value.exit_code == 143
    assert newest(folder).step == step


def newest(folder):
    return load_newest(folder / "checkpoints")[0]


def test_images_that_grow_are_validated_as_they_are_learnt_and_only_whole_ones_choose_the_best(tmp_path, monkeypatch):
    considered = []
    monkeypatch.setattr(State, "consider", lambda state, epoch, score: considered.append(epoch))
    sides = []
    answers = loop.answers

    def watched(model, images, work):
        images = list(images)
        sides.append(images[0][0].shape[3])
        return answers(model, images, work)

    monkeypatch.setattr(loop, "answers", watched)
    recipe = dataclasses.replace(RESNET, start_size=8, epochs=3)
    go(tmp_path, recipe)
    assert sides == [8, 12, 16]
    assert considered == [2]
    with Run(tmp_path) as run:
        assert [entry.get("side") for entry in run.logged()] == [8, 12, None]


def tensors(folder):
    """Every tensor of the newest checkpoint as bytes: weights, statistics, average, best ones and optimizer's."""
    found = newest(folder)
    return found.step, {name: tensor.contiguous().numpy().tobytes() for name, tensor in found.tensors.items()}


def log(folder):
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in Run(folder).logged()]


def same(left, right):
    return tensors(left) == tensors(right) and log(left) == log(right)


def different(left, right):
    left, right = tensors(left)[1], tensors(right)[1]
    return [name for name in right if left.get(name) != right[name]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folders of uninterrupted runs, one a recipe and surroundings."""
    folders = {}

    def run(recipe, **around):
        key = (recipe, *sorted(around.items()))
        if key not in folders:
            folders[key] = tmp_path_factory.mktemp("whole") / "run"
            go(folders[key], recipe, **around)
        return folders[key]

    return run


@pytest.mark.parametrize("step", range(1, LAST + 1))
def test_stopped_at_any_step_and_resumed_is_bit_identical(tmp_path, whole, step):
    reference = whole(LENET)
    stop_at(step, tmp_path)
    watch = Watcher()
    go(tmp_path, watch=watch)
    assert watch.steps == list(range(step + 1, LAST + 1)), "no step is taken twice or left out"
    assert same(tmp_path, reference), different(tmp_path, reference)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("channels_last", [False, True])
def test_stopped_again_and_again_is_bit_identical(tmp_path, whole, name, channels_last):
    recipe = recipe_from({**COMMON, **RECIPES[name]})
    reference = whole(recipe, channels_last=channels_last)
    for step in (1, STEPS, STEPS + 2):
        stop_at(step, tmp_path, recipe, channels_last=channels_last)
    go(tmp_path, recipe, channels_last=channels_last)
    assert same(tmp_path, reference), different(tmp_path, reference)


PARTS = dataclasses.replace(RESNET, grad_accum_steps=4, start_size=8)


@pytest.fixture
def abreast(monkeypatch):
    """Two parts at a time are the fastest, whatever the machine; gives the counts that runs were made with."""
    made = []
    start = Abreast.__init__
    monkeypatch.setattr(Abreast, "__init__", lambda self, *given: (made.append(given[1:]), start(self, *given))[1])
    monkeypatch.setattr(placements, "available_cores", lambda: 2)
    monkeypatch.setattr(placements, "_fastest", lambda trials: max(trials, key=lambda each: each.abreast))
    return made


def test_parts_side_by_side_are_as_parts_in_turn(tmp_path, whole, abreast):
    go(tmp_path, PARTS, threads=None)
    assert abreast[-1] == (2, 1)
    assert newest(tmp_path).step == LAST
    in_turn, beside = newest(whole(PARTS)).tensors, newest(tmp_path).tensors
    for name, tensor in in_turn.items():
        torch.testing.assert_close(beside[name], tensor, rtol=1e-4, atol=1e-5)
    for mine, its in zip(log(tmp_path), log(whole(PARTS)), strict=True):
        assert mine == pytest.approx(its, rel=1e-4)


def test_parts_side_by_side_are_resumed_to_the_same_bits(tmp_path, abreast):
    go(tmp_path / "whole", PARTS, threads=None)
    for step in (1, STEPS, STEPS + 2):
        stop_at(step, tmp_path / "cut", PARTS, threads=None)
    go(tmp_path / "cut", PARTS, threads=None)
    assert {made for made in abreast if made} == {(1, 1), (1, 2), (2, 1)}  # the trial's arms
    assert same(tmp_path / "cut", tmp_path / "whole"), different(tmp_path / "cut", tmp_path / "whole")


def test_what_draws_is_not_computed_side_by_side(tmp_path, abreast):
    go(tmp_path, dataclasses.replace(PARTS, drop_path=0.3), threads=None)
    assert {made for made in abreast if made} == {(1, 1), (1, 2)}


@pytest.mark.parametrize("scale", [(1.0, 1.0), (0.4, 1.0)])
def test_streamed_images_do_not_depend_on_workers(tmp_path, whole, monkeypatch, scale):
    opened = []
    start = batching.StreamBatches.__init__
    monkeypatch.setattr(loading, "memory_bytes", lambda: 0)
    monkeypatch.setattr(batching.StreamBatches, "__init__", lambda *a: (opened.append(a[4]), start(*a))[1])
    recipe = dataclasses.replace(LENET, shift=0, scale=scale, hflip=0.5)
    go(tmp_path / "whole", recipe, workers=2)
    stop_at(3, tmp_path / "run", recipe, workers=1)
    stop_at(8, tmp_path / "run", recipe, workers=3)
    go(tmp_path / "run", recipe, workers=3)
    assert opened == [2, 1, 3, 3], "the images were to be streamed"
    assert same(tmp_path / "run", tmp_path / "whole")


def test_the_seed_decides(tmp_path, whole):
    go(tmp_path, dataclasses.replace(LENET, seed=4))
    assert not same(tmp_path, whole(LENET))


def without(prefix):
    def change(found):
        kept = {name: tensor for name, tensor in found.tensors.items() if not name.startswith(prefix)}
        assert len(kept) < len(found.tensors)
        return dataclasses.replace(found, tensors=kept)

    return change


def average_forgotten(found):
    model = {n.replace("model/", "average/"): t for n, t in found.tensors.items() if n.startswith("model/")}
    return dataclasses.replace(found, tensors={**found.tensors, **model})


def statistics_forgotten(found):
    reset = {n: torch.zeros_like(t) for n, t in found.tensors.items() if "model/" in n and "running_mean" in n}
    assert reset
    return dataclasses.replace(found, tensors={**found.tensors, **reset})


def best_forgotten(found):
    none = Best()
    state = {**found.state, "best": {"epoch": none.epoch, "score": none.score}}
    return dataclasses.replace(without("best/")(found), state=state)


SABOTAGE = {
    "optimizer": without("optimizer/"),
    "average": average_forgotten,
    "statistics": statistics_forgotten,
    "best": best_forgotten,
    "step": lambda found: dataclasses.replace(found, step=found.step - 1),
    "loss": lambda found: dataclasses.replace(found, state={**found.state, "loss_sum": 0.0}),
}


@pytest.mark.parametrize("kind", [None, *SABOTAGE])
def test_whatever_a_checkpoint_leaves_out_is_seen(tmp_path, whole, monkeypatch, kind):
    consider = State.consider
    monkeypatch.setattr(
        State, "consider", lambda state, epoch, top1: consider(state, epoch, -epoch)
    )  # the first is best
    go(tmp_path / "whole", RESNET)
    stop_at(STEPS + 3, tmp_path / "run", RESNET)
    if kind is not None:
        load = Run.newest
        monkeypatch.setattr(Run, "newest", lambda run: SABOTAGE[kind](load(run)))
    go(tmp_path / "run", RESNET)
    assert same(tmp_path / "run", tmp_path / "whole") == (kind is None)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_with_a_checkpoint_and_says_how_to_go_on(tmp_path, number, code):
    with pytest.raises(StoppedError, match=rf"step 2, all saved. Continue with: .* {tmp_path}") as caught:
        go(tmp_path, watch=Watcher(2, number))
    assert caught.value.exit_code == code
    assert newest(tmp_path).step == 2


def test_checkpoints_by_time(tmp_path):
    go(tmp_path, checkpoint_seconds=0)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert [int(name.split("-")[1]) for name in names] == [LAST - 2, LAST - 1, LAST]


@pytest.mark.parametrize(("seconds", "few_steps"), [(1010, True), (1100, False), (1250, False)])
def test_time_is_kept_for_shipping(tmp_path, ended, seconds, few_steps):
    """The run began 1,000 seconds ago; of 1,010 there is nothing left for another step."""
    watch, begun = Watcher(), time.monotonic() - 1000
    go(tmp_path, dataclasses.replace(LENET, time=float(seconds)), watch=watch, begun=begun)
    assert watch.steps == ([1] if few_steps else list(range(1, 1 + LENET.epochs * STEPS)))
    assert len(ended) == 1
    assert len(log(tmp_path)) == (1 if few_steps else LENET.epochs)


@pytest.mark.parametrize(("seconds", "steps"), [(600, 585), (60, 45), (20, 15), (1, 0.75)])
def test_the_time_for_steps(seconds, steps):
    assert loop.for_steps(seconds) == steps


def test_killed_before_the_first_checkpoint_starts_anew(tmp_path, whole):
    watch = Watcher()
    watch.stepped = lambda step, loss: sys.exit("killed") if step == 3 else None
    with pytest.raises(SystemExit):
        go(tmp_path, watch=watch)
    assert (tmp_path / "config.yaml").exists()
    assert newest(tmp_path) is None
    go(tmp_path)
    assert same(tmp_path, whole(LENET))


@pytest.mark.parametrize("damage", ["bit", "cut", "empty"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, whole, damage):
    stop_at(STEPS + 2, tmp_path, checkpoint_seconds=0)
    path = max((tmp_path / "checkpoints").iterdir())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes({"bit": bytes(content), "cut": content[:-1], "empty": b""}[damage])
    watch = Watcher()
    go(tmp_path, watch=watch)
    assert any(path.name in note and "damaged" in note for note in watch.notes)
    assert watch.steps[0] == STEPS + 2, "it goes on from the checkpoint before"
    assert same(tmp_path, whole(LENET))


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    stop_at(2, tmp_path)
    (tmp_path / "other").mkdir()
    stop_at(3, tmp_path / "other", dataclasses.replace(RESNET, opt="adamw"))
    (path,) = (tmp_path / "other" / "checkpoints").iterdir()
    path.rename(tmp_path / "checkpoints" / path.name)
    with pytest.raises(RefusedError, match="does not fit the run"):
        go(tmp_path)


def test_checkpoints_of_an_unknown_run_are_refused(tmp_path):
    stop_at(2, tmp_path)
    (tmp_path / "config.yaml").unlink()
    with pytest.raises(RefusedError, match=r"no config\.yaml"):
        go(tmp_path)


# Divergence


def rate_at(monkeypatch, step, rate):
    usual = loop.learning_rate
    monkeypatch.setattr(
        loop, "learning_rate", lambda recipe, at, steps: rate if at == step else usual(recipe, at, steps)
    )


def test_a_loss_that_is_no_number_stops_the_run(tmp_path, monkeypatch):
    watch = Watcher()
    rate_at(monkeypatch, STEPS + 1, 1e30)
    with pytest.raises(DivergedError) as caught:
        go(tmp_path, watch=watch)
    assert caught.value.exit_code == 6
    assert re.search(rf"loss (nan|inf) at step {STEPS + 2}, lr [\d.e-]+, batch of digits/train/\d+,", str(caught.value))
    assert watch.steps[-1] == STEPS + 2
    assert newest(tmp_path) is None, "nothing of it is kept"


def test_the_last_good_checkpoint_and_best_weights_stay(tmp_path, monkeypatch):
    """At the end of an epoch the answers diverge first: a NaN outranks nothing and would count as right."""
    stop_at(LAST - 1, tmp_path)
    before = tensors(tmp_path)
    rate_at(monkeypatch, LAST - 1, 1e38)
    with pytest.raises(DivergedError, match=rf"answers without bounds at step {LAST - 1}, lr 1e\+38"):
        go(tmp_path)
    assert tensors(tmp_path) == before
    assert newest(tmp_path).state["best"]["epoch"] == 0
    assert len(log(tmp_path)) == 1


def test_weights_that_are_no_numbers_reach_no_checkpoint(tmp_path, monkeypatch):
    whole, seen = State.checkpoint, []

    def poisoned(state):
        found = whole(state)
        if state.step == 4:
            next(iter(found.tensors.values())).view(-1)[0] = float("nan")
            seen.append(state.step)
        return found

    monkeypatch.setattr(State, "checkpoint", poisoned)
    with pytest.raises(DivergedError, match="weights without bounds at step 3"):
        go(tmp_path, checkpoint_seconds=0)
    assert seen == [4]
    assert newest(tmp_path).step == 3


# Steps that are left out


def poisoned(monkeypatch, *steps, by):
    """What `by` does at these steps in place of the backward pass; gives the steps at which it did."""
    backward, hit = loop.backward, []

    def some(images, targets, state, work):
        if state.step not in steps:
            return backward(images, targets, state, work)
        hit.append(state.step)
        return by(backward, images, targets, state, work)

    monkeypatch.setattr(loop, "backward", some)
    return hit


def nothing(backward, images, targets, state, work):
    """No forward pass: what leaving a step out must be equal to."""
    return float("nan")


def images_without_numbers(backward, images, targets, state, work):
    loss = backward(images * float("nan"), targets, state, work)
    assert any(not tensor.isfinite().all() for tensor in state.model.buffers()), "the statistics are not poisoned"
    return loss


def gradients_without_bounds(backward, images, targets, state, work):
    loss = backward(images, targets, state, work)
    next(state.model.parameters()).grad.view(-1)[0] = float("inf")
    return loss


SKIPPED = (2, STEPS)


@pytest.fixture
def left_out(tmp_path, monkeypatch):
    """The folder of a run without these steps."""
    with monkeypatch.context() as patch:
        hit = poisoned(patch, *SKIPPED, by=nothing)
        go(tmp_path / "reference", RESNET, skips=2)
        assert hit == list(SKIPPED)
    return tmp_path / "reference"


@pytest.mark.parametrize("by", [images_without_numbers, gradients_without_bounds])
def test_a_step_left_out_is_as_if_it_were_never_taken(tmp_path, monkeypatch, left_out, by):
    hit, watch = poisoned(monkeypatch, *SKIPPED, by=by), Watcher()
    go(tmp_path / "run", RESNET, watch=watch, skips=2)
    assert hit == list(SKIPPED)
    assert same(tmp_path / "run", left_out), different(tmp_path / "run", left_out)
    assert [entry["skipped"] for entry in log(left_out)] == [[2], [STEPS]]
    assert all(math.isfinite(entry["train_loss"]) for entry in log(left_out))
    what = "loss nan" if by is images_without_numbers else "gradients without bounds"
    said = [note for note in watch.notes if note.startswith("left out")]
    assert [note.split(", lr")[0] for note in said] == [f"left out: {what} at step {step}" for step in SKIPPED]


def test_sabotage_statistics_that_are_not_put_back_are_seen(tmp_path, monkeypatch, left_out):
    monkeypatch.setattr(loop, "put_back", lambda model, statistics: None)
    poisoned(monkeypatch, *SKIPPED, by=images_without_numbers)
    with pytest.raises(DivergedError, match="answers without bounds"):
        go(tmp_path / "run", RESNET, skips=2)


@pytest.mark.parametrize("stop", [2, 3, STEPS, STEPS + 1])
def test_a_run_resumed_after_steps_left_out_is_bit_identical(tmp_path, monkeypatch, left_out, stop):
    poisoned(monkeypatch, *SKIPPED, by=images_without_numbers)
    stop_at(stop, tmp_path / "run", RESNET, skips=2)
    go(tmp_path / "run", RESNET, skips=2)
    assert same(tmp_path / "run", left_out), different(tmp_path / "run", left_out)


def test_a_run_that_ended_there_goes_on_without_the_step(tmp_path, monkeypatch, left_out):
    poisoned(monkeypatch, *SKIPPED, by=images_without_numbers)
    with pytest.raises(DivergedError, match=r"loss nan at step 2, .*--nan skip:3"):
        go(tmp_path / "run", RESNET, checkpoint_seconds=0)
    assert newest(tmp_path / "run").step == 2
    go(tmp_path / "run", RESNET, skips=2)
    assert same(tmp_path / "run", left_out), different(tmp_path / "run", left_out)


@pytest.mark.parametrize("cut", [False, True])
def test_no_more_steps_than_allowed_are_left_out(tmp_path, monkeypatch, cut):
    poisoned(monkeypatch, *SKIPPED, by=images_without_numbers)
    if cut:
        stop_at(SKIPPED[0] + 1, tmp_path, RESNET, skips=1)
    with pytest.raises(DivergedError, match=f"loss nan at step {SKIPPED[1]}"):
        go(tmp_path, RESNET, skips=1)


def test_parts_side_by_side_are_left_out_together(tmp_path, monkeypatch, abreast):
    with monkeypatch.context() as patch:
        poisoned(patch, *SKIPPED, by=nothing)
        go(tmp_path / "reference", PARTS, threads=None, skips=2)
    poisoned(monkeypatch, *SKIPPED, by=images_without_numbers)
    go(tmp_path / "run", PARTS, threads=None, skips=2)
    assert (2, 1) in abreast
    assert same(tmp_path / "run", tmp_path / "reference")


# What may not change


@pytest.fixture
def stopped(tmp_path):
    stop_at(3, tmp_path)
    return tmp_path


def test_another_recipe_is_refused_with_its_keys(stopped):
    with pytest.raises(UsageError, match=r"opt was 'adamw', is 'sgd', lr was 0\.002, is 0\.5") as caught:
        go(stopped, dataclasses.replace(LENET, lr=0.5, opt="sgd"))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        (("0", "1", "2", "3", "4", "5", "6", "7", "8", "ten"), "gone: 9; new: ten"),
        (("1", "0", "2", "3", "4", "5", "6", "7", "8", "9"), "their order"),
    ],
)
def test_other_classes_are_refused(stopped, classes, says):
    changed = {name: dataclasses.replace(part, classes=classes) if len(part) else part for name, part in FEW.parts()}
    with pytest.raises(RefusedError, match=re.escape(says)) as caught:
        go(stopped, splits=dataclasses.replace(FEW, **changed), accept_data_change=True)
    assert caught.value.exit_code == 4


def test_other_images_are_refused_or_accepted_and_put_on_record(stopped, ended):
    other = few(start=100)
    before = tensors(stopped)
    with pytest.raises(RefusedError, match="--accept-data-change") as caught:
        go(stopped, splits=other)
    assert caught.value.exit_code == 4
    with pytest.raises(RefusedError, match="images changed"):
        go(stopped, splits=other, accept_data_change=True, exact=True)
    assert tensors(stopped) == before

    began = Run(stopped).config
    watch = Watcher(5)
    with pytest.raises(StoppedError):
        go(stopped, splits=other, accept_data_change=True, watch=watch)
    assert any("not bit-identical" in note and "images changed" in note for note in watch.notes)
    config = Run(stopped).config
    assert [entry["step"] for entry in config["resumed"]] == [3]
    assert config["data"]["fingerprint"] == other.fingerprint
    go(stopped, splits=other)
    used = ended[-1][-2]
    assert dataclasses.asdict(used) == dataclasses.asdict(Preprocess(**began["preprocess"])), (
        "images are fed to the network as they were from its first step"
    )


def test_other_versions_are_noted_or_refused(stopped, monkeypatch, whole):
    now = plan.environment()
    monkeypatch.setattr(plan, "environment", lambda *_: {**now, "torch": "99.0"})
    with pytest.raises(RefusedError, match=r"torch .* -> 99\.0") as caught:
        go(stopped, exact=True)
    assert caught.value.exit_code == 4
    watch = Watcher()
    go(stopped, watch=watch)
    assert any("not bit-identical" in note and "99.0" in note for note in watch.notes)
    assert Run(stopped).config["resumed"][0]["step"] == 3
    assert same(stopped, whole(LENET)), "a version that only claims to differ changes nothing"


def test_exact_is_content_where_nothing_differs(stopped, whole):
    watch = Watcher()
    go(stopped, exact=True, watch=watch)
    assert watch.notes == []
    assert same(stopped, whole(LENET))


def test_threads_and_memory_format_stay_as_they_began(stopped, whole):
    watch = Watcher()
    go(stopped, threads=2, channels_last=True, watch=watch)
    assert [note.split(",")[0] for note in watch.notes] == ["threads stays 1", "channels_last stays False"]
    assert same(stopped, whole(LENET))


def test_starting_weights_are_read_once(tmp_path, ended):
    torch.manual_seed(0)
    model = create_model("lenet5")
    path = tmp_path / "start.safetensors"
    save_file(model.state_dict(), path)
    recipe = dataclasses.replace(LENET, weights=str(path), lr=1e-12, model_ema=0.0, weight_decay=0.0)
    stop_at(3, tmp_path / "run", recipe)
    path.unlink()
    go(tmp_path / "run", recipe)
    found = ended[-1][0].model.state_dict()
    assert all(torch.allclose(found[name], tensor, atol=1e-6) for name, tensor in model.state_dict().items())


# What cannot train is said before a run begins


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "alexnet", "img_size": 8}, "larger --img-size"),
        ({"model": "lenet5", "img_size": 10}, "32x32"),
        ({"model": "mobilenet_v2", "img_size": 32, "batch_size": 1}, "batch-size"),
    ],
)
def test_sizes_that_cannot_be_are_said_at_once(tmp_path, changes, says):
    with pytest.raises(UsageError, match=says):
        go(tmp_path, dataclasses.replace(LENET, **changes))
    assert not (tmp_path / "config.yaml").exists(), "a mistake leaves no run behind"


def test_a_single_image_is_too_few(tmp_path):
    with pytest.raises(DataError, match="1 images"):
        go(tmp_path, splits=few(train=1))


def test_without_validation_images_the_last_weights_count(tmp_path, ended):
    go(tmp_path, splits=few(val=0))
    state = ended[-1][0]
    assert state.best.weights == {}
    assert "val_top1" not in log(tmp_path)[0]


def test_placement_is_measured_where_it_is_not_given(tmp_path, monkeypatch):
    monkeypatch.setattr("topfive.train.placement.ROUNDS", 1)
    go(tmp_path, threads=None, channels_last=None, placement_cache=tmp_path / "cache.json")
    placement = Run(tmp_path).config["placement"]
    assert placement.keys() == {"threads", "channels_last", "precision", "compiled", "abreast"}
    assert (tmp_path / "cache.json").exists()


def test_the_checkpoint_holds_all_that_training_changes(whole):
    found = newest(whole(RESNET))
    prefixes = {name.split("/")[0] for name in found.tensors}
    assert prefixes == {"model", "average", "best", "optimizer"}
    parameters = sum(1 for _ in create_model("resnet20_cifar").parameters())
    assert sum(name.endswith("momentum_buffer") for name in found.tensors) == parameters
    assert isinstance(found, Checkpoint)
    assert checkpoints.KEEP >= 2
