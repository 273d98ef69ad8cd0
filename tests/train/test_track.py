from __future__ import annotations

import dataclasses
import json
import sys
from types import ModuleType, SimpleNamespace

import pytest

from topfive.data import ArrayDataset, open_data
from topfive.errors import UsageError
from topfive.evaluate import measure
from topfive.train import Run, Surroundings, fit, recipe_from
from topfive.train.fit import Silent
from topfive.train.track import EVERY, Tracked, sinks_from

fitting = sys.modules["topfive.train.fit"]  # the package's own `fit` is the function
STEPS, EPOCHS = 13, 2
RECIPE = recipe_from({"model": "lenet5", "epochs": EPOCHS, "batch_size": 4, "opt": "adamw", "lr": 2e-3})


@pytest.fixture(autouse=True)
def unfinished(monkeypatch):
    """Shipping is tested elsewhere."""
    monkeypatch.setattr(fitting, "finish", lambda *parts: None)


@pytest.fixture(scope="module")
def few():
    whole = open_data("digits")
    parts = {
        name: ArrayDataset(part.images[:52], part.labels[:52], part.classes, part.prefix)
        for name, part in whole.parts()
    }
    return dataclasses.replace(whole, **parts)


class Watcher(Silent):
    def __init__(self, stop=None):
        self.notes, self.steps, self.entries, self.stop = [], [], [], stop

    def note(self, text):
        self.notes.append(text)

    def stepped(self, step, loss):
        self.steps.append(step)
        if step == self.stop:
            raise KeyboardInterrupt

    def epoch(self, entry):
        self.entries.append(entry)


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self, fails=""):
        self.calls, self.fails = [], fails

    def start(self, settings, step):
        self._called("start", settings, step)

    def record(self, figures, step):
        self._called("record", figures, step)

    def finish(self, completed):
        self._called("finish", completed)

    def _called(self, name, *arguments):
        self.calls.append((name, *arguments))
        if name == self.fails:
            raise OSError(28, "No space left on device")


def trained(folder, few, watch):
    with Run(folder) as run:
        fit(RECIPE, few, run, surroundings=Surroundings(threads=1, channels_last=False, watch=watch))


def report():
    import numpy as np

    evaluation = measure(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0]), ("a", "b"))
    return SimpleNamespace(split="test", evaluation=evaluation)


