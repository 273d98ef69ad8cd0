"""Write pictures for `make demo`: five digits of the test split as PNG files, and the photographs of scikit-learn.

python scripts/demo_pictures.py FOLDER
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import sklearn
from PIL import Image

from topfive.data import open_data


def main() -> None:
    folder = Path(sys.argv[1])
    digits, photographs = folder / "digits", folder / "photographs"
    for made in (digits, photographs):
        made.mkdir(parents=True, exist_ok=True)
    test = open_data("digits").test
    for i in range(5):
        image, label = test[i]
        Image.fromarray(image[0]).save(digits / f"{i}-is-a-{test.classes[label]}.png")
    for name in ("china.jpg", "flower.jpg"):
        shutil.copy(Path(sklearn.__file__).parent / "datasets" / "images" / name, photographs / name)


if __name__ == "__main__":
    main()
