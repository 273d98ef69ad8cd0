"""Many processes that train one network, as torchrun starts them: each takes its share of every batch.

The batch of the recipe is that of all processes together, so that any number of them follows the loss of one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from topfive.errors import ResourceError, TopfiveError, UsageError
from topfive.train.placement import available_cores

PATIENCE = timedelta(hours=12)  # that a process waits for another: the lead alone checks images and ships the file
LOST = ("connection", "gloo", "nccl", "peer", "socket")  # words of what torch says when a process has gone
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Team:
    """The processes that take each step together: this one is `rank` of `size`, `local_size` of them on this machine.

    Rank 0 leads: it alone writes.  All of them must call the methods in the same order.
    """

    rank: int = 0
    size: int = 1
    local_size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    @property
    def own(self) -> tuple[int, ...]:
        """What a draw that each process makes for itself adds to its counters; the lead draws as one alone does."""
        return () if self.leads else (self.rank,)

    @property
    def threads(self) -> int | None:
        """This process's part of the machine's cores; None for one that has it alone."""
        return None if self.size == 1 else max(1, available_cores() // self.local_size)

    def share(self, batch: Tensor) -> Tensor:
        """This process's part of a batch [B, ...]: every `size`-th sample."""
        return batch if self.size == 1 else batch[self.rank :: self.size]

    def check_batch(self, batch: int) -> None:
        """UsageError where a batch cannot be shared evenly."""
        if batch % self.size:
            why = f"{batch} images cannot be shared evenly by {self.size} processes"
            raise UsageError("--batch-size", str(batch), why, f"Use a multiple of {self.size}")

    def mean(self, value: float) -> float:
        return value if self.size == 1 else self._reduced(value, distributed.ReduceOp.SUM) / self.size

    def highest(self, value: int) -> int:
        return value if self.size == 1 else int(self._reduced(value, distributed.ReduceOp.MAX))

    def _reduced(self, value: float, how: distributed.ReduceOp.RedOpType) -> float:
        shared = torch.tensor(value, dtype=torch.float64)
        distributed.all_reduce(shared, how)
        return shared.item()

    def wait(self) -> None:
        """Until all are here."""
        self.highest(0)

    def told(self, make: Callable[[], _Made]) -> _Made:
        """What the lead makes, for all; where it fails, all end with its exit code and the lead says why."""
        if self.size == 1:
            return make()
        parcel: list[Any] = [None, 0]
        if self.leads:
            parcel = [None, 1]
            try:
                parcel = [make(), 0]
            except TopfiveError as error:
                parcel = [None, error.exit_code]
                raise
            finally:
                distributed.broadcast_object_list(parcel)
        else:
            distributed.broadcast_object_list(parcel)
            if parcel[1]:
                raise SystemExit(parcel[1])
        made: _Made = parcel[0]
        return made

    def said(self, error: TopfiveError) -> TopfiveError | SystemExit:
        """To be raised by all, once all are here, where all met the same: the lead says it, the others only end."""
        self.wait()
        return error if self.leads else SystemExit(error.exit_code)

    def wrapped(self, objective: nn.Module, changing: bool) -> nn.Module:
        """The same, its gradients the mean of all processes'; `changing`: not every parameter has one all the time."""
        if self.size == 1:
            return objective
        return DistributedDataParallel(objective, forward_sync_buffers=False, find_unused_parameters=changing)


ALONE = Team()


@contextlib.contextmanager
def joined(device: str) -> Iterator[tuple[Team, str]]:
    """The team that torchrun started this process in, alone where it did not; and this process's own device."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or "TORCHELASTIC_RUN_ID" not in os.environ:
        yield ALONE, device
        return
    local = int(os.environ["LOCAL_RANK"])
    if device == "cuda":
        device = f"cuda:{local}"
        torch.cuda.set_device(local)
    backend = "cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    team = Team(distributed.get_rank(), size, int(os.environ["LOCAL_WORLD_SIZE"]))
    try:
        yield team, device
    except TopfiveError as error:
        if not team.leads:
            error.args = (f"process {team.rank}: {error}",)
        raise
    finally:
        distributed.destroy_process_group()


@contextlib.contextmanager
def complete(team: Team, folder: os.PathLike[str]) -> Iterator[None]:
    """While this lasts, the loss of another process is said in one line."""
    try:
        yield
    except RuntimeError as error:
        text = str(error).lower()
        if team.size == 1 or not any(word in text for word in LOST):
            raise
        todo = f"See its own message; then start them all again with --resume {os.fspath(folder)}"
        raise ResourceError("stopped", folder, "another process of this run has ended", todo) from None
