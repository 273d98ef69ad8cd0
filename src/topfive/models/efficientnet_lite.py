"""EfficientNet-Lite: EfficientNet without what small chips do badly.  Liu, Tan and others 2020.

No paper; published in TensorFlow's TPU repository in March 2020, on the ground of arXiv:1905.11946.  Activations are
[N, C, H, W].  No squeeze and excitation, ReLU6 for swish, and the scaling leaves the stem, the last convolution and
the depth of the first and the last stage alone.  `tf_` names have the authors' arithmetic, plain names timm's.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import NamedTuple

from torch import nn

from topfive.models.efficientnet import TABLE_1, EfficientNet, preprocess
from topfive.models.mobilenet_v2 import InvertedResidual, Stage, relu6_layer, scaled
from topfive.nn.conv import ConvNorm, same, tf_norm
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="EfficientNet-Lite (TensorFlow TPU repository)",
    authors="Liu, Tan, Le and others",
    year=2020,
    month=3,
)

tf_relu6_layer = ConvNorm(partial(nn.ReLU6, inplace=True), tf_norm, same)
LITE_0 = tuple(replace(row, operator=InvertedResidual) for row in TABLE_1)


class Scaling(NamedTuple):
    """One of Lite0 to Lite4: its multipliers, its input, its counts and its published error."""

    name: str
    width: float
    depth: float
    size: int
    dropout: float
    params: int
    macs: int
    top1_error: float


# fmt: off
SCALINGS = (
    #       name             width depth size dropout params   macs           top-1
    Scaling("efficientnet_lite0", 1.0, 1.0, 224, 0.2, 4_652_008,  385_187_552,   0.249),
    Scaling("efficientnet_lite1", 1.0, 1.1, 240, 0.2, 5_416_680,  600_185_232,   0.233),
    Scaling("efficientnet_lite2", 1.1, 1.2, 260, 0.3, 6_092_072,  859_736_272,   0.224),
    Scaling("efficientnet_lite3", 1.2, 1.4, 280, 0.3, 8_197_096,  1_383_321_872, 0.202),
    Scaling("efficientnet_lite4", 1.4, 1.8, 300, 0.3, 13_006_568, 2_553_034_336, 0.185),
)
# fmt: on


def _stages(row: Scaling) -> tuple[Stage, ...]:
    first, *middle, last = LITE_0
    width, depth = row.width, row.depth
    return (*scaled([first], width, 1), *scaled(middle, width, depth), *scaled([last], width, 1))


def _scaled(row: Scaling, layer: ConvNorm, *, depth: float, width: float) -> partial[EfficientNet]:
    """The network of a row with its multipliers multiplied."""
    stages = _stages(row._replace(depth=depth * row.depth, width=width * row.width))
    return partial(EfficientNet, stages, stem_channels=32, last_channels=1280, layer=layer, dropout=row.dropout)


def _variant(name: str, layer: ConvNorm, row: Scaling, preprocess: Preprocess, departs: str = "") -> ModelSpec:
    reported = Reported("top1_error", row.top1_error, "README of the repository", "ImageNet val, 1 crop")
    return ModelSpec(
        name=name,
        family="EfficientNet-Lite",
        paper=PAPER,
        build=_scaled(row, layer, depth=1.0, width=1.0),
        preprocess=preprocess,
        facts=Facts(row.params, row.macs, input_size=row.size, reported=(reported,)),
        fact=row.name,
        departs=departs,
        scale=partial(_scaled, row, layer),
    )


def _tf_preprocess(size: int) -> Preprocess:
    """The authors' range: pixel 127 is 0, and 128 grey levels are 1."""
    return replace(preprocess(size), mean=(127 / 255,) * 3, std=(128 / 255,) * 3)


_DEPARTS = "padding is symmetric and epsilon 1e-5, as timm's; the authors' is the tf_ form"

VARIANTS = (
    *(_variant(row.name, relu6_layer, row, preprocess(row.size), _DEPARTS) for row in SCALINGS),
    *(_variant(f"tf_{row.name}", tf_relu6_layer, row, _tf_preprocess(row.size)) for row in SCALINGS),
)
