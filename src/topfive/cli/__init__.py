"""The command line: one file a verb, imported only when that verb is called.

`cli/<verb>.py` defines a function of the verb's name, or, for a verb with parts (`data get`), a `typer.Typer` called
`app`.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

import typer
from typer.main import get_command

from topfive.errors import TopfiveError, escaped

# The verbs in the order of a working day; the line is what `topfive --help` prints without importing the verb.
VERBS = {
    "train": "Train a classifier on a folder, a CSV file or a named data set.",
    "search": "Search the architecture for given images, or tabulate a space.",
    "evaluate": "Measure an artifact on labelled images.",
    "compare": "Lay finished runs side by side: which is better by more than chance?",
    "predict": "Name what is in photographs.",
    "explain": "Show where in a picture the evidence for a class lies.",
    "export": "Turn a run folder or weights into the one shipped file.",
    "scale": "Find how depth, width and resolution of a network grow best together.",
    "models": "List the networks, each with its paper and its exact counts.",
    "data": "Check and split data sets; list and fetch the named ones.",
    "doctor": "Say what is installed here and whether it is fit for use.",
}
OPTIONAL_VALUE = ("--resume",)
INTERRUPTED = 130


def application(verb: str | None) -> typer.Typer:
    """The command line with `verb` ready to run; every other verb is only its line of help."""
    app = typer.Typer(
        name="topfive",
        help="Image classification from the papers to the device.",
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name, line in VERBS.items():
        if name != verb:
            app.command(name, help=line)(_not_loaded)
            continue
        module = importlib.import_module(f"topfive.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name, help=line)
        else:
            app.command(name)(getattr(module, name))
    return app


def _options(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    """Image classification from the papers to the device."""


def _not_loaded() -> None:
    raise AssertionError("only the verb that was asked for is loaded")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line on `arguments` (by default the process's own) and exit with its code."""
    code = run(list(sys.argv[1:] if arguments is None else arguments))
    if "TORCHELASTIC_RUN_ID" in os.environ:
        # Threads that torch leaves behind may abort while the interpreter of a team's process ends, whatever its code.
        for stream in filter(None, (sys.stdout, sys.stderr)):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line and return the exit code; an error is one line on stderr, with --debug the traceback."""
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    if arguments[:1] == ["--version"]:
        from topfive import __version__

        print(f"topfive {__version__}")
        return 0
    if not arguments:
        arguments = ["--help"]
    arguments = _with_values(arguments)
    verb = next((argument for argument in arguments if not argument.startswith("-")), None)
    try:
        code = get_command(application(verb)).main(arguments, prog_name="topfive", standalone_mode=False)
        if code == INTERRUPTED:  # which typer makes of the exception
            raise KeyboardInterrupt
        if sys.stdout is not None:  # None where the process was started without one
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except typer.TyperException as error:  # an unknown verb or flag, a value of the wrong type
        return _fail(error, _one_line(error.format_message()), 2, debug)
    except TopfiveError as error:
        return _fail(error, str(error), error.exit_code, debug)
    except MemoryError as error:
        return _fail(error, "out of memory: the work does not fit. Use a smaller --batch-size or image size", 5, debug)
    except (KeyboardInterrupt, typer.Abort) as error:
        return _fail(error, "interrupted", INTERRUPTED, debug)
    except (BrokenPipeError, SystemExit) as error:
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise  # typer makes a closed pipe a SystemExit
        _drop_output()  # the reader has gone: not our error
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _drop_output()
        return _fail(error, "cannot write: the disk is full. Free some space and try again", 5, debug)


def _with_values(arguments: list[str]) -> list[str]:
    """An option that may stand without its value gets the empty one."""
    following = [*arguments[1:], "-"]
    return [
        f"{argument}=" if argument in OPTIONAL_VALUE and after.startswith("-") else argument
        for argument, after in zip(arguments, following, strict=True)
    ]


def _fail(error: BaseException, line: str, code: int, debug: bool) -> int:
    if sys.stderr is None:  # print would take stdout instead
        return code
    with contextlib.suppress(OSError):  # nobody may be left to read it, but the code still counts
        if debug:
            traceback.print_exception(error)
        print(f"error: {escaped(line)}", file=sys.stderr, flush=True)
    return code


def _drop_output() -> None:
    """What is still to be flushed goes nowhere, instead of failing once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _one_line(message: str) -> str:
    return " ".join(part.strip() for part in message.splitlines() if part.strip())
