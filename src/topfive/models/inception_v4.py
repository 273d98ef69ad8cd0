"""Inception-v4 and Inception-ResNet: made uniform, without shortcuts and with.  Szegedy et al. 2016, arXiv:1602.07261.

Activations are [N, C, H, W] with H = W = 299; stages at 35x35, 17x17 and 8x8, each opened by a reduction.  v4 (fig. 9)
is Inception made uniform; Inception-ResNet (fig. 15) adds what a module finds, scaled down, to what came in.
`inception_resnet_v2` is the released network, deeper and wider than the figures; `_paper` is the figures'.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F

from topfive.models.googlenet import Branches, Inception, tower
from topfive.models.inception_v3 import fork, layer, module_a, preprocess, reduction_a, sides, stem, valid
from topfive.nn.conv import Kernel
from topfive.nn.sides import Sides
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning",
    authors="Szegedy, Ioffe, Vanhoucke, Alemi",
    year=2016,
    month=2,
    arxiv="1602.07261",
)

Steps = Sequence[tuple[int, Kernel]]
mean_pool = partial(nn.AvgPool2d, 3, 1, padding=1, count_include_pad=False)
halving = partial(nn.MaxPool2d, 3, 2)


def striding(in_channels: int, steps: Steps, out_channels: int) -> nn.Sequential:
    """A way that ends in a 3x3 with stride 2."""
    return tower(layer, in_channels, *steps).append(valid(steps[-1][0], out_channels, 3, 2))


def v4_stem(in_channels: int) -> nn.Module:
    """Fig. 3: images of 299x299 -> [N, 384, 35, 35]."""
    seven = tower(layer, 160, (64, 1), (64, (1, 7)), (64, (7, 1))).append(valid(64, 96, 3))
    return nn.Sequential(
        OrderedDict(
            conv1=valid(in_channels, 32, 3, 2),
            conv2=valid(32, 32, 3),
            conv3=layer(32, 64, 3),
            mixed1=Branches((halving(), valid(64, 96, 3, 2))),
            mixed2=Branches((tower(layer, 160, (64, 1)).append(valid(64, 96, 3)), seven)),
            mixed3=Branches((valid(192, 192, 3, 2), halving())),
        )
    )


def v4_a() -> nn.Module:
    """Fig. 4, 35x35."""
    return Branches(
        (
            tower(layer, 384, (96, 1)),
            tower(layer, 384, (64, 1), (96, 3)),
            tower(layer, 384, (64, 1), (96, 3), (96, 3)),
            nn.Sequential(mean_pool(), *tower(layer, 384, (96, 1))),
        )
    )


def v4_b() -> nn.Module:
    """Fig. 5, 17x17."""
    return Branches(
        (
            tower(layer, 1024, (384, 1)),
            tower(layer, 1024, (192, 1), (224, (1, 7)), (256, (7, 1))),
            tower(layer, 1024, (192, 1), (192, (7, 1)), (224, (1, 7)), (224, (7, 1)), (256, (1, 7))),
            nn.Sequential(mean_pool(), *tower(layer, 1024, (128, 1))),
        )
    )


def v4_reduction_b() -> nn.Module:
    """Fig. 8, 17x17 to 8x8."""
    return Branches(
        (
            striding(1024, [(192, 1)], 192),
            striding(1024, [(256, 1), (256, (1, 7)), (320, (7, 1))], 320),
            halving(),
        )
    )


def v4_c() -> nn.Module:
    """Fig. 6, 8x8."""
    return Branches(
        (
            tower(layer, 1536, (256, 1)),
            tower(layer, 1536, (384, 1)).append(fork(384, 256)),
            tower(layer, 1536, (384, 1), (448, (3, 1)), (512, (1, 3))).append(fork(512, 256)),
            nn.Sequential(mean_pool(), *tower(layer, 1536, (256, 1))),
        )
    )


def v4_stages() -> nn.Sequential:
    return nn.Sequential(
        nn.Sequential(*(v4_a() for _ in range(4))),
        nn.Sequential(reduction_a(384, 384, 192, 224, 256), *(v4_b() for _ in range(7))),
        nn.Sequential(v4_reduction_b(), *(v4_c() for _ in range(3))),
    )


class ScaledResidual(nn.Module):
    """relu(x + scale * project(ways(x))), fig. 20; the 1x1 that brings back the channels is linear, with a bias."""

    def __init__(self, in_channels: int, *ways: Steps, scale: float, activation: Callable[[Tensor], Tensor] = F.relu):
        super().__init__()
        self.ways = Branches(tower(layer, in_channels, *steps) for steps in ways)
        self.project = nn.Conv2d(sum(steps[-1][0] for steps in ways), in_channels, 1)
        self.scale = scale
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x + self.scale * self.project(self.ways(x)))

    def extra_repr(self) -> str:
        return f"scale={self.scale}"


def identity(x: Tensor) -> Tensor:
    return x


def pair(length: int, first: int, second: int, third: int) -> Steps:
    """1x1, then 1 x length and length x 1."""
    return ((first, 1), (second, (1, length)), (third, (length, 1)))


# The scales of the released network; the paper says between 0.1 and 0.3, and 0.1 for its widest.
A, B, C = (partial(ScaledResidual, scale=scale) for scale in (0.17, 0.10, 0.20))


def residual_reduction_b(in_channels: int, single: int, other: int, first: int, second: int) -> nn.Module:
    """Figs. 13 and 18, 17x17 to 8x8."""
    return Branches(
        (
            striding(in_channels, [(256, 1)], single),
            striding(in_channels, [(256, 1)], other),
            striding(in_channels, [(256, 1), (first, 3)], second),
            halving(),
        )
    )


def v1_stem(in_channels: int) -> nn.Module:
    """Fig. 14: images of 299x299 -> [N, 256, 35, 35]."""
    return nn.Sequential(
        OrderedDict(
            conv1=valid(in_channels, 32, 3, 2),
            conv2=valid(32, 32, 3),
            conv3=layer(32, 64, 3),
            pool=halving(),
            conv4=valid(64, 80),
            conv5=valid(80, 192, 3),
            conv6=valid(192, 256, 3, 2),
        )
    )


def v1_stages() -> nn.Sequential:
    """Figs. 10 to 13."""
    a = partial(A, 256, [(32, 1)], [(32, 1), (32, 3)], [(32, 1), (32, 3), (32, 3)])
    b = partial(B, 896, [(128, 1)], pair(7, 128, 128, 128))
    c = partial(C, 1792, [(192, 1)], pair(3, 192, 192, 192))
    return nn.Sequential(
        nn.Sequential(*(a() for _ in range(5))),
        nn.Sequential(reduction_a(256, 384, 192, 192, 256), *(b() for _ in range(10))),
        nn.Sequential(residual_reduction_b(896, 384, 256, 256, 256), *(c() for _ in range(5))),
    )


V2_A: tuple[Steps, ...] = (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3)))
V2_B: tuple[Steps, ...] = (((192, 1),), pair(7, 128, 160, 192))
V2_C: tuple[Steps, ...] = (((192, 1),), pair(3, 192, 224, 256))


def v2_stages(
    first: Callable[[], nn.Module],
    channels: int,
    depths: tuple[int, int, int],
    last: Callable[[int], Sequence[nn.Module]],
) -> nn.Sequential:
    """Figs. 16 to 19; `first` opens the first stage with `channels`, `last` closes the last."""
    wide, wider = channels + 768, channels + 1760
    return nn.Sequential(
        nn.Sequential(first(), *(A(channels, *V2_A) for _ in range(depths[0]))),
        nn.Sequential(reduction_a(channels, 384, 256, 256, 384), *(B(wide, *V2_B) for _ in range(depths[1]))),
        nn.Sequential(
            residual_reduction_b(wide, 384, 288, 288, 320),
            *(C(wider, *V2_C) for _ in range(depths[2])),
            *last(wider),
        ),
    )


def last_layers(channels: int) -> Sequence[nn.Module]:
    """The released network's: a linear module at full scale, and a 1x1."""
    return ScaledResidual(channels, *V2_C, scale=1.0, activation=identity), layer(channels, 1536)


