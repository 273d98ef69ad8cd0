"""ILSVRC 2012 as published and unpacked: imagenet/{train,val}/<synset>/*.JPEG; classes are the synsets, sorted as text.

The published validation set, the one that papers report on, is `test`; `val` is a fixed stratified part of train.
"""

from __future__ import annotations

from pathlib import Path

from topfive.data.check import Progress
from topfive.data.dataset import Splits
from topfive.data.files import Choices, assemble
from topfive.data.folder import list_folder
from topfive.data.listing import some
from topfive.data.named import NAMED, require
from topfive.data.split import TEST, VAL
from topfive.errors import DataError
from topfive.labels import imagenet

HELD_OUT = 10_000


def open_imagenet(data_root: Path | None, choices: Choices, progress: Progress | None = None) -> Splits:
    """The splits; DataError where a synset is missing or is not one of the thousand."""
    folder = require(NAMED["imagenet"], data_root)
    listing = list_folder(str(folder), choices.follow_links, choices.allow_empty)
    synsets = set(imagenet().synsets)
    missing, strange = synsets - set(listing.classes), set(listing.classes) - synsets
    if missing or strange:
        faults = [f"missing: {some(missing)}"] * bool(missing) + [f"not ImageNet's: {some(strange)}"] * bool(strange)
        todo = "A part of ImageNet is opened as a folder, by its path"
        raise DataError("the classes of train are not ImageNet's in", folder, "; ".join(faults), todo)
    listing.parts[listing.parts == VAL] = TEST
    return assemble("imagenet", listing, choices, progress, fixed_val=HELD_OUT)
