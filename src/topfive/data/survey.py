"""A whole data set looked at: every image at a glance, which are the same, and which are alike."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from topfive.data.check import MAXIMUM_BYTES, Contents, FilesBelow, Progress
from topfive.data.dataset import ImageDataset, Labels, Skipped, Splits, picture
from topfive.data.folder import list_folder
from topfive.data.glance import Glance, glance_all
from topfive.data.likeness import Alike, look_alikes
from topfive.data.listing import Files, Listing
from topfive.data.named import NAMED, require
from topfive.data.shards import Shards, list_shards, shard_files
from topfive.data.source import open_data
from topfive.data.table import list_table
from topfive.errors import DataError

SMALLEST_COMPARED = 32  # pixels of the shorter side; in smaller pictures different things look the same
BLANK = 10  # levels between the lightest and the darkest part, below which a picture shows nothing

Steps = Callable[[str], Progress]  # what is begun -> what to call as it goes on
Embed = Callable[[Contents, NDArray[np.intp], Progress], NDArray[np.float32]]  # chosen images -> [N, D], of length 1


@dataclass(frozen=True, eq=False)
class Survey:
    """Image i is `paths[i]` of class `classes[labels[i]]`, in `parts[i]` (of split.NAMES) or UNASSIGNED.

    `alike` are pairs among the images that are no byte-for-byte copy of an earlier one; `listing` is None for a data
    set that is no files.
    """

    classes: tuple[str, ...]
    paths: Sequence[str]
    labels: Labels
    parts: NDArray[np.int8]
    contents: Contents
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    listing: Listing | None
    glances: tuple[Glance, ...] = ()
    alike: tuple[Alike, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    def is_blank(self, index: int) -> bool:
        small = self.glances[index].small
        return small is not None and int(np.ptp(small)) < BLANK


def survey(
    source: str,
    steps: Steps,
    embed: Embed | None,
    *,
    compare: bool = True,
    data_root: Path | None = None,
    follow_links: bool = False,
) -> Survey:
    """Of all that `open_data` takes.  Without `embed` crops and strongly changed copies are not looked for.

    Without `compare` nothing but equal files is.

    DataError where the source is none.  Nothing is judged: a data set of bad files alone is surveyed too.
    """
    listing = _listed(source, steps, data_root, follow_links)
    if listing is None:
        found = _of_arrays(open_data(source, data_root=data_root))
    else:
        if listing.labels.ndim != 1:
            why = "its images have several labels; what is looked at here has one an image"
            raise DataError("data set", source, why, "Train on it: damaged and equal files are told of then too")
        skipped, notes = tuple(listing.skipped), tuple(listing.notes)
        contents = _contents(listing)
        found = Survey(listing.classes, listing.paths, listing.labels, listing.parts, contents, skipped, notes, listing)
    found = replace(found, glances=tuple(glance_all(found.contents, steps("reading images"))))
    return replace(found, alike=_alike(found, steps, embed)) if compare else found


def _of_arrays(splits: Splits) -> Survey:
    arrays = _Arrays(splits)
    parts = np.repeat(np.arange(3, dtype=np.int8), [len(part) for _, part in splits.parts()])
    labels = np.concatenate([part.labels for _, part in splits.parts()])
    return Survey(splits.classes, arrays, labels, parts, arrays, (), splits.notes, None)


def _alike(found: Survey, steps: Steps, embed: Embed | None) -> tuple[Alike, ...]:
    chosen = np.array([index for index in first_copies(found.glances) if _is_comparable(found, index)], np.intp)
    if len(chosen) < 2:
        return ()
    lumas = np.stack([small for index in chosen if (small := found.glances[index].small) is not None])
    embeddings = None if embed is None else embed(found.contents, chosen, steps("describing images"))
    pairs = look_alikes(lumas, embeddings, steps("comparing images"))
    return tuple(replace(pair, first=int(chosen[pair.first]), second=int(chosen[pair.second])) for pair in pairs)


def first_copies(glances: Sequence[Glance]) -> list[int]:
    """Of each picture that decodes, the first file with these very bytes."""
    first: dict[bytes, int] = {}
    for index, glance in enumerate(glances):
        if not glance.reason:
            first.setdefault(glance.sha256, index)
    return list(first.values())


def _is_comparable(found: Survey, index: int) -> bool:
    glance = found.glances[index]
    return min(glance.width, glance.height) >= SMALLEST_COMPARED and not found.is_blank(index)


def _listed(source: str, steps: Steps, data_root: Path | None, follow_links: bool) -> Listing | None:
    if source == "imagenet":
        return list_folder(str(require(NAMED["imagenet"], data_root)), follow_links)
    if source in NAMED:
        return None
    if files := shard_files(source):
        return list_shards(source, files, steps("reading shards"))
    path = Path(source)
    if path.is_dir():
        return list_folder(source, follow_links)
    if path.is_file() and path.suffix.lower() == ".csv":
        return list_table(source, None if data_root is None else str(data_root), follow_links)
    return None  # open_data says what is wrong with it


def _contents(listing: Listing) -> Contents:
    if isinstance(listing.store, Files):
        return FilesBelow(listing.store.root, listing.paths)
    assert isinstance(listing.store, Shards)
    return listing.store


class _Arrays(Sequence[str]):
    """A data set in memory as names and as Contents; each image is a PNG of its pixels."""

    def __init__(self, splits: Splits):
        self._parts: list[ImageDataset] = [part for _, part in splits.parts()]
        self._ends = np.cumsum([len(part) for part in self._parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        part, place = self._place(range(len(self))[index])
        return part.name(place)

    def path(self, index: int) -> str:
        return str(self[index])

    def stamp(self, index: int) -> tuple[int, int, int]:
        return -1, -1, -1

    def read(self, index: int, limit: int = MAXIMUM_BYTES) -> bytes | str:
        pixels = picture(*self._place(index), None)
        assert isinstance(pixels, np.ndarray)
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", compress_level=1)
        return file.getvalue()[:limit]

    def _place(self, index: int) -> tuple[ImageDataset, int]:
        part = int(np.searchsorted(self._ends, index, side="right"))
        return self._parts[part], index - int(self._ends[part]) + len(self._parts[part])
