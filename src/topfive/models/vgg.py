"""VGG: nothing but 3x3, and deeper.  Simonyan, Zisserman 2014, arXiv:1409.1556.

Activations are [N, C, H, W].  Table 1: five stages of 64 to 512 channels, each ending in 2x2 max pooling, then the
hidden layers of AlexNet; the columns A, B, D and E differ in the depths of the stages alone.  Adaptive pooling to 7x7,
idle at 224, lets other sizes in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from topfive.models.alexnet import hidden_layers
from topfive.nn.classifier import Classifier
from topfive.nn.conv import relu
from topfive.nn.initial import he_normal
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Very Deep Convolutional Networks for Large-Scale Image Recognition",
    authors="Simonyan, Zisserman",
    year=2014,
    month=9,
    arxiv="1409.1556",
)


def plain(in_channels: int, out_channels: int) -> nn.Sequential:
    """The paper's layer."""
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(in_channels, out_channels, 3, padding=1), activation=relu()))


def normalised(in_channels: int, out_channels: int) -> nn.Sequential:
    """The same with batch normalisation after the convolution, whose bias stays."""
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(out_channels), activation=relu()))


class VGG(Classifier):
    """`depths` layers a stage."""

    def __init__(
        self,
        layer: Callable[[int, int], nn.Module],
        depths: Sequence[int],
        *,
        num_classes: int,
        in_channels: int,
    ):
        super().__init__(num_classes, in_channels, dropout=0.5)
        self.stages = nn.Sequential()
        channels = in_channels
        for depth, width in zip(depths, (64, 128, 256, 512, 512), strict=True):
            stage = nn.Sequential()
            for _ in range(depth):
                stage.append(layer(channels, width))
                channels = width
            self.stages.append(stage.append(nn.MaxPool2d(2)))
        self.hidden = hidden_layers(channels * 7 * 7)
        self.head = nn.Linear(4096, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.stages(images))

    def embed(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.hidden(F.adaptive_avg_pool2d(self.features(images), 7).flatten(1)))

    def initialise(self, module: nn.Module) -> None:
        he_normal(module)
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)


def _variant(
    name: str,
    layer: Callable[[int, int], nn.Module],
    depths: Sequence[int],
    params: int,
    macs: int,
    top1_error: float = 0,
    top5_error: float = 0,
    protocol: str = "ImageNet val, dense, one scale",
    departs: str = "",
) -> ModelSpec:
    reported = tuple(
        Reported(metric, error, "table 3, recalled", protocol)
        for metric, error in (("top1_error", top1_error), ("top5_error", top5_error))
        if error
    )
    return ModelSpec(
        name=name,
        family="VGG",
        paper=PAPER,
        build=partial(VGG, layer, depths),
        preprocess=Preprocess(),
        facts=Facts(params, macs, reported=reported),
        fact=name,
        departs=departs,
    )


A, B, D, E = (1, 1, 2, 2, 2), (2, 2, 2, 2, 2), (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)  # the columns of table 1
_JITTER = "ImageNet val, dense, one scale, trained with scale jitter"
_NORMALISED = "batch normalisation, which is of 2015"

# fmt: off
VARIANTS = (
    _variant("vgg11", plain, A, 132_863_336, 7_609_090_048, 0.296, 0.104),
    _variant("vgg13", plain, B, 133_047_848, 11_308_466_176, 0.287, 0.099),
    _variant("vgg16", plain, D, 138_357_544, 15_470_264_320, 0.256, 0.081, _JITTER),
    _variant("vgg19", plain, E, 143_667_240, 19_632_062_464, 0.255, 0.080, _JITTER),
    _variant("vgg11_bn", normalised, A, 132_868_840, 7_609_090_048, departs=_NORMALISED),
    _variant("vgg13_bn", normalised, B, 133_053_736, 11_308_466_176, departs=_NORMALISED),
    _variant("vgg16_bn", normalised, D, 138_365_992, 15_470_264_320, departs=_NORMALISED),
    _variant("vgg19_bn", normalised, E, 143_678_248, 19_632_062_464, departs=_NORMALISED),
)
# fmt: on
