"""In processes of their own: what is asked of the heap holds for all of one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from topfive.train import heap

STEPS = """
import resource, sys
import torch
from topfive.models import create_model
from topfive.train import heap
from topfive.train.placement import Placement

torch.manual_seed(0)
torch.set_num_threads(1)
model = create_model("resnet20_cifar", 10)
if sys.argv[1] == "placed":
    Placement(threads=1, channels_last=False).apply(model)
images = torch.randn(32, 3, 28, 28)
faults = []
for step in range(6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    model(images).square().mean().backward()
    gradient = sum(float(each.grad.abs().sum()) for each in model.parameters())
    model.zero_grad()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(sum(faults[2:]), gradient)
"""


def steps(how):
    """Pages that four steps had to have cleared, and their gradient; all large blocks go back unless they are kept."""
    done = subprocess.run(
        [sys.executable, "-c", STEPS, how],
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "131072"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    faults, gradient = done.stdout.split()
    return int(faults), gradient


@pytest.mark.skipif(not heap.keep(), reason="no mallopt in this C library")
def test_a_step_takes_the_memory_that_the_last_one_freed():
    plain, placed = steps("plain"), steps("placed")
    assert plain[0] > 500  # pages: otherwise there would be nothing to show
    assert placed[0] < plain[0] / 10
    assert placed[1] == plain[1]


def test_a_c_library_without_it_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(heap.ctypes, "CDLL", lambda _: object())
    assert heap.keep.__wrapped__() is False
