"""One table of all that befalls a run, B1 to B18: what `topfive train` makes of it, its code, and how it goes on.

Where the fault is of a process it strikes a real one, of its own; the rest is met in this one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from faults.datasets import good, picture
from faults.kills import FITTING, forgetful, state_hash
from topfive.cli import run
from topfive.cli.progress import TrainingProgress
from topfive.train import Run, loading, loop
from topfive.train.checkpoint import load_newest
from topfive.train.state import State

PINNED = ["--threads", "1", "--memory-format", "contiguous", "--workers", "1"]  # nothing to be measured
RECIPE = ["--model", "lenet5", "--epochs", "2", "--batch-size", "32", "--lr", "0.02", "--seed", "5", "--shift", "0"]
EVERY_STEP = ["--checkpoint-seconds", "0"]
BEGIN = ["train", "digits", *RECIPE, *PINNED]
HELD = 7  # the step at which a process is held or stopped, in the first epoch
TESTS = Path(__file__).parent.parent

MAIN = "\nfrom topfive.cli import main; main()"
HOLD = f"""
import os, signal
from topfive.cli.progress import TrainingProgress
stepped = TrainingProgress.stepped
def hold(self, step, loss):
    stepped(self, step, loss)
    if step == {HELD}:
        os.kill(os.getpid(), signal.SIGSTOP)
TrainingProgress.stepped = hold
"""
DIE_IN_WRITE = f"""
import os, signal
replace = os.replace
def die(source, target):
    if "step-{HELD:08d}" in str(target):
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
os.replace = die
"""
SMALL_FILES = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_100_000, 1_100_000))"
LITTLE_MEMORY = """
import resource, topfive.train
used = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize"))
resource.setrlimit(resource.RLIMIT_AS, (used * 1024 + 400_000_000,) * 2)
"""
HANG = f"""
import threading, sys
from topfive.train import batches, loading
loading.memory_bytes = lambda: 0
picture, seen = batches.picture, []
def hang(*arguments):
    seen.append(1)
    if len(seen) == {HELD + 1} * 32:  # a batch was tried before the first step
        print("hung", file=sys.stderr, flush=True)
        threading.Event().wait()
    return picture(*arguments)
