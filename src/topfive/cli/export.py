"""`topfive export`: a run folder or weights become the one shipped file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from topfive import artifact, builtin
from topfive.artifact import Card, Golden, Metadata
from topfive.errors import UsageError, need
from topfive.images import decode
from topfive.labels import Labels, imagenet

if TYPE_CHECKING:
    from topfive.nn.classifier import Classifier

ARTIFACT = "model.onnx"


def export(
    source: Annotated[str, Argument(metavar="RUN|WEIGHTS", help="A run folder, or a file of weights.")],
    out: Annotated[Path, Option(help="The file to write.")],
    model: Annotated[str | None, Option(help="The network of the weights (topfive models).")] = None,
    classes: Annotated[
        Path | None, Option(help="Class names, one a line, for weights that do not say. Default: ImageNet's for 1,000.")
    ] = None,
    images: Annotated[
        list[Path] | None, Option("--image", help="An image to check with, and to store; may be repeated.")
    ] = None,
    tolerance: Annotated[float, Option(help="Largest difference, as a share of the largest logit.")] = 1e-4,
    as_json: Annotated[bool, Option("--json", help="One JSON line on stdout.")] = False,
) -> None:
    """Turn a run folder or weights into the one shipped file.

    The file is written only if it answers as the network does, from encoded images on. It is checked with the images
    given, else with those that the run's own file holds, else with two photographs from the package.
    """
    need("torch", "train")
    from topfive.export import export as write

    trained, told = _network(source, model, classes)
    parity = write(
        trained,
        out,
        preprocess=told.preprocess,
        labels=told.labels,
        card=told.card,
        golden=[_image(path) for path in images] if images else _golden(Path(source)),
        temperature=told.temperature,
        tolerance=tolerance,
    )
    figures = {"difference": parity.difference, "top1_agreement": parity.top1_agreement, "images": parity.images}
    if as_json:
        print(json.dumps({"artifact": str(out), "bytes": out.stat().st_size, **figures, "tolerance": tolerance}))
    else:
        print(f"{out}: {out.stat().st_size:,} bytes; differs from the network by at most {parity.difference:.1e}")


def _network(source: str, name: str | None, classes: Path | None) -> tuple[Classifier, Metadata]:
    """The network with its weights, and what goes into the file beside it."""
    from topfive.export.folder import network, read_folder
    from topfive.models import create_model, spec
    from topfive.weights import load_weights, resolve

    path = resolve(source)
    if path.is_dir():
        return read_folder(path, name)
    if path.suffix == ".onnx":
        told: Metadata = artifact.read(path)
        return network(path, told, name), told
    if name is None:
        raise UsageError("export", source, "a file of weights does not say its network", "Name it with --model")
    row = spec(name)
    labels = _labels(classes, row.facts.num_classes)
    fresh = create_model(name, len(labels))
    loaded = load_weights(fresh, path)
    if loaded.fresh:
        why = f"the weights are for another number of classes than {len(labels):,}"
        raise UsageError("export", source, why, "Name the classes with --classes FILE")
    card = Card(architecture=name, paper=f"{row.paper.title}. {row.paper.authors}, {row.paper.year}")
    return fresh.eval(), Metadata(loaded.preprocess or row.preprocess, loaded.labels or labels, card)


def _labels(classes: Path | None, count: int) -> Labels:
    if classes is not None:
        try:
            return Labels(tuple(line for line in classes.read_text(encoding="utf-8").splitlines() if line))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError("--classes", classes, str(error)) from error
    return imagenet() if count == len(imagenet()) else Labels(tuple(map(str, range(count))))


def _image(path: Path) -> bytes:
    """The bytes of a file that is an image."""
    decode(path)
    return path.read_bytes()


def _golden(source: Path) -> list[bytes]:
    """The images of the run's own artifact, else those of the built-in one."""
    own = source / ARTIFACT
    found: tuple[Golden, ...] = artifact.read(own).golden if own.is_file() else ()
    return [golden.image for golden in found or artifact.read(builtin.PATH).golden]
