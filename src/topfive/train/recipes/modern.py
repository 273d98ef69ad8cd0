"""modern: as residual networks are trained since 2021 (Wightman, Touvron, Jegou, arXiv:2110.00476)."""

from __future__ import annotations

from topfive.data import Splits
from topfive.recipe import Recipe
from topfive.spec import ModelSpec

BATCH = 2048  # of the paper, whose rates are for it; ours fall with the root of the batch, as LAMB's do


def modern(spec: ModelSpec, splits: Splits, batch_size: int = 256) -> Recipe:
    """Table 2, procedure A2: LAMB, a yes or no for every class, mixup and cutmix, RandAugment, repeated views.

    The average of the weights is ours.  The paper trains 300 epochs of ImageNet; A1 is `epochs=600 mixup=0.2
    smoothing=0.1`, A3 `epochs=100 img_size=160 aug_repeats=1 drop_path=0 aa=rand-m6-mstd0.5-inc1`.
    """
    return Recipe(
        model=spec.name,
        epochs=300,
        batch_size=batch_size,
        aug_repeats=2,
        opt="lamb",
        lr=5e-3 * (batch_size / BATCH) ** 0.5,
        weight_decay=0.02,
        warmup_epochs=5,
        loss="bce",
        model_ema=0.999,
        scale=(0.08, 1.0),
        hflip=0.5 if splits.mirror else 0.0,
        aa="rand-m7-mstd0.5-inc1",
        mixup=0.1,
        cutmix=1.0,
    )
