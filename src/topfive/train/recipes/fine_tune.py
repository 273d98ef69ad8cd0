"""fine-tune: from weights that have seen many images to a classifier of few."""

from __future__ import annotations

from topfive.data import Splits
from topfive.recipe import Recipe
from topfive.spec import ModelSpec


def fine_tune(spec: ModelSpec, splits: Splits) -> Recipe:
    """The fresh head alone at first, then all, lower layers ever slower: AdamW, gentle crops, averaged weights.

    No paper's table, but parts of several.  The head before the rest is the first step of gradual unfreezing (Howard
    and Ruder 2018, arXiv:1801.06146, sec. 3.3); rates that fall by a factor a layer are from Clark et al. 2020
    (arXiv:2003.10555, appendix: 0.8, recalled).
    """
    return Recipe(
        model=spec.name,
        weights="imagenet",
        epochs=12,
        batch_size=32,
        opt="adamw",
        lr=1e-3,
        weight_decay=0.02,
        layer_decay=0.8,
        freeze_epochs=2,
        warmup_epochs=1,
        clip_grad=1.0,
        smoothing=0.1,
        model_ema=0.99,
        scale=(0.5, 1.0),
        hflip=0.5 if splits.mirror else 0.0,
    )
