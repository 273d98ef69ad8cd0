"""Run by torchrun, two processes: the parts of a team, each against one process.  Prints nothing where all is well."""

from __future__ import annotations

import os

import pytest
import torch
from torch import distributed, nn

from topfive.errors import DataError
from topfive.nn.sync_norm import SyncBatchNorm2d, synchronise
from topfive.train.processes import Team, joined


def norms(team: Team) -> None:
    draw = torch.Generator().manual_seed(1)
    images = 5 + 3 * torch.randn(8, 6, 5, 4, generator=draw)
    weights = torch.randn(8, 6, 5, 4, generator=draw)
    for momentum in (0.1, None):
        whole = nn.Sequential(nn.BatchNorm2d(6, momentum=momentum))
        nn.init.uniform_(whole[0].weight, generator=draw)
        shared = nn.Sequential(nn.BatchNorm2d(6, momentum=momentum))
        shared.load_state_dict(whole.state_dict())
        synchronise(shared)
        assert type(shared[0]) is SyncBatchNorm2d
        assert list(shared.state_dict()) == list(whole.state_dict())
        theirs, ours = images.clone().requires_grad_(), team.share(images).clone().requires_grad_()
        (whole(theirs) * weights).sum().backward()
        answer = shared(ours)
        (answer * team.share(weights)).sum().backward()
        for parameter in shared.parameters():
            distributed.all_reduce(parameter.grad)
        torch.testing.assert_close(answer, team.share(whole.train()(images)), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(ours.grad, team.share(theirs.grad), rtol=1e-4, atol=1e-5)
        for mine, other in zip(shared.parameters(), whole.parameters(), strict=True):
            torch.testing.assert_close(mine.grad, other.grad, rtol=1e-4, atol=1e-4)
        shared(team.share(images))
        for name, value in whole.state_dict().items():
            torch.testing.assert_close(shared.state_dict()[name], value, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(shared.eval()(images), whole.eval()(images), rtol=1e-5, atol=1e-5)


def words(team: Team) -> None:
    assert team.size == 2
    assert team.told(lambda: f"from {team.rank}") == "from 0"
    assert team.mean(float(team.rank)) == 0.5
    assert team.highest(7 * team.rank) == 7
    assert torch.cat([team.share(torch.arange(6))]).tolist() == [[0, 2, 4], [1, 3, 5]][team.rank]

    def fail() -> None:
        raise DataError("data set", "x", "it is gone")

    with pytest.raises(DataError if team.leads else SystemExit) as caught:
        team.told(fail)
    assert getattr(caught.value, "code", 3) == 3


if __name__ == "__main__":
    torch.set_num_threads(1)
    with joined("cpu") as (team, _):
        norms(team)
        words(team)
    os._exit(0)  # as the command line ends: threads that torch leaves behind may abort while the interpreter does