batches.picture = hang
"""


@dataclass
class Scene:
    """A run folder, and ways to let something happen to the run in it."""

    out: Path
    patch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    said: str = ""  # all that the command said on stderr

    def run(self, *arguments: str) -> int:
        """In this process."""
        code = run([*arguments])
        self.said = self.capsys.readouterr().err
        return code

    def begin(self, *more: str) -> int:
        return self.run(*BEGIN, *more, "--out", str(self.out))

    def resume(self, *more: str) -> int:
        return self.run("train", "--resume", str(self.out), *more)

    def stop(self, step: int = HELD, number: int = signal.SIGTERM, begin: tuple[str, ...] = tuple(BEGIN)) -> int:
        """Begin the run and stop it after a step, with a checkpoint of every step."""
        with self.at(step, lambda: os.kill(os.getpid(), number)):
            code = self.run(*begin, *EVERY_STEP, "--out", str(self.out))
        assert code == 128 + number, self.said
        assert newest(self.out) == step
        return code

    @contextlib.contextmanager
    def at(self, step: int, act: Callable[[], object]) -> Iterator[None]:
        """While this lasts, `act` is called after that step; it must be."""
        struck = []
        stepped = TrainingProgress.stepped

        def then(progress: TrainingProgress, at: int, loss: float) -> None:
            stepped(progress, at, loss)
            if at == step:
                struck.append(at)
                act()

        with self.patch.context() as patch:
            patch.setattr(TrainingProgress, "stepped", then)
            yield
        assert struck, "the fault did not strike"

    def process(self, before: str, *more: str) -> subprocess.Popen[str]:
        """A real one, which does `before` first."""
        command = [sys.executable, "-c", before + MAIN, *BEGIN, *EVERY_STEP, *more, "--out", str(self.out)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def end(self, process: subprocess.Popen[str]) -> int:
        _, self.said = process.communicate(timeout=120)
        return process.returncode


def newest(out: Path) -> int:
    found, _ = load_newest(out / "checkpoints")
    return 0 if found is None else found.step


def files(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "checkpoints").iterdir()}


def signalled(number: int) -> Callable[[Scene], int]:
    """A signal from outside in the middle of an epoch."""

    def act(scene: Scene) -> int:
        process = scene.process(HOLD)
        held = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert held is not None
        assert held.si_code == os.CLD_STOPPED, "it ended before it was held"
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        code = scene.end(process)
        assert newest(scene.out) == (HELD - 1 if number == signal.SIGKILL else HELD)
        assert (scene.out / ".lock").read_text() == str(process.pid), "the lock of one who is gone lies there: B15"
        return code

    return act


def killed_in_write(scene: Scene) -> int:
    code = scene.end(scene.process(DIE_IN_WRITE))
    assert list((scene.out / "checkpoints").glob(".tmp-*")), "it did not die in the write"
    assert newest(scene.out) == HELD - 1
    return code


def power_cut(scene: Scene) -> int:
    """The name of the newest checkpoint reached the disk, and its content did not."""
    code = scene.stop()
    path = max((scene.out / "checkpoints").iterdir())
    path.write_bytes(bytes(path.stat().st_size))
    assert newest(scene.out) == HELD - 1
    return code


def limited_files(scene: Scene) -> int:
    """Checkpoints of the second epoch hold the best weights too, which is more than a file may here."""
    code = scene.end(scene.process(SMALL_FILES))
    assert [file.suffix for file in (scene.out / "checkpoints").iterdir()] == [".safetensors"], "the last good one"
    assert newest(scene.out) > HELD
    return code


def full_disk(scene: Scene) -> int:
    """A disk with room for two checkpoints of the first epoch, not of the second; then it gets more."""
    scene.out.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2350k", "none", str(scene.out)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only the superuser may mount")
    code = scene.begin(*EVERY_STEP)
    assert newest(scene.out) > HELD
    subprocess.run(["mount", "-o", "remount,size=9m", str(scene.out)], check=True)
    return code


def full_log(scene: Scene) -> int:
    scene.out.mkdir()
    (scene.out / "metrics.jsonl").symlink_to("/dev/full")
    code = scene.begin(*EVERY_STEP)
    assert scene.said.count("metrics are no longer logged: No space left on device") == 1
    assert (scene.out / "metrics.jsonl").is_symlink()
    return code


def diverges(scene: Scene) -> int:
    usual = loop.learning_rate
    with scene.patch.context() as patch:
        patch.setattr(loop, "learning_rate", lambda recipe, at, n: 1e39 if at == HELD else usual(recipe, at, n))
        code = scene.begin(*EVERY_STEP)
    assert newest(scene.out) == HELD
    return code


def diverges_at_once(scene: Scene) -> int:
    return scene.begin("--lr", "1e30")


def left_out(scene: Scene) -> int:
    """The loss of one step is no number, the first time and again: the run ends, and goes on without that step."""
    backward = loop.backward

    def poisoned(images: Any, targets: Any, state: Any, work: Any) -> float:
        return backward(images * (float("nan") if state.step == HELD else 1), targets, state, work)

    with scene.patch.context() as patch:
        patch.setattr(loop, "backward", poisoned)
        assert scene.begin(*EVERY_STEP) == 6
        assert "--nan skip:3" in scene.said
        assert scene.resume() == 6, "the same images again"
        assert newest(scene.out) == HELD
        code = scene.resume("--nan", "skip:1")
    assert f"left out: loss nan at step {HELD}, lr" in scene.said
    return code


def out_of_memory(scene: Scene) -> int:
    backward, taken = loop.backward, []

    def refuse(*arguments: Any) -> float:
        taken.append(1)
        if len(taken) > HELD:
            raise MemoryError
        return backward(*arguments)

    with scene.patch.context() as patch:
        patch.setattr(loop, "backward", refuse)
        code = scene.begin(*EVERY_STEP)
    assert newest(scene.out) == HELD
    return code


def limited_memory(scene: Scene) -> int:
    large = ["--model", "resnet20_cifar", "--img-size", "96", "--batch-size", "999"]
    return scene.end(scene.process(LITTLE_MEMORY, *large))


def hung_up(scene: Scene) -> int:
    return scene.stop(number=signal.SIGHUP)


def nobody_reads(scene: Scene) -> int:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "topfive", *BEGIN, "--json", "--epochs", "1", "--out", str(scene.out)]
    with os.fdopen(write, "wb") as gone:
        code = subprocess.run(command, stdout=gone, stderr=gone).returncode
    assert (scene.out / "result.json").exists(), "the run is finished"
    return code


def photographs(scene: Scene) -> tuple[Path, tuple[str, ...]]:
    """A folder of two classes, and the command that begins a run on it."""
    root = good(scene.out.with_name("photographs"))
    few = ["--batch-size", "4", "--epochs", "2", "--lr", "0.001"]
    return root, ("train", str(root), "--model", "lenet5", *few, *PINNED)


def other_classes(scene: Scene) -> int:
    root, begin = photographs(scene)
    scene.stop(2, begin=begin)
    before = files(scene.out)
    (root / "dog").rename(root / "wolf")
    code = scene.resume("--accept-data-change")
    assert files(scene.out) == before
    (root / "wolf").rename(root / "dog")
    said, again = scene.said, scene.resume()
    assert again == 0
    scene.said = said
    return code


def other_images(scene: Scene) -> int:
    root, begin = photographs(scene)
    scene.stop(2, begin=begin)
    (root / "cat" / "one more.png").write_bytes(picture(5000))
    code, said = scene.resume(), scene.said
    assert scene.resume("--accept-data-change", "--exact") == 4
    assert scene.resume("--accept-data-change") == 0
    assert "not bit-identical to an uninterrupted run: the images changed" in scene.said
    assert yaml.safe_load((scene.out / "config.yaml").read_text())["resumed"][0]["step"] == 2
    scene.said = said
    return code


def other_recipe(scene: Scene) -> int:
    scene.stop()
    return scene.resume("--lr", "0.5", "opt=sgd")


def changed_while_read(change: Callable[[Path], None]) -> Callable[[Scene], int]:
    """What happens to a picture that a thread is to decode in the middle of an epoch; then it is sound again.

    There are no workers to die alone: what a decoding thread meets, the run says, and its last checkpoint stands.
    """

    def act(scene: Scene) -> int:
        root, begin = photographs(scene)
        paths = sorted(root.glob("*/*.png"))
        contents = [path.read_bytes() for path in paths]

        def strike() -> None:
            assert any(thread.name.startswith("decode") for thread in threading.enumerate())
            for path in paths:
                path.unlink()
                change(path)

        with scene.patch.context() as patch, scene.at(2, strike):
            patch.setattr(loading, "memory_bytes", lambda: 0)
            code = scene.run(*begin, *EVERY_STEP, "--out", str(scene.out))
        assert newest(scene.out) >= 2
        said = scene.said
        for path, content in zip(paths, contents, strict=True):
            path.unlink(missing_ok=True)
            path.write_bytes(content)
        assert scene.resume() == 0, scene.said
        scene.said = said
        return code

    return act


def hangs(scene: Scene) -> int:
    """No thread can be killed: the first signal waits for it, the second ends at once."""
    process = scene.process(HANG)
    patience = time.monotonic() + 60
    assert process.stderr is not None
    assert any(line == "hung\n" for line in process.stderr), "it did not hang"
    while newest(scene.out) < HELD - 1:  # what was decoded before is still learnt
        assert time.monotonic() < patience
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.send_signal(signal.SIGTERM)
    return scene.end(process)


def in_use(scene: Scene) -> int:
    scene.stop()
    with Run(scene.out):
        return scene.resume()


def format_of(version: bytes) -> Callable[[Scene], int]:
    """The newest checkpoint as another version of topfive would have written it, its hash right."""

    def act(scene: Scene) -> int:
        scene.stop()
        path = max((scene.out / "checkpoints").iterdir())
        content, changed = re.subn(rb'(\\"format\\": )1', rb"\g<1>" + version, path.read_bytes())
        assert changed == 1
        path.unlink()
        name = f"step-{HELD:08d}-{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
        path.with_name(name).write_bytes(content)
        return scene.resume()

    return act


def damaged_recipe(scene: Scene) -> int:
    scene.stop()
    path = scene.out / "config.yaml"
    path.write_text(path.read_text().replace("epochs: 2", "epochs: -2"))
    assert "epochs: -2" in path.read_text()
    return scene.resume()


def clock_jumps(scene: Scene) -> int:
    """Backwards and into another zone in the middle of the run, and files of no plausible age."""
    real = time.time
    with scene.at(3, lambda: scene.patch.setattr(time, "time", lambda: real() - 1e9)):
        code = scene.stop(begin=(*BEGIN, "--time", "3600"))
    scene.patch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    paths = sorted((scene.out / "checkpoints").iterdir())
    for age, path in enumerate(paths):
        os.utime(path, (age * -1e6, 2e9 - age * 1e9))
    assert max(paths, key=lambda path: path.stat().st_mtime) == paths[0], "by time the oldest would be the newest"
    return code


def elsewhere(*more: str, **changes: str) -> Callable[[Scene], int]:
    """A run that began on another machine."""

    def act(scene: Scene) -> int:
        scene.stop()
        path = scene.out / "config.yaml"
        config = yaml.safe_load(path.read_text())
        assert changes.keys() <= config["environment"].keys()
        config["environment"].update(changes)
        path.write_text(yaml.safe_dump(config))
        code = scene.resume(*more)
        for key, value in changes.items():
            assert f"{key} {value} -> " in scene.said
        assert code or "not bit-identical to an uninterrupted run" in scene.said
        return code

    return act


def other_threads(scene: Scene) -> int:
    scene.stop()
    code = scene.resume("--threads", "2", "--memory-format", "channels_last", "--exact")
    assert "threads stays 1, as the run began" in scene.said
    assert "channels_last stays False, as the run began" in scene.said
    return code


@dataclass(frozen=True)
class Row:
    """`act` begins a run, lets the fault strike, sees that it did, and gives the code of the command that met it.

    `says` is in the one line of its error; "" where there is none.  `goes_on`: `--resume` then ends with the bits of a
    run that nothing befell.  `also`: tests that go deeper.
    """

    act: Callable[[Scene], int]
    code: int
    says: str = ""
    goes_on: bool = False
    also: tuple[str, ...] = ()


GO = True
TABLE: dict[str, Row] = {
    "B1 killed in an epoch": Row(
        signalled(signal.SIGKILL), -9, "", GO, ("train/test_kills.py::test_killed_runs_end_bit_identical",)
    ),
    "B2 killed in a write": Row(
        killed_in_write, -9, "", GO, ("train/test_kills.py::test_the_kills_see_a_sabotaged_resume",)
    ),
    "B3 power cut": Row(
        *(power_cut, 143, "all saved", GO),
        ("train/test_checkpoint.py::test_file_reaches_the_disk_before_its_name_and_the_name_before_success",),
    ),
    "B4 limit on files": Row(limited_files, 5, "File too large: need 1.2 MB", GO),
    "B4 full disk": Row(
        *(full_disk, 5, "No space left on device: need 1.2 MB, have ", GO),
        ("train/test_checkpoint.py::test_full_disk_makes_room_once",),
    ),
    "B5 full log": Row(full_log, 0, "", GO),
    "B6 loss is no number": Row(diverges_at_once, 6, "loss nan at step 1, lr "),
    "B6 weights without bounds": Row(
        *(diverges, 6, f"weights without bounds at step {HELD}, lr 1e+39, batch of digits/train/", GO),
        ("train/test_fit.py::test_the_last_good_checkpoint_and_best_weights_stay",),
    ),
    "B6 a step left out": Row(
        left_out, 0, also=("train/test_fit.py::test_a_step_left_out_is_as_if_it_were_never_taken",)
    ),
    "B6 another word": Row(lambda scene: scene.begin("--nan", "skip:0"), 2, "skip:3"),
    "B7 out of memory": Row(out_of_memory, 5, "a batch of 32 does not fit", GO),
    "B7 limit on memory": Row(limited_memory, 5, "a batch of 999 does not fit"),
    "B8 SIGINT": Row(signalled(signal.SIGINT), 130, f"SIGINT at step {HELD}, all saved", GO),
    "B8 SIGTERM": Row(signalled(signal.SIGTERM), 143, f"SIGTERM at step {HELD}, all saved", GO),
    "B9 SIGHUP": Row(hung_up, 129, f"SIGHUP at step {HELD}, all saved", GO),
    "B9 nobody reads": Row(nobody_reads, 0),
    "B10 other classes": Row(
        other_classes, 4, "gone: dog; new: wolf", also=("train/test_fit.py::test_other_classes_are_refused",)
    ),
    "B11 other images": Row(other_images, 4, "--accept-data-change"),
    "B12 other recipe": Row(other_recipe, 2, "opt was 'adamw', is 'sgd', lr was 0.02, is 0.5", GO),
    "B13 picture gone": Row(changed_while_read(lambda path: None), 3, "no such file"),
    "B13 picture cut short": Row(changed_while_read(lambda path: path.write_bytes(b"\x89PNG")), 3, "png"),
    "B14 picture a FIFO": Row(changed_while_read(os.mkfifo), 3, "not a regular file"),
    "B14 decoder hangs": Row(hangs, -15, "", GO),
    "B15 in use": Row(
        in_use, 5, f"in use by process {os.getpid()}", GO, ("train/test_run.py::test_two_processes_never_share_a_run",)
    ),
    "B16 older checkpoint": Row(format_of(b"0"), 4, "it has format 0, this topfive reads format 1"),
    "B16 newer checkpoint": Row(format_of(b"2"), 4, "it has format 2, this topfive reads format 1"),
    "B16 damaged recipe": Row(damaged_recipe, 4, "epochs"),
    "B17 clock jumps": Row(clock_jumps, 143, "all saved", GO),
    "B18 other torch": Row(elsewhere(torch="1.0"), 0, "", GO),
    "B18 other device": Row(elsewhere(device="abacus"), 0, "", GO),
    "B18 other processor, exact": Row(elsewhere("--exact", processor="abacus"), 4, "processor abacus -> ", GO),
    "B18 other device, exact": Row(elsewhere("--exact", device="abacus"), 4, "device abacus -> cpu", GO),
    "B18 other threads": Row(other_threads, 0, "", GO),
}


def finished(*arguments: object) -> SimpleNamespace:
    """In place of shipping, which is tested elsewhere."""
    return SimpleNamespace(split="test", evaluation=SimpleNamespace(), contract=dict, text=str, kept=None)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Scene]:
    monkeypatch.setattr(FITTING, "finish", finished)
    yield Scene(tmp_path / "run", monkeypatch, capsys)
    monkeypatch.undo()
    time.tzset()
    if (tmp_path / "run").is_mount():
        subprocess.run(["umount", str(tmp_path / "run")], check=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The state hash of the run that nothing befell."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FITTING, "finish", finished)
        assert run([*BEGIN, "--out", str(folder)]) == 0
    return state_hash(folder)


def test_the_table_has_every_fault_and_every_test_that_it_names() -> None:
    assert {name.split()[0] for name in TABLE} == {f"B{number}" for number in range(1, 19)}
    for row in TABLE.values():
        for test in row.also:
            file, name = test.split("::")
            assert f"def {name}(" in (TESTS / file).read_text(), test


@pytest.mark.parametrize("name", TABLE)
def test_it_ends_with_its_code_and_goes_on(name: str, scene: Scene, whole: str) -> None:
    row = TABLE[name]
    assert row.act(scene) == row.code, scene.said
    errors = [line for line in scene.said.splitlines() if line.startswith("error: ")]
    assert len(errors) == bool(row.says)
    assert all(row.says in line for line in errors), scene.said
    assert "Traceback" not in scene.said
    if row.goes_on:
        assert scene.resume() == 0, scene.said
        assert not list(scene.out.rglob(".tmp-*"))
        assert state_hash(scene.out) == whole


FORGETFUL = {
    "optimizer": forgetful(State.restore),
    "all but the step": lambda state, found: setattr(state, "step", found.step),
}


@pytest.mark.parametrize("forgotten", FORGETFUL)
def test_other_bits_would_be_seen(forgotten: str, scene: Scene, whole: str) -> None:
    scene.stop()
    scene.patch.setattr(State, "restore", FORGETFUL[forgotten])
    assert scene.resume() == 0
    assert state_hash(scene.out) != whole
