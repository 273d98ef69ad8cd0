"""The data in a pickle of numpy's byte arrays, read as data: nothing is imported, built or called.

CIFAR for Python is published as pickles, and a pickle is a program that may run anything.  Here its instructions are
only tokenised (pickletools) and the few that describe strings, numbers, lists, tuples and dictionaries carried out;
what would import or call becomes an inert Call, in which the bytes of an array stand as an argument.
"""

from __future__ import annotations

import math
import os
import pickletools
import warnings
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from topfive.errors import DataError

_TEXTS = frozenset(("SHORT_BINSTRING", "BINSTRING", "BINUNICODE", "BINBYTES", "SHORT_BINBYTES"))
_NUMBERS = frozenset(("BININT", "BININT1", "BININT2", "LONG1"))
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MARK = object()


@dataclass
class Call:
    """What a pickle wanted to call, and with what; it was not called."""

    function: Any
    arguments: Any
    state: Any = None


def read_pickled(path: str | os.PathLike[str]) -> dict[Any, Any]:
    """The dictionary in the pickle at `path`; text is str, arrays are Calls (see array_of)."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise DataError("cannot read", path, error.strerror or str(error)) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a damaged escape in a name
            found = _interpret(content)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError("damaged pickle", path, type(error).__name__ + f": {error}"[:100], "Fetch it again") from None
    if not isinstance(found, dict):
        raise DataError("damaged pickle", path, "it holds no dictionary", "Fetch it again")
    return found


def array_of(found: Any) -> NDArray[np.uint8] | None:
    """The array that a pickled numpy array of bytes describes, or None if `found` is not one."""
    match found:
        case Call(
            Call("numpy.core.multiarray", "_reconstruct") | Call("numpy._core.multiarray", "_reconstruct"),
            _,
            (int(), (*shape,), Call(Call("numpy", "dtype"), ("u1", *_)), False, str(text)),
        ) if all(isinstance(side, int) and side >= 0 for side in shape):
            try:
                content = np.frombuffer(text.encode("latin-1"), np.uint8)
            except UnicodeEncodeError:
                return None
            return content.reshape(shape).copy() if content.size == math.prod(shape) else None
    return None


def _interpret(content: bytes) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for opcode, operand, _ in pickletools.genops(content):
        name, argument = opcode.name, cast(Any, operand)
        if name in _TEXTS:
            stack.append(argument.decode("latin-1") if isinstance(argument, bytes) else argument)
        elif name in _NUMBERS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            count = _TUPLES[name]
            stack[len(stack) - count :] = [tuple(stack[len(stack) - count :])]
        elif name == "TUPLE":
            stack.append(tuple(_since_mark(stack)))
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "APPEND":
            value = stack.pop()
            stack[-1].append(value)
        elif name == "APPENDS":
            values = _since_mark(stack)
            stack[-1].extend(values)
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            stack[-1].update(_pairs([key, value]))
        elif name == "SETITEMS":
            values = _since_mark(stack)
            stack[-1].update(_pairs(values))
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(memo[argument])
        elif name == "GLOBAL":
            stack.append(Call(*argument.split(" ", 1)))
        elif name == "REDUCE":
            arguments = stack.pop()
            stack.append(Call(stack.pop(), arguments))
        elif name == "BUILD":
            state = stack.pop()
            if not isinstance(stack[-1], Call):
                raise ValueError("a state for what has none")
            stack[-1].state = state
        elif name == "STOP":
            return stack.pop()
        elif name != "PROTO":
            raise ValueError(f"instruction {name} is not one that describes data")
    raise ValueError("it has no end")


def _pairs(values: list[Any]) -> dict[Any, Any]:
    """Only texts and numbers are keys: hashing shared tuples in tuples would never end."""
    if not all(isinstance(key, str | int) for key in values[::2]):
        raise ValueError("a key that is neither text nor number")
    return dict(zip(values[::2], values[1::2], strict=True))


def _since_mark(stack: list[Any]) -> list[Any]:
    position = len(stack) - 1 - stack[::-1].index(_MARK)
    values = stack[position + 1 :]
    del stack[position:]
    return values
