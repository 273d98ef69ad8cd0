"""Inception v2 and v3: factorise large convolutions.  Szegedy et al. 2015, Rethinking, arXiv:1512.00567.

Activations are [N, C, H, W] with H = W = 299.  Table 1: a stem of 3x3 to 35x35, three modules there (fig. 5), five at
17x17 with 1x7 and 7x1 (fig. 6), two at 8x8 whose ways fork (fig. 7).  A reduction opens the second and third stage.
Layers without zeros around them are `valid`, as the table's are unless it says "padded".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from topfive.models.googlenet import Branches, Inception, Layer, tower
from topfive.nn.classifier import with_sides
from topfive.nn.conv import ConvNorm, Kernel, bare
from topfive.nn.sides import Sides
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Rethinking the Inception Architecture for Computer Vision",
    authors="Szegedy, Vanhoucke, Ioffe, Shlens, Wojna",
    year=2015,
    month=12,
    arxiv="1512.00567",
)

norm = partial(nn.BatchNorm2d, eps=1e-3)
layer = ConvNorm(norm=norm)
valid = ConvNorm(norm=norm, convolution=bare)
mean_pool = partial(nn.AvgPool2d, 3, 1, padding=1)
pixel_pool = partial(mean_pool, count_include_pad=False)  # TensorFlow's: the mean is that of pixels alone
Pool = Callable[[], nn.Module]


def stem(in_channels: int) -> nn.Module:
    """The released network's: images of 299x299 -> [N, 192, 35, 35]."""
    return nn.Sequential(
        OrderedDict(
            conv1=valid(in_channels, 32, 3, 2),
            conv2=valid(32, 32, 3),
            conv3=layer(32, 64, 3),
            pool1=nn.MaxPool2d(3, 2),
            conv4=valid(64, 80),
            conv5=valid(80, 192, 3),
            pool2=nn.MaxPool2d(3, 2),
        )
    )


def table_1_stem(in_channels: int) -> nn.Module:
    """The paper's: images of 299x299 -> [N, 288, 35, 35]."""
    return nn.Sequential(
        OrderedDict(
            conv1=valid(in_channels, 32, 3, 2),
            conv2=valid(32, 32, 3),
            conv3=layer(32, 64, 3),
            pool1=nn.MaxPool2d(3, 2),
            conv4=valid(64, 80, 3),
            conv5=valid(80, 192, 3, 2),
            conv6=layer(192, 288, 3),
        )
    )


def module_a(
    in_channels: int, pooled: int, *, ones: int = 64, second: int = 5, third: int = 64, pool: Pool = mean_pool
) -> nn.Module:
    """35x35, fig. 5: 1x1; a 3x3 or 5x5 (`second`); two 3x3; pooling."""
    return Branches(
        (
            tower(layer, in_channels, (ones, 1)),
            tower(layer, in_channels, (48, 1), (64, second)),
            tower(layer, in_channels, (third, 1), (96, 3), (96, 3)),
            nn.Sequential(pool(), *tower(layer, in_channels, (pooled, 1))),
        )
    )


def reduction_a(in_channels: int, single: int, first: int, second: int, third: int) -> nn.Module:
    """35x35 to 17x17, fig. 10: a 3x3 with stride 2; 1x1, 3x3, 3x3 with stride 2; pooling."""
    return Branches(
        (
            nn.Sequential(valid(in_channels, single, 3, 2)),
            tower(layer, in_channels, (first, 1), (second, 3)).append(valid(second, third, 3, 2)),
            nn.MaxPool2d(3, 2),
        )
    )


def module_b(in_channels: int, width: int, pool: Pool = mean_pool) -> nn.Module:
    """17x17, fig. 6 with n = 7: 1x1; one pair of 1x7 and 7x1; two pairs; pooling."""
    return Branches(
        (
            tower(layer, in_channels, (192, 1)),
            tower(layer, in_channels, (width, 1), (width, (1, 7)), (192, (7, 1))),
            tower(layer, in_channels, (width, 1), (width, (7, 1)), (width, (1, 7)), (width, (7, 1)), (192, (1, 7))),
            nn.Sequential(pool(), *tower(layer, in_channels, (192, 1))),
        )
    )


def reduction_b(in_channels: int) -> nn.Module:
    """17x17 to 8x8: 3x3 with stride 2; the same after 1x7 and 7x1; pooling."""
    return Branches(
        (
            tower(layer, in_channels, (192, 1)).append(valid(192, 320, 3, 2)),
            tower(layer, in_channels, (192, 1), (192, (1, 7)), (192, (7, 1))).append(valid(192, 192, 3, 2)),
            nn.MaxPool2d(3, 2),
        )
    )


def fork(in_channels: int, out_channels: int) -> nn.Module:
    """1x3 and 3x1 side by side, fig. 7."""
    return Branches((layer(in_channels, out_channels, (1, 3)), layer(in_channels, out_channels, (3, 1))))


def module_c(in_channels: int, pool: Pool = mean_pool) -> nn.Module:
    """8x8, fig. 7: 1x1; a fork; 3x3 and a fork; pooling."""
    return Branches(
        (
            tower(layer, in_channels, (320, 1)),
            tower(layer, in_channels, (384, 1)).append(fork(384, 384)),
            tower(layer, in_channels, (448, 1), (384, 3)).append(fork(384, 384)),
            nn.Sequential(pool(), *tower(layer, in_channels, (192, 1))),
        )
    )


