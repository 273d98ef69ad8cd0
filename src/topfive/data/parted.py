"""A split as folders, part/<class>/<file>, of links to the pictures or of copies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from topfive.data.dataset import FileDataset, Splits
from topfive.errors import ResourceError, UsageError, shown


def write_folders(folder: Path, splits: Splits, *, copy: bool = False) -> None:
    """Into a folder that is not there yet, or is empty; the pictures are only read.

    A picture keeps its path below the data set's root, with "__" for "/".  UsageError for a class that cannot be a
    folder's name; ResourceError where something cannot be written, and then what was written so far is left.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("output folder", folder, "it is not empty", "Give another --out")
    for name in splits.classes:
        if name in ("", ".", "..") or "/" in name or "\0" in name or os.sep in name:
            raise UsageError(
                "class", shown(name), "it cannot be the name of a folder", "Write the split as a .csv file"
            )
    place: Callable[[str, Path], object] = shutil.copyfile if copy else os.symlink
    try:
        for part, dataset in splits.parts():
            if not isinstance(dataset, FileDataset):
                raise UsageError("data set", splits.name, "its images are no files", "Write the split as a .csv file")
            for name in splits.classes if len(dataset) else ():
                (folder / part / name).mkdir(parents=True, exist_ok=True)
            for index, label in enumerate(dataset.labels):
                name = dataset.name(index).replace("/", "__")
                place(os.path.abspath(dataset.path(index)), folder / part / splits.classes[label] / name)
    except OSError as error:
        raise ResourceError("cannot write", error.filename2 or folder, error.strerror or str(error)) from None
