"""Kill a training run with SIGKILL, again and again, and see what is left.

Run as a process of its own (`python -m faults.kills`), because it forks after the imports: a child that died while
importing would prove nothing.  Prints one JSON line: how many kills there were, how many of them inside the writing of
a checkpoint, how many finished checkpoints were lost, and a hash of the final state of every run beside that of an
uninterrupted one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import mmap
import os
import random
import signal
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

import topfive.train.checkpoint as checkpoints
from topfive.data import open_data
from topfive.train import Run, Surroundings, fit, recipe_from
from topfive.train.optimizer import make_optimizer
from topfive.train.state import State

RECIPE = recipe_from(
    {
        "model": "lenet5",
        "epochs": 2,
        "batch_size": 96,
        "opt": "adamw",
        "lr": 2e-3,
        "model_ema": 0.9,
        "shift": 1,
        "seed": 5,
    }
)
SPLITS = open_data("digits")
FITTING = sys.modules["topfive.train.fit"]  # the package's own `fit` is the function
IN_WRITE, SAVED = 0, 8  # where in the shared memory: a flag, and the step of the last finished checkpoint


def state_hash(folder: Path) -> str:
    """Of all tensors of the newest checkpoint: weights, their average, the best ones and the optimizer's."""
    newest, _ = checkpoints.load_newest(folder / "checkpoints")
    assert newest is not None
    total = hashlib.sha256(str(newest.step).encode())
    for name in sorted(newest.tensors):
        total.update(name.encode() + newest.tensors[name].contiguous().numpy().tobytes())
    return total.hexdigest()


def run_to_end(folder: Path, shared: mmap.mmap, sabotage: str) -> None:
    """The child: train, a checkpoint at every step, telling the parent when it writes one."""
    torch.set_num_threads(1)
    FITTING.finish = lambda *arguments: None  # type: ignore[attr-defined]
    write = checkpoints._write

    def told(where: Path, step: int, content: bytes) -> Path:
        shared[IN_WRITE] = 1
        path = write_in_place(where, step, content) if sabotage == "in-place" else write(where, step, content)
        shared[IN_WRITE] = 0
        shared[SAVED : SAVED + 8] = struct.pack("<q", step)
        return path

    checkpoints._write = told
    if sabotage == "optimizer":
        State.restore = forgetful(State.restore)  # type: ignore[method-assign]
    with Run(folder) as run:
        fit(
            RECIPE,
            SPLITS,
            run,
            surroundings=Surroundings(threads=1, channels_last=False, workers=1, checkpoint_seconds=0),
        )


def write_in_place(folder: Path, step: int, content: bytes) -> Path:
    """Sabotage: one file, written over, without a temporary one."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("step-*"):
        old.unlink()
    path = folder / f"step-{step:08d}-{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
    with open(path, "wb", buffering=0) as file:
        for start in range(0, len(content), 1 << 14):
            file.write(content[start : start + (1 << 14)])
            time.sleep(0)
    return path


def forgetful(
    restore: Callable[[State, checkpoints.Checkpoint], None],
) -> Callable[[State, checkpoints.Checkpoint], None]:
    """Sabotage: everything comes back but the optimizer's state."""

    def partly(state: State, checkpoint: checkpoints.Checkpoint) -> None:
        restore(state, checkpoint)
        state.optimizer = make_optimizer(state.model, RECIPE)

    return partly


def life(folder: Path, shared: mmap.mmap, sabotage: str, draw: random.Random | None) -> str:
    """One child's life: "finished", "killed", or "killed in write"; without `draw` it is left alone."""
    shared[IN_WRITE] = 0
    child = os.fork()
    if child == 0:
        try:
            run_to_end(folder, shared, sabotage)
        except BaseException as error:
            os.write(2, f"{error}\n".encode())
            os._exit(3)
        os._exit(0)
    if draw is not None:
        # From the first checkpoint of this life on, at a random time; most aim at the next write after that.
        before = bytes(shared[SAVED : SAVED + 8])
        wait(child, lambda: shared[SAVED : SAVED + 8] != before)
        time.sleep(draw.uniform(0, 0.2))
        if draw.random() < 0.7:
            wait(child, lambda: shared[IN_WRITE] == 1)
            time.sleep(draw.uniform(0, 0.003))
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            return "finished"
    try:
        _, status = os.waitpid(child, 0)
    except ChildProcessError:
        return "finished"
    if os.WIFEXITED(status):
        return "finished" if os.WEXITSTATUS(status) == 0 else "failed"
    return "killed in write" if shared[IN_WRITE] else "killed"


def wait(child: int, until: Callable[[], bool]) -> None:
    """Until the child has come so far, or has ended."""
    while not until() and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.0003)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--sabotage", choices=["", "optimizer", "in-place"], default="")
    arguments = parser.parse_args()
    draw = random.Random(1)
    shared = mmap.mmap(-1, 16)
    kills = in_write = lost = failed = 0
    hashes = []
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        assert life(Path(scratch, "whole"), shared, "", None) == "finished"
        reference = state_hash(Path(scratch, "whole"))
        while kills < arguments.kills and not failed:
            folder = Path(scratch, f"run-{len(hashes)}")
            lives = 0
            shared[SAVED : SAVED + 8] = struct.pack("<q", 0)
            while True:
                end = life(folder, shared, arguments.sabotage, draw if lives < 5 else None)
                lives += 1
                kills += end.startswith("killed")
                in_write += end == "killed in write"
                failed += end == "failed"
                if not end.startswith("killed"):
                    break
                (saved,) = struct.unpack("<q", shared[SAVED : SAVED + 8])
                try:
                    newest, _ = checkpoints.load_newest(folder / "checkpoints")
                except checkpoints.RefusedError:
                    newest = None
                lost += (newest.step if newest is not None else 0) < saved
            if not failed:
                hashes.append(state_hash(folder))
    print(
        json.dumps(
            {
                "runs": len(hashes),
                "kills": kills,
                "in_write": in_write,
                "lost": lost,
                "failed": failed,
                "equal": sum(found == reference for found in hashes),
                "seconds": round(time.monotonic() - start, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