def stages(*first: nn.Module, pool: Pool = mean_pool) -> nn.Sequential:
    """The stages of table 1 after the `first`, which ends in 288 channels."""
    b = (module_b(768, width, pool) for width in (128, 160, 160, 192))
    return nn.Sequential(
        nn.Sequential(*first),
        nn.Sequential(reduction_a(288, 384, 64, 96, 96), *b),
        nn.Sequential(reduction_b(768), module_c(1280, pool), module_c(2048, pool)),
    )


def released(pool: Pool = mean_pool) -> nn.Sequential:
    first = (module_a(192, 32, pool=pool), module_a(256, 64, pool=pool), module_a(288, 64, pool=pool))
    return stages(*first, pool=pool)


def table_1() -> nn.Sequential:
    return stages(*(module_a(288, 64, second=3, third=64) for _ in range(3)))


class SideClassifier(nn.Module):
    """Maps of 17x17 -> logits, fig. 8: mean of 5x5 with stride 3, 128 channels, 768 by a 5x5 without zeros, linear.

    The layer of 768 is fully connected at the paper's size; v3 normalises it, too ("BN auxiliary" in table 3).  Maps
    too small for these are pooled to 5x5 at once.
    """

    def __init__(self, num_classes: int, *, in_channels: int, whole: Layer = valid):
        super().__init__()
        self.reduce = layer(in_channels, 128)
        self.conv = whole(128, 768, 5)
        self.head = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.avg_pool2d(x, 5, 3) if min(x.shape[-2:]) >= 17 else F.adaptive_avg_pool2d(x, 5)
        return cast(Tensor, self.head(F.adaptive_avg_pool2d(self.conv(self.reduce(pooled)), 1).flatten(1)))


def unnormalised(in_channels: int, out_channels: int, kernel: Kernel = 1, stride: int = 1) -> nn.Module:
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(in_channels, out_channels, kernel, stride), activation=nn.ReLU()))


def sides(in_channels: int, last: str, whole: Layer = valid) -> Sides:
    """Behind the `last` module at 17x17; the paper gives no weight, the authors' program 0.4."""
    return Sides(0.4, {last: partial(SideClassifier, in_channels=in_channels, whole=whole)})


preprocess = Preprocess(size=299, crop=0.875, interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3)
v2 = partial(Inception, table_1_stem, table_1, 2048, dropout=0.5)
v3 = partial(Inception, stem, released, 2048, dropout=0.5)
tf_v3 = partial(Inception, stem, partial(released, pixel_pool), 2048, dropout=0.5)


def _reported(where: str, top1_error: float, *top5_error: float) -> tuple[Reported, ...]:
    return tuple(
        Reported(metric, error, where, "ImageNet val, 1 crop")
        for metric, error in zip(("top1_error", "top5_error"), (top1_error, *top5_error), strict=False)
    )


VARIANTS = (
    ModelSpec(
        name="inception_v2",
        family="Inception",
        paper=PAPER,
        build=v2,
        preprocess=preprocess,
        facts=Facts(24_263_240, 5_864_860_256, input_size=299, reported=_reported("table 3, recalled", 0.234)),
        fact="inception_v2_rethinking",
        departs="the paper gives the stem and the sizes of table 1 and no widths inside the modules, so no count can "
        "be checked: ours are the released v3's, with 3x3 for the 5x5 at 35x35 as in fig. 5, and as there the first of "
        "the five modules at 17x17 is the reduction; the name is used elsewhere for BN-Inception; as it is used, "
        "without the side classifier of training",
        sides=sides(768, "stages.1.4", unnormalised),
    ),
    ModelSpec(
        name="inception_v3",
        family="Inception",
        paper=PAPER,
        build=v3,
        preprocess=preprocess,
        facts=Facts(23_834_568, 5_713_216_096, input_size=299, reported=_reported("table 3, recalled", 0.212, 0.056)),
        fact="inception_v3",
        departs="the released network: its stem has a 1x1 and a pooling where table 1 has a 3x3 and a stride, and a "
        "module less of 3x3; as it is used, without the side classifier of training",
        sides=sides(768, "stages.1.4"),
    ),
    ModelSpec(
        name="tf_inception_v3",
        family="Inception",
        paper=PAPER,
        build=tf_v3,
        preprocess=preprocess,
        facts=Facts(23_834_568, 5_713_216_096, input_size=299, reported=_reported("table 3, recalled", 0.212, 0.056)),
        fact="inception_v3",
        departs="inception_v3 whose average pooling leaves the padding out of the mean, as the authors' program and "
        "Keras do and torchvision does not; what is called so elsewhere may pool as torchvision does",
        sides=sides(768, "stages.1.4"),
    ),
    ModelSpec(
        name="inception_v3_aux",
        family="Inception",
        paper=PAPER,
        build=partial(with_sides, v3, sides(768, "stages.1.4")),
        preprocess=preprocess,
        facts=Facts(27_161_264, 5_713_216_096, input_size=299),
        fact="inception_v3_aux",
        departs="inception_v3 with the side classifier it is trained with, 3,326,696 parameters; its "
        "multiply-accumulates are spent in training alone and not counted",
    ),
)
