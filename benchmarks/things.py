"""Photographs of things, a few a class, from the Debian package tuxpaint-stamps-default, as folders of classes.

Every picture shows another animal, plant or thing (a few animals were photographed twice), cut out of its background
by the people who gave it to Tux Paint.  Drawings and mirrored copies are left out.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

STAMPS = Path("/usr/share/tuxpaint/stamps")
TRAINING = 20  # at most, a class
TEST_SHARE = 0.4
# Class: the folders of its photographs, below STAMPS.
CLASSES = {
    "bird": ("animals/birds",),
    "flower": ("plants/flowers",),
    "fruit": ("food/fruit",),
    "hoofed animal": (
        *("animals/mammals/bovines", "animals/mammals/deer", "animals/mammals/equines", "animals/mammals/camel"),
    ),
    "musical instrument": (
        *("hobbies/music/string", "hobbies/music/percussion", "hobbies/music/brass", "hobbies/music/wind"),
    ),
    "furred animal": (
        *("animals/mammals/cats", "animals/mammals/dogs", "animals/mammals/rodents", "animals/mammals/apes"),
        *("animals/mammals/bears", "animals/marsupials"),
    ),
    "sea animal": ("animals/fish", "animals/mammals/aquatic", "animals/shellfish"),
    "tool": ("household/tools", "household/arttools", "household/dishes/utensils"),
    "vegetable": ("food/vegetables",),
    "vehicle": (
        *("vehicles/auto", "vehicles/construction", "vehicles/emergency", "vehicles/masstransit", "vehicles/race"),
        *("vehicles/ship", "vehicles/flight", "vehicles/flight/planes", "military/vehicles", "vehicles/cycle"),
    ),
}
# No photograph of its class: drawings, parts of things, and a second picture of the same one.
LEFT_OUT = {"wheel_tractor", "sedan_police", "measuring_tape", "pen_dryerase", "highlighter"}


def photographs() -> dict[str, list[Path]]:
    """The files of each class, in order."""
    if not STAMPS.exists():
        raise SystemExit(f"{STAMPS} is missing: apt-get install tuxpaint-stamps-default")
    return {
        name: [
            path
            for folder in folders
            for path in sorted((STAMPS / folder).glob("*.png"))
            if path.stem not in LEFT_OUT and "mirror" not in path.stem
        ]
        for name, folders in CLASSES.items()
    }


def write(folder: Path, seed: int) -> dict[str, list[int]]:
    """Copies as folder/{train,test}/<class>; gives the number of both a class.  The seed decides which go where."""
    shutil.rmtree(folder, ignore_errors=True)
    counts = {}
    for name, paths in photographs().items():
        order = random.Random(f"{seed} {name}").sample(paths, len(paths))
        test = round(TEST_SHARE * len(order))
        parts = {"test": order[:test], "train": order[test : test + TRAINING]}
        for part, chosen in parts.items():
            place = folder / part / name
            place.mkdir(parents=True)
            for path in chosen:
                shutil.copyfile(path, place / path.name)
        counts[name] = [len(parts["train"]), len(parts["test"])]
    return counts
