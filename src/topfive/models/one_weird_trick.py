"""One weird trick: AlexNet in one tower, which suits a GPU each.  Krizhevsky 2014, arXiv:1404.5997.

Activations are [N, C, H, W]; the network is AlexNet on one GPU: narrower at first, no groups, no response
normalisation.
"""

from __future__ import annotations

from functools import partial

from torch import nn

from topfive.models.alexnet import AlexNet, five_convolutions
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="One weird trick for parallelizing convolutional neural networks",
    authors="Krizhevsky",
    year=2014,
    month=4,
    arxiv="1404.5997",
)

VARIANTS = (
    ModelSpec(
        name="alexnet",
        family="AlexNet",
        paper=PAPER,
        build=partial(
            AlexNet,
            partial(
                five_convolutions,
                widths=(64, 192, 384, 256, 256),
                conv1=partial(nn.Conv2d, kernel_size=11, stride=4, padding=2),
                normalise=nn.Identity,
            ),
        ),
        preprocess=Preprocess(),
        facts=Facts(
            params=61_100_840,
            macs=714_188_480,
            reported=(Reported("top1_error", 0.423, "table 1, recalled, approximate", "ILSVRC-2012 val"),),
        ),
        fact="alexnet_owt",
        departs="conv4 has 256 maps as in the public weights, the text says 384",
    ),
)
