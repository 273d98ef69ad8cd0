from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BRIGHTNESS = {"night": 40, "noon": 215}


def take(root: Path, count: int = 20, side: int = 40) -> Path:
    rng = np.random.default_rng(0)
    for name, level in BRIGHTNESS.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.normal(level, 12, (side, side + number % 9, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number:02}.{'jpg' if number % 2 else 'png'}")
    return root


@pytest.fixture
def photographs(tmp_path):
    """A folder of two classes that are easily told apart: JPEG and PNG, of several shapes."""
    return take(tmp_path / "photographs")


@pytest.fixture
def table(tmp_path):
    """The same in a CSV file that says which image is in which class and split."""
    root = tmp_path / "table"
    lines = ["path,label,split"]
    for path in sorted(take(root / "images").glob("*/*")):
        split = ("test", "val")[int(path.stem) % 2] if int(path.stem) < 6 else "train"
        lines.append(f"{path.relative_to(root)},{path.parent.name},{split}")
    file = root / "labels.csv"
    file.write_text("\n".join(lines))
    return file
