"""`topfive export`: a run folder or weights become the one shipped file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from topfive import artifact, builtin
from topfive.artifact import Golden, Metadata
from topfive.errors import UsageError, need
from topfive.images import decode

if TYPE_CHECKING:
    from topfive.nn.classifier import Classifier

ARTIFACT = "model.onnx"


def export(
    out: Annotated[Path, Option(help="The file to write.")],
    source: Annotated[
        str | None, Argument(metavar="[RUN|WEIGHTS]", help="A run folder, a file of weights, or what --weights takes.")
    ] = None,
    weights: Annotated[
        str | None, Option(metavar="SOURCE", help="torchvision, timm, imagenet, hub:OWNER/NAME or a file.")
    ] = None,
    model: Annotated[str | None, Option(help="The network of the weights (topfive models).")] = None,
    to: Annotated[
        str | None, Option(help="torchvision or timm: write weights in their names, .safetensors or .pth.")
    ] = None,
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
    given, else with those that the run's own file holds, else with two photographs from the package. With --to, what is
    written is a state dict for another library instead.
    """
    need("torch", "train")
    from topfive.export.source import read_labels, trained

    if (source is None) == (weights is None):
        raise UsageError("export", None, "it needs one source", "Give a run folder, a file of weights, or --weights")
    named = source or weights or ""
    network, told = trained(named, model, read_labels(classes) if classes is not None else None)
    if to is not None:
        _to_library(network, model or told.card.architecture, to, out, as_json)
        return
    _ship(network, told, out, images, Path(named), tolerance, as_json)


def _to_library(network: Classifier, name: str, library: str, out: Path, as_json: bool) -> None:
    from topfive.export.foreign import write_state_dict
    from topfive.weights.counterparts import of_timm

    theirs = write_state_dict(network, of_timm(name), library, out)
    if as_json:
        print(json.dumps({"weights": str(out), "bytes": out.stat().st_size, "library": library, "name": theirs}))
    else:
        print(f"{out}: {out.stat().st_size:,} bytes; the state dict of {library}'s {theirs}")


def _ship(
    network: Classifier,
    told: Metadata,
    out: Path,
    images: list[Path] | None,
    source: Path,
    tolerance: float,
    as_json: bool,
) -> None:
    from topfive.export import export as write

    parity = write(
        network,
        out,
        preprocess=told.preprocess,
        labels=told.labels,
        card=told.card,
        golden=[_image(path) for path in images] if images else _golden(source),
        temperature=told.temperature,
        activation=told.activation,
        thresholds=told.thresholds,
        tolerance=tolerance,
    )
    figures = {"difference": parity.difference, "top1_agreement": parity.top1_agreement, "images": parity.images}
    if as_json:
        print(json.dumps({"artifact": str(out), "bytes": out.stat().st_size, **figures, "tolerance": tolerance}))
    else:
        print(f"{out}: {out.stat().st_size:,} bytes; differs from the network by at most {parity.difference:.1e}")


def _image(path: Path) -> bytes:
    """The bytes of a file that is an image."""
    decode(path)
    return path.read_bytes()


def _golden(source: Path) -> list[bytes]:
    """The images of the run's own artifact, else those of the built-in one."""
    own = source / ARTIFACT
    found: tuple[Golden, ...] = artifact.read(own).golden if own.is_file() else ()
    return [golden.image for golden in found or artifact.read(builtin.PATH).golden]
