"""Kill a search with SIGKILL, again and again, and see whether it ends as one that was left alone.

Run as a process of its own (`python -m faults.searches`), because it forks after the imports.  Prints one JSON line:
how many kills there were, how many of them landed while a network was being evaluated and how many inside the writing
of a line; how many finished trials were evaluated once more, how many lives failed, how many searches came to their
end, and how many of them as the one that nobody killed.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import signal
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from faults import toys

TRIALS = 60
PAUSE = 0.004  # seconds of one write, and of one evaluation in the searcher's own process
PROCESS_PAUSE = 0.05  # of one in a process of its own, which takes longer to begin
LIFE = 15  # evaluations, at most, from the beginning of a life to its kill
FAILED = 1


def one_life(folder: Path, workers: int, in_write: mmap.mmap, sabotage: str) -> None:
    """Search in `folder` to the end, and leave what was found in a file there."""
    from topfive.search import logfile
    from topfive.search.ends import Ends
    from topfive.search.executors import in_process
    from topfive.search.executors.local import Local
    from topfive.search.journal import journal_in
    from topfive.search.objective import Accuracy
    from topfive.search.plan import Plan
    from topfive.search.search import Silent, search

    class Witness(Silent):
        """Remembers beside the journal which trials were finished."""

        def finished(self, trial: Any) -> None:
            if trial.copy_of is None:
                toys.tell(folder / "log", f"finished {trial.model}")

    def slow_write(file: int, content: bytes) -> int:
        """As when the power fails: a line may be on the disk in part."""
        if sabotage == "forgetful" and b"measured" in content and random.random() < 0.2:
            return len(content)
        in_write[0] = 1
        half = len(content) // 2
        os.write(file, content[:half])
        time.sleep(PAUSE)
        os.write(file, content[half:])
        in_write[0] = 0
        return len(content)

    logfile.os = SimpleNamespace(**{**vars(os), "write": slow_write})
    strategy = moody() if sabotage == "moody" else toys.climb
    plan = Plan(
        toys.SPACE, strategy, toys.Toy(PROCESS_PAUSE if workers else PAUSE, folder / "log"), Accuracy(), seed=5, round=4
    )
    with journal_in(folder, plan.head) as journal:
        found = search(plan, Local(workers) if workers else in_process, journal, Ends(TRIALS), Witness())
    (folder / "found").write_text("\n".join(map(repr, found)))


def moody() -> Any:
    """A strategy that goes by how often it was asked, which no journal knows."""
    asked: list[int] = []

    def strategy(space: Any, history: Any, count: int, rng: Any) -> Any:
        asked.append(count)
        return toys.climb(space, history, count, rng) if len(asked) % 3 else toys.uniform(space, history, count, rng)

    return strategy


def forked(folder: Path, workers: int, in_write: mmap.mmap, sabotage: str) -> int:
    child = os.fork()
    if child:
        return child
    try:
        random.seed()
        one_life(folder, workers, in_write, sabotage)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(FAILED)


def folders(parent: Path) -> Iterator[Path]:
    for number in range(10_000):
        folder = parent / str(number)
        folder.mkdir()
        yield folder


def evaluated_again(log: list[list[str]]) -> int:
    """How many evaluations began of trials that were finished before."""
    finished: set[str] = set()
    again = 0
    for what, model in log:
        again += what == "begin" and model in finished
        finished |= {model} if what == "finished" else set()
    return again


def wait_for(evaluations: int, log: Path, lines: int, child: int) -> None:
    """Until this life has begun so many, or has ended."""
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if sum(what == "begin" for what, _ in toys.told(log)[lines:]) >= evaluations:
            return
        time.sleep(0.001)


def kill(kills: int, workers: int, sabotage: str, parent: Path) -> dict[str, int]:
    counts = dict.fromkeys(("kills", "evaluating", "in_write", "again", "failed", "ended", "equal"), 0)
    in_write = mmap.mmap(-1, 1)
    fresh = folders(parent)
    alone, folder = next(fresh), next(fresh)
    os.waitpid(forked(alone, workers, in_write, ""), 0)
    while counts["kills"] < kills or not counts["ended"]:
        in_write[0] = 0
        log = folder / "log"
        lines = len(toys.told(log))
        child = forked(folder, workers, in_write, sabotage)
        if counts["kills"] < kills:
            wait_for(random.randint(1, LIFE), log, lines, child)
            time.sleep(random.uniform(0, PROCESS_PAUSE if workers else 3 * PAUSE))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            life = [what for what, _ in toys.told(log)[lines:]]
            counts["kills"] += 1
            counts["evaluating"] += life.count("begin") > life.count("end")
            counts["in_write"] += in_write[0]
            continue
        counts["ended"] += 1
        counts["failed"] += os.WEXITSTATUS(status) == FAILED
        counts["again"] += evaluated_again(toys.told(log))
        found = folder / "found"
        counts["equal"] += found.exists() and found.read_text() == (alone / "found").read_text()
        folder = next(fresh)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 evaluates in the searcher's own")
    parser.add_argument("--sabotage", choices=("", "forgetful", "moody"), default="")
    arguments = parser.parse_args()
    import topfive.search.search  # noqa: F401  # torch, once for all lives

    random.seed(0)
    with tempfile.TemporaryDirectory() as parent:
        print(json.dumps(kill(arguments.kills, arguments.workers, arguments.sabotage, Path(parent))))


if __name__ == "__main__":
    main()
