"""Write src/topfive/data/digits.npz from scikit-learn's copy of the digits: the same bytes every time.

    python scripts/build_digits.py [OUTPUT]

images uint8 [1797, 8, 8], the source's 0 to 16 scaled to 0 to 255; labels uint8 [1797]; part uint8 [1797]: 0 is
train (1,077), 1 validation (360), 2 test (360), stratified.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from topfive.data.split import TEST, TRAIN, VAL, hold_out

OUTPUT = Path(__file__).parents[1] / "src/topfive/data/digits.npz"
HELD_OUT = 360


def arrays() -> dict[str, np.ndarray]:
    digits = load_digits()
    labels = digits.target.astype(np.int64)
    names = [f"digits/{index}" for index in range(len(labels))]
    part = np.full(len(labels), TRAIN, np.uint8)
    part[hold_out(names, labels, HELD_OUT, "digits test")] = TEST
    rest = np.flatnonzero(part == TRAIN)
    held = hold_out([names[index] for index in rest], labels[rest], HELD_OUT, "digits val")
    part[rest[held]] = VAL
    images = np.round(digits.images * 255 / 16).astype(np.uint8)
    return {"images": images, "labels": labels.astype(np.uint8), "part": part}


def content() -> bytes:
    """The archive, stored and not compressed, so that no version of zlib changes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays().items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, array, version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), entry.getvalue())
    return buffer.getvalue()


if __name__ == "__main__":
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    output.write_bytes(content())
    print(f"{output}: {output.stat().st_size} bytes")
