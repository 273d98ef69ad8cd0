"""Where data sets are looked for, and where what was learnt about files is kept."""

from __future__ import annotations

import os
from pathlib import Path

DEBIAN = Path("/usr/share/datasets")  # where Debian's dataset-* packages put their files


def data_folder() -> Path:
    """$TOPFIVE_DATA, else `topfive` in the user's data folder (XDG: ~/.local/share)."""
    return Path(os.environ.get("TOPFIVE_DATA") or _user_folder("XDG_DATA_HOME", ".local/share"))


def cache_folder() -> Path:
    """`topfive` in the user's cache folder (XDG: ~/.cache)."""
    return _user_folder("XDG_CACHE_HOME", ".cache")


def _user_folder(variable: str, below_home: str) -> Path:
    base = os.environ.get(variable, "")
    return (Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~"), below_home)) / "topfive"
