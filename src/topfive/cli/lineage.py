"""What the papers' files say of each other: who imports whom, and in which words each begins."""

from __future__ import annotations

import ast
import inspect
import re
from types import ModuleType

from topfive.models import TIMELINE
from topfive.spec import ModelSpec

FIRST_SENTENCE = re.compile(r"(?P<title>[^:]+): (?P<idea>.+?)\.(\s|$)")


def stem(module: ModuleType) -> str:
    """The name of a paper's file."""
    return module.__name__.rpartition(".")[2]


def file_of(variant: ModelSpec) -> ModuleType:
    """The paper's file that defines `variant`, or for a network that its name describes, that of its paper."""
    defines = (module for module in TIMELINE if any(one.name == variant.name for one in module.VARIANTS))
    return next(defines, None) or next(module for module in TIMELINE if variant.paper == module.PAPER)


def title_and_idea(module: ModuleType) -> tuple[str, str]:
    """What stands before and after the colon in the first sentence of the file."""
    sentence = FIRST_SENTENCE.match(" ".join((module.__doc__ or "").split()))
    if sentence is None:
        raise ValueError(f"{module.__name__} does not begin with 'Name: idea.'")
    return sentence["title"], sentence["idea"]


def ancestors(module: ModuleType) -> tuple[str, ...]:
    """The papers' files that `module` imports, the oldest first."""
    imported = imported_papers(inspect.getsource(module))
    return tuple(stem(other) for other in TIMELINE if stem(other) in imported)


def descendants(module: ModuleType) -> tuple[str, ...]:
    """The papers' files that import `module`, the oldest first."""
    return tuple(stem(other) for other in TIMELINE if stem(module) in ancestors(other))


def imported_papers(source: str) -> set[str]:
    """The papers that this text of a file imports, wherever in it."""
    prefix = "topfive.models"
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.removeprefix(f"{prefix}.").split(".")[0] for name in names if name.startswith(f"{prefix}.")}
    return found
