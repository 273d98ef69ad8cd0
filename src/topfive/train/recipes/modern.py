"""modern: as residual networks are trained since 2021 (Wightman, Touvron, Jegou, arXiv:2110.00476)."""

from __future__ import annotations

from topfive.data import Splits
from topfive.nn.stochastic_depth import StochasticDepth
from topfive.recipe import Recipe
from topfive.spec import ModelSpec
from topfive.train.recipes.training import Training, has

A2 = Training(
    source="Wightman et al. 2021, arXiv:2110.00476, table 2, procedure A2; recalled",
    batch=2048,
    rate=5e-3,
    settings={
        "epochs": 300,
        "aug_repeats": 3,
        "opt": "lamb",
        "weight_decay": 0.02,
        "sched": "cosine",
        "warmup_epochs": 5.0,
        "loss": "bce",
        "model_ema": 0.999,
        "scale": (0.08, 1.0),
        "aa": "rand-m7-mstd0.5-inc1-p0.5",
        "mixup": 0.1,
        "cutmix": 1.0,
    },
    took="55 hours on four V100 for ResNet-50",
    departs="the average of the weights is ours",
)


def modern(spec: ModelSpec, splits: Splits) -> Recipe:
    """Table 2, procedure A2: LAMB, a yes or no for every class, mixup and cutmix, RandAugment, repeated views.

    A twentieth of the branches is left out where the network has branches to leave out, unless its own paper says how
    many.  A1 is `epochs=600 mixup=0.2 smoothing=0.1 weight_decay=0.01`, A3 `epochs=100 img_size=160 aug_repeats=1
    drop_path=0 aa=rand-m6-mstd0.5-inc1-p0.5` with a highest rate of 8e-3 for 2048 images.

    The paper reports, for ResNet-50 on ImageNet at 224 pixels, 0.804 top-1 with A1 (110 hours on four V100), 0.798 with
    A2 (55 hours) and 0.781 with A3 (15 hours).  Recalled.
    """
    branches = has(spec, lambda part: isinstance(part, StochasticDepth))
    ours = has(spec, lambda part: isinstance(part, StochasticDepth) and part.rate > 0)
    return A2.recipe(spec, splits, drop_path=0.05 if branches and not ours else None)
