"""Searchers beside each other on one journal, as processes of their own that tests start and signal.

`python -m faults.searchers FOLDER` searches with two processes and leaves what it found in FOLDER/found.PID;
`--careless` claims all that it is asked to.  It ends with the exit code of the command line.
Nothing heavy is imported above, as the processes that evaluate import this file.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from faults import toys
from topfive.errors import TopfiveError

TRIALS = 24


def plan(log: Path, pause: float) -> Any:
    from topfive.search.objective import Accuracy
    from topfive.search.plan import Plan

    return Plan(toys.SPACE, toys.climb, toys.Toy(pause, log), Accuracy(), seed=7, round=6)


def main() -> int:
    from topfive.search.ends import Ends
    from topfive.search.executors.local import Local
    from topfive.search.journal import FileJournal, journal_in
    from topfive.search.search import search

    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pause", type=float, default=0.02)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--careless", action="store_true")
    arguments = parser.parse_args()
    if arguments.careless:
        FileJournal.claim = lambda journal, trial: trial not in journal.results
    this = plan(arguments.folder / "log", arguments.pause)
    try:
        with journal_in(arguments.folder, this.head) as journal:
            found = search(this, Local(arguments.workers), journal, Ends(trials=TRIALS))
    except TopfiveError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    (arguments.folder / f"found.{os.getpid()}").write_text("\n".join(map(repr, found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
