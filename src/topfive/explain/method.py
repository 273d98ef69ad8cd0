"""The ways to ask where the evidence for a class lies, by the names that users give them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from topfive.errors import UsageError
from topfive.explain.deconvnet import Rule, deconvolution, guided
from topfive.explain.grad_cam import grad_cam, grad_cam_plus_plus
from topfive.explain.heat import brightest, gathered
from topfive.explain.integrated_gradients import integrated_gradients
from topfive.explain.occlusion import occlusion
from topfive.explain.target import Classes, Images
from topfive.nn.classifier import Classifier


@dataclass(frozen=True, eq=False)
class Heat:
    """Maps [N, H, W] from 0 to 1, and what is to be said of each ("" where nothing is)."""

    maps: NDArray[np.float32]
    remarks: tuple[str, ...]


class Method(Protocol):
    """Explains each image's class; `black` [C, H, W] is the normalised image that shows nothing."""

    def __call__(
        self, model: Classifier, images: Images, classes: Classes, black: NDArray[np.float32], layer: str | None
    ) -> Heat: ...


class _Cam(Protocol):
    def __call__(
        self, model: Classifier, images: Images, classes: Classes, *, layer: str | None
    ) -> NDArray[np.float32]: ...


def _located(
    cam: _Cam, model: Classifier, images: Images, classes: Classes, black: NDArray[np.float32], layer: str | None
) -> Heat:
    maps = cam(model, images, classes, layer=layer)
    return Heat(maps, tuple("" if map_.any() else "nothing speaks for it" for map_ in maps))


def _covered(
    model: Classifier, images: Images, classes: Classes, black: NDArray[np.float32], layer: str | None
) -> Heat:
    _without_layer("occlusion", layer)
    worth = occlusion(model, images, classes)
    remarks = (f"a covered part costs up to {100 * max(0.0, float(map_.max())):.1f} points" for map_ in worth)
    return Heat(np.stack([brightest(map_) for map_ in worth]), tuple(remarks))


def _attributed(
    model: Classifier, images: Images, classes: Classes, black: NDArray[np.float32], layer: str | None
) -> Heat:
    _without_layer("integrated-gradients", layer)
    shares = integrated_gradients(model, images, classes, black)
    remarks = (f"the pixels add {share.sum():+.2f} to the logit of black" for share in shares)
    return Heat(np.stack([brightest(gathered(share)) for share in shares]), tuple(remarks))


def _without_layer(method: str, layer: str | None) -> None:
    if layer is not None:
        raise UsageError("--layer", layer, f"{method} looks at no layer", "Leave it out")


METHODS: Mapping[str, Method] = {
    "grad-cam": partial(_located, grad_cam),
    "grad-cam++": partial(_located, grad_cam_plus_plus),
    "occlusion": _covered,
    "integrated-gradients": _attributed,
}
RULES: Mapping[str, Rule] = {"deconvnet": deconvolution, "guided": guided}