def logged(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def test_tensorboard_holds_what_the_run_logged(tmp_path, few):
    watcher = Watcher()
    with Tracked([watcher], sinks_from("tensorboard", tmp_path), dataclasses.asdict(RECIPE)) as watch:
        trained(tmp_path, few, watch)
        watch.finished(report())
    found, entries = scalars(tmp_path), logged(tmp_path)
    assert len(entries) == EPOCHS
    for name in ("train_loss", "val_top1", "val_nll", "lr", "epoch", "seconds"):
        assert found[name] == {entry["step"]: pytest.approx(entry[name], rel=1e-6) for entry in entries}, name
    assert list(found["loss"]) == [EVERY, 2 * EVERY]
    assert found["test/top1"] == {STEPS * EPOCHS: 0.5}
    assert found["test/n"] == {STEPS * EPOCHS: 2.0}
    assert (watcher.steps, watcher.entries) == (list(range(1, STEPS * EPOCHS + 1)), entries)


def test_steps_that_a_killed_run_takes_again_stand_once(tmp_path, few):
    with pytest.raises(KeyboardInterrupt), Tracked([Watcher(24)], sinks_from("tensorboard", tmp_path), {}) as watch:
        trained(tmp_path, few, watch)
    before = scalars(tmp_path)
    assert list(before["loss"]) == [EVERY, 2 * EVERY]
    with Tracked([], sinks_from("tensorboard", tmp_path), {}) as watch:  # nothing was saved but step 0
        watch.started(5, STEPS * EPOCHS)
        watch.stepped(EVERY, 7.0)
    assert scalars(tmp_path)["loss"] == {EVERY: 7.0}


@pytest.mark.parametrize("fails", ["start", "record", "finish"])
def test_a_failing_sink_is_said_once_and_nothing_else_suffers(tmp_path, few, fails):
    broken, sound, watcher = Kept(fails), Kept(), Watcher()
    with Tracked([watcher], {"broken": broken, "sound": sound}, {"lr": 1}) as watch:
        trained(tmp_path, few, watch)
    assert [call[0] for call in broken.calls][-1] == fails, "the fault did not happen"
    said = [note for note in watcher.notes if "broken" in note]
    assert said == ["broken gets no more figures: OSError: [Errno 28] No space left on device"]
    assert len(logged(tmp_path)) == EPOCHS
    assert sound.calls[0] == ("start", {"lr": 1}, 0)
    assert sound.calls[-1] == ("finish", True)
    assert [call[2] for call in sound.calls[1:-1]] == [EVERY, STEPS, 2 * EVERY, 2 * STEPS]


def stopped(tracked):
    """A run that is interrupted after ten steps."""
    with tracked as watch:
        watch.started(0, 20)
        watch.stepped(EVERY, 0.5)


def test_a_sink_does_not_swallow_an_interrupt(tmp_path):
    sink = Kept()
    with pytest.raises(KeyboardInterrupt):
        stopped(Tracked([Watcher(EVERY)], {"kept": sink}, {}))
    assert sink.calls[-1] == ("finish", False)


def test_what_never_began_is_not_finished():
    sink = Kept()
    with Tracked([], {"kept": sink}, {}):
        pass
    assert sink.calls == []


def test_every_watch_sees_all(few):
    both = Watcher(), Watcher()
    watch = Tracked(both, {}, {})
    watch.note("hello")
    watch.loading(1, 2)
    watch.stepped(1, 0.5)
    for watcher in both:
        assert (watcher.notes, watcher.steps) == (["hello"], [1])


def test_weights_and_biases_is_called_as_it_documents(tmp_path, monkeypatch):
    calls = []
    run = SimpleNamespace(
        log=lambda figures, step: calls.append((figures, step)), finish=lambda exit_code: calls.append(exit_code)
    )
    wandb = ModuleType("wandb")
    wandb.init = lambda **settings: calls.append(settings) or run
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    with Tracked([], sinks_from("wandb", tmp_path / "mine"), {"lr": 0.1}) as watch:
        watch.started(0, 20)
        watch.stepped(EVERY, 0.5)
    assert calls[0]["config"] == {"lr": 0.1}
    assert (calls[0]["project"], calls[0]["name"], calls[0]["dir"]) == ("topfive", "mine", str(tmp_path / "mine"))
    assert calls[1:] == [({"loss": 0.5}, EVERY), 0]


def test_mlflow_is_called_as_it_documents(tmp_path, monkeypatch):
    calls = []
    mlflow = ModuleType("mlflow")
    for name in ("set_tracking_uri", "start_run", "log_params", "log_metrics", "end_run"):
        setattr(mlflow, name, lambda *values, name=name, **named: calls.append((name, *values, named)))
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(KeyboardInterrupt):
        stopped(Tracked([Watcher(EVERY)], sinks_from("mlflow", tmp_path / "mine"), {"lr": 0.1}))
    assert calls == [
        ("set_tracking_uri", f"sqlite:///{tmp_path / 'mine' / 'mlruns.db'}", {}),
        ("start_run", {"run_name": "mine"}),
        ("log_params", {"lr": 0.1}, {}),
        ("log_metrics", {"loss": 0.5}, {"step": EVERY}),
        ("end_run", "FAILED", {}),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tensorbord", "did you mean 'tensorboard'"),
        ("tensorboard,,wandb", "there are tensorboard, wandb, mlflow"),
        ("", "there are tensorboard, wandb, mlflow"),
    ],
)
def test_unknown_trackers_are_usage_errors(tmp_path, text, says):
    with pytest.raises(UsageError, match=says):
        sinks_from(text, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "extra"), [("tensorboard", "track"), ("wandb", "track-wandb"), ("mlflow", "track-mlflow")]
)
def test_a_missing_package_is_said_before_the_run(tmp_path, monkeypatch, name, extra):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=rf"topfive\[{extra}\]"):
        sinks_from(name, tmp_path)
