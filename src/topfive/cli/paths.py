"""Images as they are named on the command line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from topfive.images import EXTENSIONS


def image_files(paths: Iterable[str]) -> Iterator[str]:
    """The paths in their order; a folder becomes the image files below it, sorted, or stays where it has none."""
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        found = sorted(
            os.path.join(folder, name)
            for folder, _, names in os.walk(path)
            for name in names
            if os.path.splitext(name)[1].lower() in EXTENSIONS and not name.startswith(".")
        )
        yield from found or [path]
