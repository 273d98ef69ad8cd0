"""Network in Network: a small network slides over the image, and class maps replace the hidden layers.

Lin, Chen, Yan 2013, arXiv:1312.4400.  Activations are [N, C, H, W].  Fig. 2: three (CIFAR) or four (ImageNet) mlpconv
layers, each a convolution and two of 1x1; the last gives one map a class, and the mean of a map is the logit.  The
paper gives no widths; these are those of the authors' Caffe files.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, cast

from torch import Tensor, nn
from torch.nn import functional as F

from topfive.nn.classifier import Classifier
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Network In Network",
    authors="Lin, Chen, Yan",
    year=2013,
    month=12,
    arxiv="1312.4400",
)


def perceptron(in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, padding: int = 0) -> nn.Module:
    """One layer of the sliding network."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding)
    return nn.Sequential(OrderedDict(conv=conv, activation=nn.ReLU()))


class ClassMaps(nn.Conv2d):
    """The last 1x1 and what follows: a map a class, rectified, its mean the logit; sec. 3.2.

    A vector [N, C] counts as a map of one pixel.
    """

    def __init__(self, in_features: int, num_classes: int):
        super().__init__(in_features, num_classes, 1)
        self.in_features = in_features

    def forward(self, input: Tensor) -> Tensor:
        maps = input[:, :, None, None] if input.ndim == 2 else input
        return F.relu(super().forward(maps)).mean((2, 3))


class ClassMapper(Classifier):
    """A network whose head judges every place before it pools; the embedding is the mean of what the head sees."""

    head: ClassMaps

    def outputs(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(images)
        return self.head(self.dropout(features)), F.adaptive_avg_pool2d(features, 1).flatten(1)


class Mlpconv(NamedTuple):
    """One convolution, the 1x1 after it by their widths, and the pooling after these."""

    kernel: int
    widths: Sequence[int]
    stride: int = 1
    padding: int = 0
    pool: Callable[[], nn.Module] | None = None


class NetworkInNetwork(ClassMapper):
    """The layers of `table`, whose last lacks its last 1x1: that is the head."""

    def __init__(self, table: Sequence[Mlpconv], *, num_classes: int, in_channels: int):
        super().__init__(num_classes, in_channels)
        self.stages = nn.Sequential()
        channels = in_channels
        for row in table:
            stage = nn.Sequential(perceptron(channels, row.widths[0], row.kernel, row.stride, row.padding))
            for before, after in zip(row.widths, row.widths[1:], strict=False):
                stage.append(perceptron(before, after))
            if row.pool is not None:
                stage.append(row.pool())
            self.stages.append(stage)
            channels = row.widths[-1]
        self.head = ClassMaps(channels, num_classes)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.stages(images))

    def initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)


def dropped(pool: nn.Module) -> nn.Module:
    """Dropout follows all poolings but the global."""
    return nn.Sequential(pool, nn.Dropout(0.5))


# fmt: off
CIFAR = (
    Mlpconv(5, (192, 160, 96), padding=2, pool=lambda: dropped(nn.MaxPool2d(3, 2, padding=1))),
    Mlpconv(5, (192, 192, 192), padding=2, pool=lambda: dropped(nn.AvgPool2d(3, 2, padding=1))),
    Mlpconv(3, (192, 192), padding=1),
)
IMAGENET = (
    Mlpconv(11, (96, 96, 96), stride=4, pool=partial(nn.MaxPool2d, 3, 2)),
    Mlpconv(5, (256, 256, 256), padding=2, pool=partial(nn.MaxPool2d, 3, 2)),
    Mlpconv(3, (384, 384, 384), padding=1, pool=lambda: dropped(nn.MaxPool2d(3, 2))),
    Mlpconv(3, (1024, 1024), padding=1),
)
# fmt: on

_CAFFE_POOLS = "the poolings pad both sides where the authors' Caffe pads the far one: same sizes, other windows"


def _cifar(
    num_classes: int, params: int, macs: int, errors: Sequence[tuple[float, str]], mean: tuple[float, ...]
) -> ModelSpec:
    name = f"nin_cifar{num_classes}"
    return ModelSpec(
        name=name,
        family="NIN",
        paper=PAPER,
        build=partial(NetworkInNetwork, CIFAR),
        preprocess=Preprocess(size=32, crop=1.0, mean=mean, std=(0.25, 0.25, 0.26)),
        facts=Facts(
            params,
            macs,
            num_classes=num_classes,
            input_size=32,
            reported=tuple(
                Reported("top1_error", error, "tables 1 and 2, recalled", protocol) for error, protocol in errors
            ),
        ),
        fact=name,
        departs=f"{_CAFFE_POOLS}; normalises by channel, the paper by global contrast and whitening",
    )


VARIANTS = (
    _cifar(
        10,
        966_986,
        222_486_528,
        ((0.1041, "CIFAR-10 test"), (0.0881, "CIFAR-10 test, trained with augmentation")),
        (0.4914, 0.4822, 0.4465),
    ),
    _cifar(100, 984_356, 223_592_448, ((0.3568, "CIFAR-100 test"),), (0.5071, 0.4865, 0.4409)),
    ModelSpec(
        name="nin_imagenet",
        family="NIN",
        paper=PAPER,
        build=partial(NetworkInNetwork, IMAGENET),
        preprocess=Preprocess(),
        facts=Facts(
            7_595_176,
            969_460_864,
            reported=(Reported("top1_error", 0.4064, "the authors' Caffe model, recalled", "ImageNet val"),),
        ),
        fact="nin_imagenet",
        departs="not in the paper: the authors' Caffe model, at 224 in place of 227",
    ),
)
