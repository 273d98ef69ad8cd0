"""A cluster of one machine: the same history as here, whatever the executor and the number of workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from topfive.errors import UsageError
from topfive.search.executors.cluster import Cluster

TESTS = Path(__file__).parent.parent.parent
SCRIPT = """
import json
from faults import toys
from topfive.search.ends import Ends
from topfive.search.executors.cluster import Cluster
from topfive.search.executors.local import Local
from topfive.search.journal import MemoryJournal
from topfive.search.objective import Accuracy
from topfive.search.plan import Plan
from topfive.search.search import search

if __name__ == "__main__":
    plan = Plan(toys.SPACE, toys.climb, toys.Misbehaving(("raises", "exits")), Accuracy(), seed=3)
    executors = {"one": Local(1), "two": Local(2), "three": Local(3), "ray": Cluster(workers=2)}
    found = {name: search(plan, executor, MemoryJournal(), Ends(trials=12)) for name, executor in executors.items()}
    print(json.dumps({name: repr(history) for name, history in found.items()}))
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_executor_and_its_workers_change_nothing(tmp_path):
    pytest.importorskip("ray")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)}
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["one"] == found["two"] == found["three"] == found["ray"]
    assert "exited with 3, 3 times" in found["ray"]
    assert "ValueError: two lines of text" in found["ray"]
    assert "Measurement(" in found["ray"]


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'topfive\[cluster\]'"):
        next(Cluster()(None, []))
