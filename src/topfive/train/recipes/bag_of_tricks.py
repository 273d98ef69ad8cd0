"""bag-of-tricks: He et al. 2018, arXiv:1812.01187, all of its tricks together."""

from __future__ import annotations

from topfive.data import Splits
from topfive.recipe import Recipe
from topfive.spec import ModelSpec

BASE_RATE, BASE_BATCH = 0.1, 256  # sec. 3.1: the rate is this for this batch, and grows with it


def bag_of_tricks(spec: ModelSpec, splits: Splits, batch_size: int = 256) -> Recipe:
    """Tables 2 to 6: linear scaling, warm-up, zero gamma, no bias decay, low precision, cosine, smoothing, mixup.

    Distillation, the last of the tricks, wants `teacher=RUN teacher_temperature=20` (sec. 5.3).  The augmentation is
    sec. 2.1's.  The paper trains 120 epochs, and 200 with mixup, on 1.28 million images.
    """
    return Recipe(
        model=spec.name,
        epochs=200,
        batch_size=batch_size,
        opt="sgd",
        lr=BASE_RATE * batch_size / BASE_BATCH,
        momentum=0.9,
        weight_decay=1e-4,
        zero_gamma=True,
        amp=True,
        sched="cosine",
        warmup_epochs=5,
        smoothing=0.1,
        mixup=0.2,
        scale=(0.08, 1.0),
        hflip=0.5 if splits.mirror else 0.0,
        color_jitter=0.4,
        lighting=0.1,
    )
