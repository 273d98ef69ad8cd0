"""The fields of a recipe as flags of the command line, and their values back."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from typer import Option

from topfive.errors import UsageError

# The heading of the help under which a flag and those after it stand.
_PANELS = {
    "model": "The run",
    "opt": "How the weights move",
    "sched": "The rate in time",
    "loss": "What is minimised",
    "drop": "What is dropped at random",
    "img_size": "What is seen",
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def with_recipe_flags(command: Callable[..., None], recipe: type) -> Callable[..., None]:
    """`command`, which takes `**settings`, with one flag a field of `recipe`; a flag that is not given is None."""
    own = inspect.signature(command)
    fixed = [each for each in own.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    hints = get_type_hints(command, include_extras=True)
    flags = _flags(recipe)
    parameters = [each.replace(annotation=hints[each.name]) for each in fixed] + flags
    command.__signature__ = own.replace(parameters=parameters, return_annotation=None)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _flags(recipe: type) -> list[inspect.Parameter]:
    hints, panel, flags = get_type_hints(recipe), "", []
    for name, field in recipe.__pydantic_fields__.items():  # type: ignore[attr-defined]
        panel = _PANELS.get(name, panel)
        kind: Any = _plain(name, hints[name])
        flag = f"--{name.replace('_', '-')}"
        names = [f"{flag}/--no-{flag[2:]}"] if kind is bool else [flag]
        option = Option(*names, help=f"{field.description[0].upper()}{field.description[1:]}.", rich_help_panel=panel)
        annotation = Annotated[kind | None, option]
        flags.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
    return flags


def _plain(name: str, hint: Any) -> type:
    """What the command line reads: int, float, bool or text."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(each for each in get_args(hint) if each is not type(None))
    if name == "time" or get_origin(hint) in (Literal, tuple):
        return str
    kind: type = hint
    return kind


def settings_from(flags: Mapping[str, Any], pairs: Iterable[str]) -> dict[str, Any]:
    """The recipe's fields that were named, by flag or as `key=value`, which wins."""
    settings = {name: value for name, value in flags.items() if value is not None}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError("setting", pair, "it is no key=value", "Use e.g. mixup=0.2")
        settings[key.replace("-", "_")] = None if value.lower() == "none" else value
    return {name: _parsed(name, value) for name, value in settings.items()}


def _parsed(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name == "time":
        return seconds_from(value)
    if name in ("scale", "resize", "decay_milestones"):
        return [part for part in value.split(",") if part]
    return value


def seconds_from(text: str) -> float:
    """ "90", "90s", "10m", "1.5h" -> seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip())
    if found is None or not float(found[1]):
        raise UsageError("--time", text, "it is no time", "Use e.g. 90s, 10m or 1.5h")
    return float(found[1]) * _SECONDS[found[2] or "s"]
