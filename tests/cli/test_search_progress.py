"""What a search shows while it goes."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from topfive.cli import search_progress
from topfive.cli.search_progress import SearchProgress, Standing, clock, trials_table
from topfive.search.trial import Failure, Measurement, Trial

MODEL = f"pnas:n1:{'separable_3x3@0+' * 9}"


def trial(number, accuracy, *, latency=None, copy_of=None):
    measured = None if accuracy is None else Measurement(accuracy, 12_345, 6_780_000, 1.0, latency=latency)
    outcome = measured or Failure("diverged")
    return Trial(number, number // 4, (number,), str(number), MODEL, outcome, accuracy, copy_of)


@pytest.fixture
def screen(monkeypatch):
    """What is written, on no terminal or on one."""

    def open_screen(terminal):
        written = io.StringIO()
        console = Console(file=written, force_terminal=terminal, width=100, highlight=False)
        monkeypatch.setattr(search_progress, "console", lambda: console)
        return written

    return open_screen


def test_what_is_known_so_far():
    standing = Standing()
    trials = trial(0, 0.5), trial(1, None), trial(2, 0.7), trial(3, 0.6), trial(4, 0.7, copy_of=2)
    news = [standing.add(one) for one in trials]
    assert news == [True, False, True, False, False]
    assert [one.number for one in standing.best] == [2, 3, 0]
    assert standing.counted() == "4 networks, 1 failed, 1 proposed again"


def test_plain_lines_tell_each_new_best(screen):
    written = screen(False)
    with SearchProgress(None, 4) as progress:
        progress.proposed(0, 4)
        for one in (trial(0, 0.5), trial(1, None), trial(2, 0.7, latency=0.25), trial(3, 0.6)):
            progress.finished(one)
        progress.round_done(0, [])
        progress.ended([], "4 networks evaluated")
    first, second, last = written.getvalue().splitlines()
    assert first.startswith("1 network, best 50.00% by trial 0, 12.3K parameters, 6.78M MACs; about 0:0")
    assert "best 70.00% by trial 2, 12.3K parameters, 6.78M MACs, 250 \N{MICRO SIGN}s" in second
    assert last == "searched 4 networks, 1 failed: 4 networks evaluated"


def test_a_terminal_has_a_table_and_a_bar_while_it_goes_and_neither_afterwards(screen):
    written = screen(True)
    with SearchProgress(60.0, None, taken=30.0) as progress:
        progress.proposed(1, 4)
        progress.finished(trial(5, 0.5))
        progress.note("[bold]words[/]\x1b[31m")
        Console(file=written, width=100).print(progress._drawn())
        progress.ended([], "the time is over")
    shown = written.getvalue()
    assert "50.00%" in shown
    assert "round 2, 1 network, 0:30 left" in shown or "0:29 left" in shown
    assert "[bold]words[/]\\x1b[31m" in shown, "markup and control characters are only shown"
    assert shown.rstrip().endswith("searched 1 network: the time is over")


@pytest.mark.parametrize("width", [60, 100, 200])
def test_figures_are_whole_in_a_narrow_table_and_the_network_is_cut(width):
    written = io.StringIO()
    Console(file=written, width=width).print(trials_table([trial(1, 0.5, latency=1.5), trial(2, 0.25, latency=2.5)]))
    lines = written.getvalue().splitlines()
    assert len(lines) == 3
    for figure in ("0.5000", "50.00%", "12.3K", "6.78M", "1.5 ms"):
        assert figure in lines[1]


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (61.4, "1:01"), (3723, "1:02:03")])
def test_times_are_read_as_on_a_clock(seconds, shown):
    assert clock(seconds) == shown
