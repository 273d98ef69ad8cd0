"""What every verb has from the command line itself: loading, help, errors, exit codes."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive import __version__, cli, errors
from topfive.cli import VERBS, run
from topfive.errors import TopfiveError, escaped, shown

MAIN = "from topfive.cli import main; main()"


def process(*arguments, closed=(), **options):
    """A real process; the descriptors in `closed` are."""
    command = [sys.executable, "-W", "error", "-c", MAIN, *arguments]
    close = (lambda: [os.close(descriptor) for descriptor in closed]) if closed else None
    return subprocess.run(command, preexec_fn=close, text=True, **{"capture_output": True, **options})


def verb_that(monkeypatch, action):
    """Makes `topfive doctor` do `action`."""
    from topfive.cli import doctor

    def stand_in() -> None:
        action()

    monkeypatch.setattr(doctor, "doctor", stand_in)


def failing(error):
    def action():
        raise error

    return action


def test_help_names_every_verb(capsys):
    assert run([]) == 0
    first = capsys.readouterr().out
    assert run(["--help"]) == run(["-h"]) == 0
    for verb, line in VERBS.items():
        assert verb in first
        assert line.split()[0] in first


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_json(verb, capsys):
    assert run([verb, *(["list"] if verb in ("data", "models") else []), "--help"]) == 0
    assert "--json" in re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"topfive {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["trian"], "Did you mean 'train'?"),
        (["train", "digits", "--modle", "lenet5"], "--model"),
        (["train", "digits", "--epochs", "many"], "'--epochs': Input should be a valid integer"),
        (["predict", "x.png", "--top", "0"], "'--top': Input should be greater"),
        (["evaluate"], "Missing argument"),
        (["--what"], "--what"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_2(arguments, says, capsys):
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert says in err


def error_classes():
    found = {cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, TopfiveError)}
    return sorted(found - {TopfiveError, errors.StoppedError}, key=lambda cls: cls.__name__)


def test_exit_codes_are_the_published_ones():
    codes = {cls.__name__: cls.exit_code for cls in error_classes()}
    assert codes == {
        **{"UsageError": 2, "DataError": 3, "RefusedError": 4, "ResourceError": 5, "DivergedError": 6},
        **{"SkippedError": 7, "LimitsError": 8},
    }


@pytest.mark.parametrize("kind", error_classes())
def test_an_error_is_one_line_with_its_code(kind, capsys, monkeypatch):
    verb_that(monkeypatch, failing(kind("what", "a\nb\x1b[31m", "why\nso", "Do this")))
    assert run(["doctor"]) == kind.exit_code
    assert capsys.readouterr() == ("", "error: what a\\nb\\x1b[31m: why\\nso. Do this\n")


def test_debug_shows_the_traceback_and_keeps_the_line(capsys, monkeypatch):
    verb_that(monkeypatch, failing(errors.DataError("what", "x", "why")))
    assert run(["--debug", "doctor"]) == run(["doctor", "--debug"]) == 3
    err = capsys.readouterr().err
    assert err.count("Traceback") == 2
    assert err.endswith("error: what x: why\n")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (MemoryError(), 5, "--batch-size"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(errno.ENOSPC, "No space left on device"), 5, "disk is full"),
    ],
)
def test_what_the_machine_lacks_is_said(error, code, says, capsys, monkeypatch):
    monkeypatch.setattr(cli, "_drop_output", lambda: None)
    verb_that(monkeypatch, failing(error))
    assert run(["doctor"]) == code
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_a_bug_keeps_its_traceback(monkeypatch):
    verb_that(monkeypatch, failing(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        run(["doctor"])


def test_a_reader_that_has_gone_is_no_error():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as out:
        done = process("data", "list", "--json", capture_output=False, stdout=out, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_behind_stdout_is_one_line():
    with open("/dev/full", "w") as out:
        done = process("data", "list", "--json", capture_output=False, stdout=out, stderr=subprocess.PIPE)
    assert done.returncode == 5
    assert done.stderr.count("\n") == 1
    assert "disk is full" in done.stderr


def test_streams_that_are_closed_are_no_error():
    assert process("--version", closed=[1]).returncode == 0
    assert process("data", "list", closed=[1, 2]).returncode == 0
    done = process("data", "get", "nothing", closed=[2])
    assert (done.returncode, done.stdout) == (2, ""), "an error never lands among the answers"


@given(st.text())
def test_what_is_shown_is_safe_on_a_terminal(text):
    assert escaped(text).isprintable()
    assert shown(text).isprintable()
    assert len(shown(text)) <= errors.MAXIMUM_SHOWN
    if text.isprintable():
        assert escaped(text) == text


@given(st.lists(st.text(alphabet="abc-=", max_size=6), max_size=4))
def test_resume_may_stand_alone(before):
    arguments = ["train", *before]
    assert cli._with_values([*arguments, "--resume"])[-1] == "--resume="
    assert cli._with_values(["train", "--resume", "--json"]) == ["train", "--resume=", "--json"]
    assert cli._with_values(["train", "--resume", "runs/x"]) == ["train", "--resume", "runs/x"]
