"""The page of explanations: pictures with the evidence for their classes, and channels with what excites them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from topfive.report.page import document
from topfive.report.picture import data_uri, is_small, whole_uri
from topfive.report.section import Section

Pixels = NDArray[np.uint8]  # [H, W, 3]

ABOUT = {
    "grad-cam": (
        "Grad-CAM",
        "The last maps, weighed by what they add to the class (Selvaraju et al. 2016). Coarse, and quick.",
    ),
    "grad-cam++": (
        "Grad-CAM++",
        "As Grad-CAM, weighed so that several objects of a class all show (Chattopadhay et al. 2017).",
    ),
    "occlusion": (
        "Occlusion",
        "What the class loses when a square of the picture is covered (Zeiler and Fergus 2013). Slow, and assumes "
        "nothing about the network.",
    ),
    "integrated-gradients": (
        "Integrated gradients",
        "What each pixel adds to the class, or takes from it, on the way from black to the picture (Sundararajan et "
        "al. 2017). The sizes are drawn, gathered over small neighbourhoods.",
    ),
    "deconvnet": (
        "Deconvnet",
        "The patches that excite a channel most, and beside them these activations projected down to the pixels "
        "(Zeiler and Fergus 2013, fig. 2). Only the switches of max pooling tell one picture from another: a network "
        "without any projects a channel to one pattern, whatever it saw.",
    ),
    "guided": (
        "Guided backpropagation",
        "The patches that excite a channel most, and beside them the parts of each that did it (Springenberg et al. "
        "2014).",
    ),
}


@dataclass(frozen=True, eq=False)
class Evidence:
    """One class of a picture: `pixels` are the picture under its heat."""

    label: str
    probability: float
    remark: str
    pixels: Pixels = field(repr=False)


@dataclass(frozen=True, eq=False)
class Explained:
    """A picture as the network was shown it, and the evidence in it."""

    name: str
    pixels: Pixels = field(repr=False)
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, eq=False)
class Excited:
    """A channel: `pixels` are its patches and their projections, `names` their pictures, strongest first."""

    number: int
    strongest: float
    names: tuple[str, ...]
    pixels: Pixels = field(repr=False)


@dataclass(frozen=True)
class Asked:
    """What the page is about; `layer` is "" where the last maps were meant."""

    model: str
    paper: str
    layer: str
    pictures: int
    skipped: tuple[tuple[str, str], ...] = ()


def render_explained(
    asked: Asked,
    pictures: Mapping[str, Sequence[Explained]],
    channels: Mapping[str, Sequence[Excited]],
) -> str:
    """The page: for each method, by its name in `ABOUT`, what it found.  UsageError where jinja2 is missing."""
    sections = []
    for method, explained in pictures.items():
        title, about = ABOUT[method]
        shown = [
            {
                "name": one.name,
                "uri": data_uri(one.pixels),
                "crisp": is_small(one.pixels),
                "evidence": [(evidence, data_uri(evidence.pixels)) for evidence in one.evidence],
            }
            for one in explained
        ]
        sections.append(Section(method, title, "explained.html", {"about": about, "shown": shown}))
    for method, excited in channels.items():
        title, about = ABOUT[method]
        drawn = [(channel, whole_uri(channel.pixels)) for channel in excited]
        sections.append(Section(method, title, "excited.html", {"about": about, "drawn": drawn}))
    return document("Explanations", sections, "asked.html", asked)
