"""Opening a data set by what the user calls it: a folder, a CSV file, shards or a name."""

from __future__ import annotations

import os
from pathlib import Path

from topfive.data.check import Progress, Thoroughness
from topfive.data.dataset import Splits
from topfive.data.files import Choices, assemble
from topfive.data.folder import list_folder
from topfive.data.imagenet import open_imagenet
from topfive.data.named import NAMED, open_arrays
from topfive.data.shards import list_shards, shard_files
from topfive.data.table import list_table
from topfive.errors import DataError, nearest

ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")


def open_data(
    source: str | os.PathLike[str],
    *,
    data_root: str | os.PathLike[str] | None = None,
    seed: int = 0,
    val_fraction: float = 0.1,
    test_fraction: float = 0.1,
    max_bad: float = 0.05,
    allow_empty: bool = False,
    follow_links: bool = False,
    short_side: int | None = None,
    check: Thoroughness = "all",
    progress: Progress | None = None,
) -> Splits:
    """Open a folder of classes, a CSV file, WebDataset shards or a named data set, every bad file found and named.

    `data_root` is where named sets are looked for (default: see places.data_folder) and, if given, where the relative
    paths of a CSV file start.  The fractions are of all images, or of train where the source itself gives val or test;
    for a named set `val_fraction` only says whether (not 0) its fixed validation images are held out.  More than
    `max_bad` (a fraction) of bad files is an error; `allow_empty` accepts classes without images; `follow_links`
    follows links that lead out of the folder; `short_side` is FileDataset's; `check` is how thoroughly images are
    looked at before any is used (see data/check.py); `progress(done, total)` is called as files are checked.  Raises
    DataError, or UsageError for a setting.
    """
    choices = Choices(seed, val_fraction, test_fraction, max_bad, allow_empty, follow_links, short_side, check)
    name = os.fspath(source)
    root = Path(data_root) if data_root is not None else None
    if name == "imagenet":
        return open_imagenet(root, choices, progress)
    if name in NAMED:
        return open_arrays(NAMED[name], root, val_fraction)
    shards = shard_files(name)
    if shards:
        return assemble(_title(name.split("{")[0]), list_shards(name, shards, progress), choices, progress)
    if os.path.isdir(name):
        return assemble(_title(name), list_folder(name, follow_links, allow_empty), choices, progress)
    if os.path.isfile(name) and name.lower().endswith(".csv"):
        base = os.fspath(data_root) if data_root is not None else None
        return assemble(_title(name), list_table(name, base, follow_links), choices, progress)
    if not os.path.exists(name):
        todo = nearest(name, NAMED).capitalize() or f"Named sets: {', '.join(NAMED)}"
        raise DataError("no such data set", name, "it is neither a folder, a CSV file, shards nor a name", todo)
    if name.lower().endswith(ARCHIVES):
        raise DataError("data set", name, "such archives are not read", "Unpack it and give the folder")
    raise DataError(
        "data set",
        name,
        "it is neither a folder, a .csv nor a .tar file",
        "Give a folder of class folders or a CSV file",
    )


def _title(path: str) -> str:
    return os.path.basename(os.path.abspath(path)).rstrip("-_.") or path
