"""What is to be exported: a run folder, an artifact or a file of weights -> the network and what is told of it."""

from __future__ import annotations

from pathlib import Path

from topfive import artifact
from topfive.artifact import Card, Metadata
from topfive.errors import UsageError
from topfive.export.folder import network, read_folder
from topfive.labels import Labels, imagenet
from topfive.models import create_model, spec
from topfive.nn.classifier import Classifier
from topfive.weights import hub, load_weights, resolve


def trained(source: str, name: str | None = None, labels: Labels | None = None) -> tuple[Classifier, Metadata]:
    """The network with the weights of `source`, which `resolve` knows, in evaluation mode.

    `name` is the architecture, needed where the source does not say; `labels` are the classes where it does not say,
    those of ImageNet by default.  Raises UsageError where either is missing, and what `resolve` and `load_weights` do.
    """
    path = resolve(source, name)
    if path.is_dir() and (name is None or (path / hub.CONFIG).is_file()):
        return read_folder(path, name)
    if path.suffix == ".onnx":
        told = artifact.read(path)
        return network(path, told, name), told
    if name is None:
        raise UsageError("weights", source, "a file of weights does not say its network", "Name it with --model")
    row = spec(name)
    labels = labels or _default(row.facts.num_classes)
    fresh = create_model(name, len(labels))
    loaded = load_weights(fresh, path)
    if loaded.fresh:
        count = len(labels)
        why = f"the weights have no head for {count:,} classes: it is {loaded.because}"
        raise UsageError("weights", source, why, "Name the classes with --classes FILE, or train the head first")
    card = Card(architecture=name, paper=f"{row.paper.title}. {row.paper.authors}, {row.paper.year}")
    return fresh.eval(), Metadata(loaded.preprocess or row.preprocess, loaded.labels or labels, card)


def read_labels(path: Path) -> Labels:
    """One class a line."""
    try:
        return Labels(tuple(line for line in path.read_text(encoding="utf-8").splitlines() if line))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("--classes", path, str(error)) from error


def _default(count: int) -> Labels:
    return imagenet() if count == len(imagenet()) else Labels(tuple(map(str, range(count))))
