"""One section of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Section:
    """`template` draws `view` under `title`; `key` is the section's anchor."""

    key: str
    title: str
    template: str
    view: Mapping[str, Any] = field(default_factory=dict)
