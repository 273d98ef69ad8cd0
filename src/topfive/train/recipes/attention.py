"""How transformers were trained, and the convolutional network that is trained like them."""

from __future__ import annotations

from topfive.train.recipes.training import Training

MIXED = {"opt": "adamw", "sched": "cosine", "epochs": 300, "weight_decay": 0.05, "smoothing": 0.1, "scale": (0.08, 1.0)}
MIXED |= {"aa": "rand-m9-n2-mstd0.5-inc1-p0.5", "mixup": 0.8, "cutmix": 1.0, "reprob": 0.25}

ATTENTION = {
    "vit_b_16": Training(
        source="Dosovitskiy et al. 2020, arXiv:2010.11929, table 3, ImageNet alone: 10,000 steps of warm-up; recalled",
        batch=4096,
        rate=3e-3,
        settings={
            "epochs": 300,
            "opt": "adamw",
            "weight_decay": 0.3,
            "sched": "cosine",
            "warmup_epochs": 32.0,
            "clip_grad": 1.0,
            "drop": 0.1,
            "scale": (0.08, 1.0),
        },
        departs="biases and norms are not decayed",
    ),
    "vit_s_16": Training(
        source="Touvron et al. 2020, arXiv:2012.12877, table 9: 5e-4 for 512 images; recalled",
        batch=1024,
        rate=1e-3,
        settings=MIXED | {"warmup_epochs": 5.0, "drop_path": 0.1, "aug_repeats": 3},
        took="three days on eight GPUs for the larger ViT-B",
        departs="nobody teaches unless asked to",
    ),
    "convnext*": Training(
        source="Liu et al. 2022, arXiv:2201.03545, table 5; recalled, but for batch and rate",
        batch=4096,
        rate=4e-3,
        settings=MIXED | {"warmup_epochs": 20.0, "model_ema": 0.9999},
    ),
}
