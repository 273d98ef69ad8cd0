"""`topfive explain`: where in a picture the evidence for a class lies, and what the channels of a layer look for."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.text import Text
from typer import Argument, Option

from topfive import artifact
from topfive.artifact import Metadata
from topfive.cli.bar import Bar
from topfive.cli.paths import image_files
from topfive.errors import ResourceError, SkippedError, UsageError, nearest, need, shown
from topfive.images import ImageError
from topfive.labels import Labels
from topfive.predictor import sigmoid, softmax
from topfive.preprocess import Pixels

if TYPE_CHECKING:
    from topfive.nn.classifier import Classifier
    from topfive.report.explained import Excited, Explained

BUILTIN, PAGE = "imagenet", "index.html"
ON_PAGE = 100  # pictures a method; the others have their PNG alone
STEM = 40  # characters of a picture's name that go into the names of its files


def explain(
    paths: Annotated[list[str], Argument(metavar="PATH...", help="Images; a folder stands for all images below it.")],
    out: Annotated[Path, Option(help="The folder for index.html and the pictures.")],
    model: Annotated[
        str | None, Option(help="A run folder or an artifact, or with --weights a network. Default: the built-in one.")
    ] = None,
    weights: Annotated[
        str | None, Option(metavar="SOURCE", help="torchvision, timm, imagenet, hub:OWNER/NAME or a file.")
    ] = None,
    method: Annotated[
        list[str] | None,
        Option(help="grad-cam, grad-cam++, occlusion, integrated-gradients, deconvnet or guided; may be repeated."),
    ] = None,
    label: Annotated[str | None, Option("--class", help="Explain this class. Default: the most probable ones.")] = None,
    layer: Annotated[str | None, Option(help="A part of the network by its name. Default: its last maps.")] = None,
    top: Annotated[int, Option(min=1, help="How many classes of a picture to explain.")] = 3,
    as_json: Annotated[bool, Option("--json", help="One JSON line a path on stdout.")] = False,
    strict: Annotated[bool, Option(help="Exit 7 if a file could not be read.")] = False,
) -> None:
    """Show where in a picture the evidence for a class lies, or what the channels of a layer look for.

    Heat maps (grad-cam and its like) are one PNG a picture; deconvnet and guided are one PNG for all pictures together:
    of 16 channels the 9 patches that excite them most. index.html shows everything.
    """
    need("torch", "train")
    from topfive.explain.method import METHODS, RULES
    from topfive.export.source import trained
    from topfive.report.explained import Asked, render_explained

    methods = _checked(method or ["grad-cam"], (*METHODS, *RULES))
    network, told = trained(weights or model or BUILTIN, model if weights else None)
    chosen = None if label is None else class_of(label, told.labels)
    question = Question(network, told, layer, _made(out))
    answers: list[dict[str, Any]] = [{"path": path} for path in image_files(paths)]
    pictures: dict[str, list[Explained]] = {name: [] for name in methods if name in METHODS}
    with Bar("explaining") as bar:
        for number, answer in enumerate(answers):
            _explain_one(question, number, answer, pictures, chosen, top)
            bar(number + 1, len(answers))
    channels = {name: _draw(question, name, answers) for name in methods if name in RULES}
    refused = tuple((answer["path"], answer["error"]) for answer in answers if "error" in answer)
    asked = Asked(told.card.architecture, told.card.paper, layer or "", len(answers) - len(refused), refused)
    artifact.write(out / PAGE, render_explained(asked, pictures, channels).encode("utf-8"))
    for answer in answers:
        print(json.dumps(answer)) if as_json else _print(answer)
    if not as_json:
        print(shown(out / PAGE))
    if strict and refused:
        raise SkippedError("finished, but not read", None, f"{len(refused)} of {len(answers)} files are no images")


@dataclass(frozen=True)
class Question:
    """The network that is asked, what is told of it, and the folder for the pictures."""

    network: Classifier
    told: Metadata
    layer: str | None
    out: Path

    def save(self, name: str, pixels: Pixels) -> str:
        """Write a picture [H, W, 3] and return its path."""
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, "PNG")
        artifact.write(self.out / name, content.getvalue())
        return str(self.out / name)


def class_of(label: str, labels: Labels) -> int:
    """The class that `label` means: a synset, a name in whatever case, or a number.  UsageError where it means none."""
    if label in labels.synsets:
        return labels.synsets.index(label)
    names = labels.names
    exactly = [index for index, name in enumerate(names) if name == label]
    alike = exactly or [index for index, name in enumerate(names) if name.casefold() == label.casefold()]
    if len(alike) > 1:
        why = f"{len(alike)} classes have this name: {', '.join(map(str, alike))}"
        raise UsageError("--class", label, why, "Give the number of the one that you mean")
    if alike:
        return alike[0]
    if label.isdecimal() and int(label) < len(names):
        return int(label)
    raise UsageError("--class", label, nearest(label, names) or f"none of the {len(names):,} classes")


def _explain_one(
    question: Question,
    number: int,
    answer: dict[str, Any],
    pictures: Mapping[str, list[Explained]],
    chosen: int | None,
    top: int,
) -> None:
    """One picture by every method: into `answer`, into a PNG each, and on the page while it has room."""
    import torch

    from topfive.explain import overlay
    from topfive.explain.heat import coloured
    from topfive.explain.method import METHODS
    from topfive.report.explained import Evidence, Explained

    told, path = question.told, answer["path"]
    try:
        pixels = told.preprocess.load(path)
    except ImageError as error:
        answer["error"] = error.reason
        return
    image = told.preprocess.normalise(pixels[None])
    with torch.no_grad():
        answer_of = softmax if told.activation == "softmax" else sigmoid
        probabilities = answer_of(question.network(torch.from_numpy(image)).numpy(), told.temperature)[0]
    classes = np.argsort(-probabilities, kind="stable")[:top] if chosen is None else np.array([chosen])
    black = told.preprocess.normalise(np.zeros_like(pixels)[None])[0]
    seen, answer["explanations"] = coloured(pixels), []
    for name, shown_pictures in pictures.items():
        images = np.repeat(image, len(classes), 0)
        heat = METHODS[name](question.network, images, classes, black, question.layer)
        evidence = tuple(
            Evidence(told.labels.names[index], float(probabilities[index]), remark, overlay(seen, map_))
            for index, map_, remark in zip(classes.tolist(), heat.maps, heat.remarks, strict=True)
        )
        strip = np.concatenate([seen, *(one.pixels for one in evidence)], 1)
        file = question.save(f"{number + 1:04}-{Path(path).stem[:STEM]}-{name}.png", strip)
        for index, one in zip(classes.tolist(), evidence, strict=True):
            told_of_it = {"class": index, "label": one.label, "probability": one.probability, "remark": one.remark}
            answer["explanations"].append({"method": name, **told_of_it, "file": file})
        if len(shown_pictures) < ON_PAGE:
            shown_pictures.append(Explained(path, seen, evidence))


def _draw(question: Question, rule: str, answers: list[dict[str, Any]]) -> list[Excited]:
    """The channels of the layer by one rule: into the answers of the images that excite them, and into one PNG."""
    from topfive.explain.layer import FEATURES
    from topfive.explain.method import RULES
    from topfive.explain.patches import channels
    from topfive.explain.sheet import sheet
    from topfive.report.explained import Excited

    readable = [answer for answer in answers if "error" not in answer]
    if not readable:
        return []
    preprocess, layer = question.told.preprocess, question.layer or FEATURES
    drawn = channels(
        question.network,
        lambda number: preprocess.load(readable[number]["path"]),
        len(readable),
        preprocess,
        layer,
        RULES[rule],
    )
    if not drawn:
        raise UsageError("layer", layer, "no channel of it answers to these images", "Name another layer")
    file = question.save(f"{rule}-{layer}.png", sheet(drawn))
    for channel in drawn:
        for rank, (image, activation) in enumerate(zip(channel.images, channel.activations, strict=True), start=1):
            patch = {"method": rule, "channel": channel.number, "rank": rank, "activation": activation, "file": file}
            readable[image].setdefault("patches", []).append(patch)
    return [
        Excited(
            channel.number,
            channel.activations[0],
            tuple(readable[image]["path"] for image in channel.images),
            channel.picture(),
        )
        for channel in drawn
    ]


def _checked(methods: list[str], known: Sequence[str]) -> list[str]:
    """Each method once; UsageError for one that there is not."""
    for name in methods:
        if name not in known:
            raise UsageError("--method", name, nearest(name, known) or "no such method", f"Choose {', '.join(known)}")
    return list(dict.fromkeys(methods))


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ResourceError("cannot write", folder, why, "Choose another --out") from None
    return folder


def _print(answer: dict[str, Any]) -> None:
    if "error" in answer:
        line = f"{shown(answer['path'])}: {shown(answer['error'])}"
        Console(stderr=True, highlight=False, soft_wrap=True).print(Text(line, style="red"))
        return
    if not answer["explanations"]:
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(shown(answer["path"]), style="bold"))
    for index, found in enumerate(answer["explanations"]):
        if index == 0 or found["file"] != answer["explanations"][index - 1]["file"]:
            console.print(Text(f"  {found['method']}  {shown(found['file'])}"))
        console.print(Text(f"  {found['probability']:6.1%}  {shown(found['label'])}  {found['remark']}".rstrip()))
