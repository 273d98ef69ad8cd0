"""A folder of tiles of real photographs with faults planted in it, and the list of what must be found, and no more.

The tiles of one photograph share at most a quarter with any other, so each shows something of its own, however alike
grass is to grass.  Grey photographs are toned, since a grey picture is itself a fault here.  Sources: docs/data.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from faults.pictures import orientation, with_exif

SIDE = 48
PHOTOGRAPHS = {
    "skimage": (
        *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png", "coffee.png", "coins.png"),
        *("grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png"),
        *("page.png", "retina.jpg", "rocket.jpg", "text.png"),
    ),
    "sklearn": ("china.jpg", "flower.jpg"),
}
TONES = ((1.0, 0.92, 0.78), (0.84, 0.95, 1.0), (0.9, 1.0, 0.82))
LEAST_SPREAD = 12.0  # standard deviation of the levels of a tile; flatter ones show nothing


@dataclass(frozen=True)
class Planted:
    """One finding that must be made; `other` is "" where the fault concerns one file alone."""

    kind: str
    path: str
    other: str = ""
    how: str = ""

    @property
    def key(self) -> tuple[str, frozenset[str]]:
        """What tells one finding from another; a pair has no order."""
        return self.kind, frozenset({self.path, self.other} - {""})


def photograph(package: str, name: str) -> Image.Image:
    """As RGB; toned where it is grey."""
    import importlib.util

    spec = importlib.util.find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.origin is not None
    folder = Path(spec.origin).parent / ("data" if package == "skimage" else "datasets/images")
    with Image.open(folder / name) as image:
        if image.mode in ("RGB", "RGBA", "P"):
            return image.convert("RGB")
        grey = np.asarray(image.convert("L"), np.float64)
    return Image.fromarray((grey[:, :, None] * TONES[sum(map(ord, name)) % len(TONES)]).astype(np.uint8))


def tiles(image: Image.Image) -> Iterator[Image.Image]:
    """Side by side from the top left, and once more from half a tile down and right.

    Those that show next to nothing, or that in one of their quarters, are left out.
    """
    for shift in (0, SIDE // 2):
        for top in range(shift, image.height - SIDE + 1, SIDE):
            for left in range(shift, image.width - SIDE + 1, SIDE):
                tile = image.crop((left, top, left + SIDE, top + SIDE))
                luma = np.asarray(tile.convert("L"), np.float64)
                quarters = luma.reshape(2, SIDE // 2, 2, SIDE // 2).std(axis=(1, 3))
                if luma.std() >= LEAST_SPREAD and quarters.min() >= LEAST_SPREAD / 4:
                    yield tile


def encoded(image: Image.Image, form: str = "JPEG", quality: int = 93, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, form, **({"quality": quality} if form == "JPEG" else {}), **options)
    return file.getvalue()


def brightened(image: Image.Image) -> Image.Image:
    return image.point(lambda level: round(255 * (level / 255) ** 0.75))  # nothing is clipped


def cropped(image: Image.Image) -> Image.Image:
    return image.crop((4, 2, image.width - 1, image.height - 4))


CHANGES: dict[str, Callable[[Image.Image], bytes]] = {
    "re-encoded": lambda image: encoded(image, quality=45),
    "smaller": lambda image: encoded(image.resize((44, 44), Image.Resampling.LANCZOS)),
    "larger": lambda image: encoded(image.resize((150, 150), Image.Resampling.BICUBIC)),
    "cropped": lambda image: encoded(cropped(image)),
    "brighter": lambda image: encoded(brightened(image)),
    "mirrored": lambda image: encoded(ImageOps.mirror(image)),
}


@dataclass(frozen=True)
class Tile:
    """A clean picture: where it lies, and its pixels."""

    part: str
    label: str
    name: str
    image: Image.Image

    @property
    def path(self) -> str:
        return f"{self.part}/{self.label}/{self.name}"


def clean(count: int) -> list[Tile]:
    """`count` tiles, as evenly of the photographs as they go, a class a photograph; one in ten is val, one test."""
    stock = {
        Path(name).stem: list(tiles(photograph(package, name)))
        for package, names in PHOTOGRAPHS.items()
        for name in names
    }
    stock = {label: found for label, found in stock.items() if len(found) >= 20}
    assert sum(map(len, stock.values())) >= count, "there are fewer tiles than that"
    share = next(n for n in range(1, count + 1) if sum(min(n, len(found)) for found in stock.values()) >= count)
    chosen = []
    for label, found in stock.items():
        drawn = sorted(range(len(found)), key=lambda number: hash_of(f"{label} {number}"))[:share]
        for number, image in enumerate(found[place] for place in drawn):
            part = {3: "val", 7: "test"}.get(number % 10, "train")
            chosen.append(Tile(part, label, f"{number:03}.{'png' if number % 4 == 1 else 'jpg'}", image))
    return sorted(chosen, key=lambda tile: hash_of(tile.path))[:count]


class Planting:
    """A folder being filled; each fault takes the next tile, so that no two meet in one picture."""

    def __init__(self, root: Path, tiles: list[Tile]):
        self.root = root
        self.planted: list[Planted] = []
        self.labels = sorted({tile.label for tile in tiles})
        self._tiles = iter(tiles)
        for tile in tiles:
            self.write(tile.path, encoded(tile.image, "PNG" if tile.name.endswith("png") else "JPEG"))

    def write(self, path: str, content: bytes) -> str:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        assert not file.exists(), f"{path} is written twice"
        file.write_bytes(content)
        return path

    def tile(self, *parts: str) -> Tile:
        """The next one, of one of the `parts` where any are named."""
        return next(tile for tile in self._tiles if not parts or tile.part in parts)

    def alone(self, kind: str, make: Callable[[Image.Image], bytes], suffix: str = "jpg", how: str = "") -> None:
        """A file of its own, made of a tile that stays out of the folder otherwise."""
        tile = self.tile()
        (self.root / tile.path).unlink()
        path = self.write(f"{tile.part}/{tile.label}/{how or kind}-{len(self.planted)}.{suffix}", make(tile.image))
        self.planted.append(Planted(kind, path, how=how))

    def copy(self, kind: str, change: str, *, part: str = "", other_class: bool = False) -> None:
        """A second version of a tile: in its own class and part, in the `part` named, or under another class."""
        tile = self.tile("train") if part else self.tile()
        at = self.labels.index(tile.label)
        label = self.labels[at - 1] if other_class else tile.label
        content = CHANGES[change](tile.image) if change != "same" else (self.root / tile.path).read_bytes()
        suffix = tile.name.rpartition(".")[2] if change == "same" else "jpg"
        name = f"{change}-{len(self.planted)}.{suffix}"
        path = self.write(f"{part or tile.part}/{label}/{name}", content)
        self.planted.append(Planted(kind, path, tile.path, how=change))


def hash_of(text: str) -> bytes:
    """What puts things in an order that has nothing to do with them."""
    return hashlib.sha256(text.encode()).digest()


def _damaged(image: Image.Image) -> bytes:
    return encoded(image)[:-300]


def _header(image: Image.Image) -> bytes:
    content = encoded(image)
    return content[: content.index(b"\xff\xda")]


def _located(image: Image.Image) -> bytes:
    tags = Image.Exif()
    tags.get_ifd(0x8825)[1] = "N"
    return encoded(image, exif=tags)


def _huge(image: Image.Image) -> bytes:
    return encoded(image.resize((6000, 4100), Image.Resampling.NEAREST), quality=60)


ALONE: tuple[tuple[str, str, str, Callable[[Image.Image], bytes]], ...] = (  # kind, how, suffix, made by
    ("unreadable", "truncated", "jpg", _damaged),
    ("unreadable", "cut", "png", lambda image: encoded(image, "PNG")[:-900]),
    ("unreadable", "empty", "jpg", lambda image: b""),
    ("unreadable", "html", "jpg", lambda image: b"<!DOCTYPE html><html><body>404</body></html>"),
    ("unreadable", "header", "jpg", _header),
    ("wrong-extension", "png-as", "jpg", lambda image: encoded(image, "PNG")),
    ("wrong-extension", "webp-as", "png", lambda image: encoded(image, "WEBP")),
    ("tiny", "tiny", "png", lambda image: encoded(image.resize((12, 12), Image.Resampling.LANCZOS), "PNG")),
    ("thin", "thin", "png", lambda image: encoded(image.resize((400, 40), Image.Resampling.LANCZOS), "PNG")),
    ("grey", "grey", "jpg", lambda image: encoded(image.convert("L"))),
    ("blank", "blank", "jpg", lambda image: encoded(image.resize((1, 1)).resize(image.size))),
    ("exif", "turned", "jpg", lambda image: with_exif(encoded(image), orientation(6))),
    ("exif", "orientation-99", "jpg", lambda image: with_exif(encoded(image), orientation(99))),
    ("exif", "damaged", "jpg", lambda image: with_exif(encoded(image), b"\xde\xad\xbe\xef" * 8)),
    ("exif", "gps", "jpg", _located),
    ("animated", "animated", "gif", lambda image: animation(image)),
)
COPIES = (
    *((("duplicate", "same", "", False),) * 3),
    *(("near-duplicate", change, "", False) for change in CHANGES),
    *((("leak", change, "test", False)) for change in ("same", "re-encoded", "cropped")),
    *((("leak", change, "val", False)) for change in ("same", "mirrored")),
    *((("label-conflict", change, "", True)) for change in ("same", "same", "smaller", "brighter")),
)


def animation(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "GIF", save_all=True, append_images=[ImageOps.mirror(image)])
    return file.getvalue()


def plant(root: Path, count: int) -> list[Planted]:
    """A folder of about `count` pictures, a tenth of them planted faults; what must be found in it."""
    planting = Planting(root, clean(count - count // 20))
    wanted = count // 10 - 2
    for number in range(wanted):
        if number % 2:
            kind, how, suffix, make = ALONE[number // 2 % len(ALONE)]
            planting.alone(kind, make, suffix, how)
        else:
            kind, change, part, other_class = COPIES[number // 2 % len(COPIES)]
            planting.copy(kind, change, part=part, other_class=other_class)
    planting.alone("huge", _huge)
    rare = planting.tile("train")
    path = planting.write(f"train/rare/{rare.name}", (root / rare.path).read_bytes())
    (root / rare.path).unlink()
    planting.planted.append(Planted("imbalance", "rare", how=path))
    for part in ("val", "test"):
        (root / part / "rare").mkdir()
    assert len(planting.planted) == count // 10
    return planting.planted