def nothing(channels: int) -> Sequence[nn.Module]:
    return ()


released_stages = partial(v2_stages, partial(module_a, 192, 64, ones=96, pool=mean_pool), 320, (10, 20, 9), last_layers)
drawn_stages = partial(v2_stages, nn.Identity, 384, (5, 10, 5), nothing)


def _variant(
    name: str,
    stem: Callable[[int], nn.Module],
    stages: Callable[[], nn.Sequential],
    channels: int,
    params: int,
    macs: int,
    errors: Sequence[float],
    departs: str,
    sides: Sides | None = None,
) -> ModelSpec:
    reported = tuple(
        Reported(metric, error, "table 2, recalled", "ImageNet val without the blacklisted images, 1 crop")
        for metric, error in zip(("top1_error", "top5_error"), errors, strict=False)
    )
    return ModelSpec(
        name=name,
        family="Inception",
        paper=PAPER,
        build=partial(Inception, stem, stages, channels, dropout=0.2),
        preprocess=preprocess,
        facts=Facts(params, macs, input_size=299, reported=reported),
        fact=name,
        departs=departs,
        sides=sides,
    )


_SIDE = (
    "trained, where asked for, with a side classifier on the last module at 17x17, which the authors' program has and "
    "no figure shows"
)
_SCALES = "scales of 0.17, 0.10 and 0.20 by stage, where the paper says between 0.1 and 0.3"

# fmt: off
VARIANTS = (
    _variant("inception_v4", v4_stem, v4_stages, 1536, 42_679_816, 12_253_974_624, (0.200, 0.050), _SIDE,
             sides(1024, "stages.1.7")),
    _variant("inception_resnet_v1", v1_stem, v1_stages, 1792, 22_756_328, 6_206_361_696, (0.213, 0.055), _SCALES),
    _variant("inception_resnet_v2", stem, released_stages, 1536, 55_843_464, 13_155_794_016, (0.199, 0.049),
             "the released network, with 55.8 million parameters where the figures give 32.4: the stem of v3 and a "
             "module more at 35x35, 10, 20 and 10 residual modules in place of 5, 10 and 5, the last one linear, and "
             f"a 1x1 to 1536 channels; {_SCALES}; {_SIDE}", sides(1088, "stages.1.20")),
    _variant("inception_resnet_v2_paper", v4_stem, drawn_stages, 2144, 32_433_928, 9_257_953_632, (),
             "figs. 17 and 19 print 1154 and 2048 channels where the ways add up to 1152 and 2144, as here; the errors "
             f"in the paper are those of the released network; {_SCALES}"),
)
# fmt: on
