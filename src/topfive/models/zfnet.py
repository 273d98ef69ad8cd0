"""ZFNet: AlexNet redrawn after looking inside.  Zeiler, Fergus 2013, arXiv:1311.2901.

Activations are [N, C, H, W].  Fig. 3: AlexNet in one tower with a first layer of 7x7 and stride 2 (110x110), where
11x11 and stride 4 lost the middle frequencies; then 26x26 and 13x13.
"""

from __future__ import annotations

from functools import partial

from torch import nn

from topfive.models.alexnet import AlexNet, five_convolutions
from topfive.nn.pool import covering
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Visualizing and Understanding Convolutional Networks",
    authors="Zeiler, Fergus",
    year=2013,
    month=11,
    arxiv="1311.2901",
)

mean_response_norm = partial(nn.LocalResponseNorm, 5, alpha=1e-4, beta=0.75, k=2.0)
smaller_first_layers = partial(
    five_convolutions,
    conv1=partial(nn.Conv2d, kernel_size=7, stride=2, padding=1),
    conv2=partial(nn.Conv2d, kernel_size=5, stride=2),
    normalise=mean_response_norm,
    pool=covering,
)


def _variant(
    name: str, widths: tuple[int, ...], params: int, macs: int, top1_error: float, top5_error: float
) -> ModelSpec:
    reported = tuple(
        Reported(metric, error, "table 2, recalled", "ILSVRC-2012 val, one network, 10-crop")
        for metric, error in (("top1_error", top1_error), ("top5_error", top5_error))
    )
    return ModelSpec(
        name=name,
        family="ZFNet",
        paper=PAPER,
        build=partial(AlexNet, partial(smaller_first_layers, widths=widths), pool=covering),
        preprocess=Preprocess(),
        facts=Facts(params, macs, reported=reported),
        fact=name,
        departs="responses are normalised as in AlexNet, before the pooling and at a fifth of its strength, as in the "
        "public port; the paper normalises after it and gives no constants",
    )


VARIANTS = (
    _variant("zfnet", (96, 256, 384, 384, 256), 62_357_608, 1_168_032_896, 0.384, 0.165),
    _variant("zfnet512", (96, 256, 512, 1024, 512), 107_627_624, 2_476_704_896, 0.375, 0.160),
)
