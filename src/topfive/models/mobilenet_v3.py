"""MobileNetV3: searched, then finished by hand; hard swish, and a cheaper end.  Howard et al. 2019, arXiv:1905.02244.

Activations are [N, C, H, W].  Tables 1 (large) and 2 (small): each row is one inverted residual with its own width,
nonlinearity and squeeze; H and W end at 1/32.  The last layer works on the pooled vector.  Plain names pad as
torchvision does; `tf_` names as the authors' TensorFlow does, SAME.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, cast

from torch import Tensor, nn

from topfive.models.mobilenet_v2 import InvertedResidual, MobileNetV2, Operator, Stage
from topfive.nn.conv import ConvNorm, relu, same, tf_norm
from topfive.nn.rounding import divisible
from topfive.nn.squeeze_excite import SqueezeExcite
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Searching for MobileNetV3",
    authors="Howard, Sandler, Chu, Chen, Chen, Tan, Wang, Zhu, Pang, Vasudevan, Le, Adam",
    year=2019,
    month=5,
    arxiv="1905.02244",
)

hard_swish = partial(nn.Hardswish, inplace=True)
torch_layer = ConvNorm(hard_swish, tf_norm)
tf_layer = ConvNorm(hard_swish, tf_norm, same)


class Squeezed(InvertedResidual):
    """Squeezes to a quarter of the wide channels, whatever the nonlinearity by ReLU and a hard sigmoid, sec. 5.3."""

    def __init__(
        self, in_channels: int, out_channels: int, *, expansion: float, kernel: int, stride: int, layer: ConvNorm
    ):
        super().__init__(in_channels, out_channels, expansion=expansion, kernel=kernel, stride=stride, layer=layer)
        self.squeeze_excite = SqueezeExcite(self.width, divisible(self.width / 4), relu, nn.Hardsigmoid)

    def branch(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.project(self.squeeze_excite(self.depthwise(self.expand(x)))))


def rectified(operator: Operator) -> Operator:
    """The same block with ReLU, the "RE" of the tables; without this it is "HS"."""

    def make(
        in_channels: int, out_channels: int, *, expansion: float, kernel: int, stride: int, layer: ConvNorm
    ) -> nn.Module:
        plain = replace(layer, activation=relu)
        return operator(in_channels, out_channels, expansion=expansion, kernel=kernel, stride=stride, layer=plain)

    return make


class Row(NamedTuple):
    """A row of table 1 or 2: one block, `width` channels wide inside."""

    kernel: int
    width: int
    channels: int
    operator: Operator
    stride: int


HS, HS_SE = InvertedResidual, Squeezed
RE, RE_SE = rectified(InvertedResidual), rectified(Squeezed)
STEM_CHANNELS = 16

# fmt: off
TABLE_1 = (
    #   k  exp  out  SE, NL s
    Row(3, 16,  16,  RE,    1),
    Row(3, 64,  24,  RE,    2),
    Row(3, 72,  24,  RE,    1),
    Row(5, 72,  40,  RE_SE, 2),
    Row(5, 120, 40,  RE_SE, 1),
    Row(5, 120, 40,  RE_SE, 1),
    Row(3, 240, 80,  HS,    2),
    Row(3, 200, 80,  HS,    1),
    Row(3, 184, 80,  HS,    1),
    Row(3, 184, 80,  HS,    1),
    Row(3, 480, 112, HS_SE, 1),
    Row(3, 672, 112, HS_SE, 1),
    Row(5, 672, 160, HS_SE, 2),
    Row(5, 960, 160, HS_SE, 1),
    Row(5, 960, 160, HS_SE, 1),
)
TABLE_2 = (
    Row(3, 16,  16,  RE_SE, 2),
    Row(3, 72,  24,  RE,    2),
    Row(3, 88,  24,  RE,    1),
    Row(5, 96,  40,  HS_SE, 2),
    Row(5, 240, 40,  HS_SE, 1),
    Row(5, 240, 40,  HS_SE, 1),
    Row(5, 120, 48,  HS_SE, 1),
    Row(5, 144, 48,  HS_SE, 1),
    Row(5, 288, 96,  HS_SE, 2),
    Row(5, 576, 96,  HS_SE, 1),
    Row(5, 576, 96,  HS_SE, 1),
)
# fmt: on


def stages(rows: Sequence[Row]) -> Iterator[Stage]:
    """Each row as a stage of one block; MobileNetV2 counts a width in multiples of the block's input."""
    channels = STEM_CHANNELS
    for row in rows:
        yield Stage(row.operator, row.width / channels, row.channels, 1, row.stride, row.kernel)
        channels = row.channels


class MobileNetV3(MobileNetV2):
    """MobileNetV2's frame; the last 1x1 is six times as wide as its input, and `hidden` features are left of it."""

    def __init__(
        self, rows: Sequence[Row], hidden: int, *, num_classes: int, in_channels: int, layer: ConvNorm = torch_layer
    ):
        last = 6 * rows[-1].channels
        super().__init__(
            tuple(stages(rows)),
            num_classes=num_classes,
            in_channels=in_channels,
            stem_channels=STEM_CHANNELS,
            last_channels=last,
            layer=layer,
        )
        self.hidden = nn.Sequential(OrderedDict(linear=nn.Linear(last, hidden), activation=layer.activation()))
        self.head = nn.Linear(hidden, num_classes)
        self.hidden.apply(self.initialise)
        self.head.apply(self.initialise)

    def embed(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.hidden(super().embed(images)))


def _variant(
    name: str, rows: Sequence[Row], hidden: int, params: int, macs: int, error: float, departs: str
) -> Iterator[ModelSpec]:
    """The plain form and the `tf_` form."""
    reported = (Reported("top1_error", error, "table 3, recalled", "ImageNet val, 1 crop"),)
    plain = ModelSpec(
        name=name,
        family="MobileNet",
        paper=PAPER,
        build=partial(MobileNetV3, rows, hidden),
        preprocess=Preprocess(),
        facts=Facts(params, macs, reported=reported),
        fact=name,
        departs="; ".join(
            filter(None, (departs, "padding is symmetric, as torchvision's; the authors' is the tf_ form"))
        ),
    )
    yield plain
    yield replace(
        plain,
        name=f"tf_{name}",
        build=partial(MobileNetV3, rows, hidden, layer=tf_layer),
        preprocess=Preprocess(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        departs=departs,
    )


VARIANTS = (
    *_variant("mobilenet_v3_large", TABLE_1, 1280, 5_483_032, 216_589_760, 0.248, ""),
    *_variant(
        "mobilenet_v3_small",
        TABLE_2,
        1024,
        2_542_856,
        56_510_400,
        0.326,
        "1024 hidden features, as in the final version of the paper; the first had 1280, and 2.9 million parameters",
    ),
)
