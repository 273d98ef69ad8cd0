"""bag-of-tricks: He et al. 2018, arXiv:1812.01187, all of its tricks together."""

from __future__ import annotations

from topfive.data import Splits
from topfive.nn.residual import EndsInNorm
from topfive.recipe import Recipe
from topfive.spec import ModelSpec
from topfive.train.recipes.residual import BAG_OF_TRICKS
from topfive.train.recipes.training import has


def bag_of_tricks(spec: ModelSpec, splits: Splits) -> Recipe:
    """Tables 3 and 6: linear scaling, warm-up, zero gamma, no bias decay, low precision, cosine, smoothing, mixup.

    Gamma is zero where the network has residual branches that end in a norm.  Distillation, the last of the tricks,
    wants `teacher=RUN teacher_temperature=20` (sec. 5.3).  The augmentation is sec. 2.1's.

    The paper reports 0.7915 top-1 for ResNet-50-D on ImageNet (0.7929 with a teacher), from 0.7716 without the tricks
    of table 6, after 200 epochs of 4.4 minutes on eight V100; without mixup it trains 120.  Recalled.
    """
    zero = has(spec, lambda part: isinstance(part, EndsInNorm) and len(part.last_norms()) > 0)
    return BAG_OF_TRICKS.recipe(spec, splits, zero_gamma=zero)
