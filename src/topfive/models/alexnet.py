"""AlexNet: the convolutional network that won ILSVRC 2012.  Krizhevsky, Sutskever, Hinton, NIPS 2012.

Activations are [N, C, H, W].  Fig. 2: five convolutions in two towers, one a GPU; only conv3 sees both.  The paper
says 224x224, its arithmetic (55 = (227 - 11) / 4 + 1) needs 227.  Adaptive pooling to 6x6, idle at the paper's size,
lets other sizes in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from topfive.nn.classifier import Classifier
from topfive.nn.pool import covering
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="ImageNet Classification with Deep Convolutional Neural Networks",
    authors="Krizhevsky, Sutskever, Hinton",
    year=2012,
    month=12,
)

# Sec. 3.3 multiplies alpha = 1e-4 by the sum over n = 5 neighbours, torch by their mean.
paper_response_norm = partial(nn.LocalResponseNorm, 5, alpha=5e-4, beta=0.75, k=2.0)
weaker_response_norm = partial(nn.LocalResponseNorm, 5, alpha=1e-4, beta=0.75, k=2.0)
overlapping_pool = partial(nn.MaxPool2d, 3, 2)  # sec. 3.4
big_first = partial(nn.Conv2d, kernel_size=11, stride=4)
padded_second = partial(nn.Conv2d, kernel_size=5, padding=2)


def hidden_layers(in_features: int) -> nn.Sequential:
    """fc6 and fc7, each with dropout after it; fc7's stands before the head."""
    return nn.Sequential(
        OrderedDict(
            fc6=nn.Linear(in_features, 4096),
            relu6=nn.ReLU(),
            drop6=nn.Dropout(0.5),
            fc7=nn.Linear(4096, 4096),
            relu7=nn.ReLU(),
        )
    )


def five_convolutions(
    in_channels: int,
    widths: Sequence[int] = (96, 256, 384, 384, 256),
    *,
    conv1: Callable[[int, int], nn.Module] = big_first,
    conv2: Callable[..., nn.Module] = padded_second,
    towers: int = 1,
    normalise: Callable[[], nn.Module] = paper_response_norm,
    pool: Callable[[], nn.Module] = overlapping_pool,
) -> nn.Sequential:
    """The trunk up to relu5: `towers` that meet in conv3 alone; `normalise` after conv1 and conv2."""
    first, second, third, fourth, fifth = widths
    if towers > 1:
        conv2 = partial(conv2, groups=towers)
    return nn.Sequential(
        OrderedDict(
            conv1=conv1(in_channels, first),
            relu1=nn.ReLU(),
            norm1=normalise(),
            pool1=pool(),
            conv2=conv2(first, second),
            relu2=nn.ReLU(),
            norm2=normalise(),
            pool2=pool(),
            conv3=nn.Conv2d(second, third, 3, padding=1),
            relu3=nn.ReLU(),
            conv4=nn.Conv2d(third, fourth, 3, padding=1, groups=towers),
            relu4=nn.ReLU(),
            conv5=nn.Conv2d(fourth, fifth, 3, padding=1, groups=towers),
            relu5=nn.ReLU(),
        )
    )


class AlexNet(Classifier):
    """`convolutions` makes the trunk but for its last pooling."""

    def __init__(
        self,
        convolutions: Callable[[int], nn.Sequential] = five_convolutions,
        *,
        num_classes: int,
        in_channels: int,
        pool: Callable[[], nn.Module] = overlapping_pool,
    ):
        super().__init__(num_classes, in_channels, dropout=0.5)
        self.trunk = convolutions(in_channels)
        fifth = len(self.trunk.get_parameter("conv5.bias"))
        self.trunk.add_module("pool5", pool())
        self.hidden = hidden_layers(fifth * 6 * 6)
        self.head = nn.Linear(4096, num_classes)
        self.apply(self.initialise)
        for name in ("trunk.conv2", "trunk.conv4", "trunk.conv5", "hidden.fc6", "hidden.fc7"):
            nn.init.ones_(self.get_parameter(f"{name}.bias"))  # so that the ReLUs start with positive inputs, sec. 5

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.trunk(images))

    def embed(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.hidden(F.adaptive_avg_pool2d(self.features(images), 6).flatten(1)))

    def initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)


VARIANTS = (
    ModelSpec(
        name="alexnet_paper",
        family="AlexNet",
        paper=PAPER,
        build=partial(AlexNet, partial(five_convolutions, towers=2)),
        preprocess=Preprocess(size=227, crop=227 / 256),
        facts=Facts(
            params=60_965_224,
            macs=724_406_816,
            input_size=227,
            reported=(
                Reported("top1_error", 0.407, "table 2, recalled", "ILSVRC-2012 val, one network, 10-crop"),
                Reported("top5_error", 0.182, "table 2, recalled", "ILSVRC-2012 val, one network, 10-crop"),
                Reported("top1_error", 0.375, "table 1", "ILSVRC-2010 test, one network, 10-crop"),
                Reported("top5_error", 0.170, "table 1", "ILSVRC-2010 test, one network, 10-crop"),
            ),
        ),
        fact="alexnet_2gpu",
        departs="227x227, which the paper's own sizes need, not 224x224; normalises by channel, where the paper "
        "subtracts the mean of each pixel",
    ),
    ModelSpec(
        name="alexnet_lrn",
        family="AlexNet",
        paper=PAPER,
        build=partial(
            AlexNet,
            partial(five_convolutions, normalise=weaker_response_norm, pool=covering),
            pool=covering,
        ),
        preprocess=Preprocess(),
        facts=Facts(params=62_378_344, macs=1_131_457_664),
        fact="alexnet_ungrouped_lrn",
        departs="one tower without groups, response normalisation at a fifth of the strength, pooling that rounds "
        "up: a common port, here to load its weights",
    ),
)
