"""How residual networks and their kin were trained: ResNet, WRN, ResNeXt, DenseNet, SENet, RegNet."""

from __future__ import annotations

from topfive.train.recipes.training import Training

NESTEROV = {"opt": "sgd", "momentum": 0.9, "bias_decay": True, "weight_decay": 1e-4}
MOMENTUM = NESTEROV | {"opt": "momentum"}
# What the programs of Facebook's residual networks vary, and how long they train (github.com/facebook/fb.resnet.torch).
CROPPED = {"scale": (0.08, 1.0)}
COLOURED = CROPPED | {"color_jitter": 0.4, "lighting": 0.1}
STEPPED = {"epochs": 90, "sched": "step", "decay_epochs": 30.0}
# 32,000 and 48,000 of 64,000 steps of 128 out of the 45,000 images that the paper trains on (He et al. 2015, sec. 4.2).
CIFAR = MOMENTUM | {"epochs": 182, "sched": "multistep", "decay_milestones": (91.0, 136.5), "shift": 4}
FIRST_STEPS = 400 * 128 / 45_000  # epochs: the 400 steps that the deepest ones take at a tenth of the rate
GENTLE_START = "the first 400 steps rise to the rate, where the paper takes them at a tenth of it"
HALVES = {"sched": "multistep", "decay_milestones": (150.0, 225.0)}  # at a half and three quarters of 300 epochs

BAG_OF_TRICKS = Training(
    source="He et al. 2018, arXiv:1812.01187, sec. 2.1, checked against a summary; sec. 3.1 and tables 3 and 6, "
    "recalled",
    batch=256,
    rate=0.1,
    settings=CROPPED
    | {"color_jitter": 0.4, "lighting": 0.1}
    | {"epochs": 200, "opt": "sgd", "momentum": 0.9, "weight_decay": 1e-4, "warmup_epochs": 5.0, "amp": True}
    | {"sched": "cosine", "smoothing": 0.1, "mixup": 0.2},
    took="4.4 minutes an epoch of ResNet-50 on eight V100, in half precision with batches of 1024",
    departs="hue stays as it is; nobody teaches unless asked to",
)

RESIDUAL = {
    "resnet*[bcd]": BAG_OF_TRICKS,
    "resnet110_cifar": Training(
        source="He et al. 2015, arXiv:1512.03385, sec. 4.2; recalled",
        batch=128,
        rate=0.1,
        settings=CIFAR | {"warmup_epochs": FIRST_STEPS},
        took="two GPUs",
        departs=GENTLE_START,
    ),
    "resnet*_cifar": Training(
        source="He et al. 2015, arXiv:1512.03385, sec. 4.2; recalled",
        batch=128,
        rate=0.1,
        settings=CIFAR,
        took="two GPUs",
    ),
    "resnet*": Training(
        source="He et al. 2015, arXiv:1512.03385, sec. 3.4: 600,000 steps; recalled",
        batch=256,
        rate=0.1,
        settings=MOMENTUM
        | {"epochs": 120, "sched": "step", "decay_epochs": 30.0}
        | {"resize": (256 / 224, 480 / 224), "lighting": 0.1},
        departs="the paper lowers the rate where the error stops falling, here after every 30 epochs",
    ),
    "preresnet*_cifar": Training(
        source="He et al. 2016, arXiv:1603.05027, appendix; recalled",
        batch=128,
        rate=0.1,
        settings=CIFAR | {"warmup_epochs": FIRST_STEPS},
        took="27 hours on two GPUs for 1001 layers",
        departs=GENTLE_START,
    ),
    "preresnet*": Training(
        source="He et al. 2016, arXiv:1603.05027, sec. 5 and appendix; recalled",
        batch=256,
        rate=0.1,
        settings=MOMENTUM | STEPPED | {"resize": (256 / 224, 480 / 224), "lighting": 0.1},
        took="three weeks on eight GPUs for 200 layers",
        departs="the paper names no end: 90 epochs, a third fall after 90 being none",
    ),
    "wrn*": Training(
        source="Zagoruyko and Komodakis 2016, arXiv:1605.07146, sec. 3; recalled",
        batch=128,
        rate=0.1,
        settings=NESTEROV
        | {"epochs": 200, "weight_decay": 5e-4, "shift": 4}
        | {"sched": "multistep", "decay_milestones": (60.0, 120.0, 160.0), "decay_rate": 0.2},
        departs="what comes in at the border is black, where the paper reflects the image",
    ),
    "wide_resnet*": Training(
        source="Zagoruyko and Komodakis 2016, arXiv:1605.07146, sec. 3.3, as fb.resnet.torch; recalled",
        batch=256,
        rate=0.1,
        settings=NESTEROV | STEPPED | COLOURED,
    ),
    "densenet*_cifar": Training(
        source="Huang et al. 2016, arXiv:1608.06993, sec. 4.2; recalled",
        batch=64,
        rate=0.1,
        settings=NESTEROV | HALVES | {"epochs": 300, "shift": 4},
    ),
    "densenet*": Training(
        source="Huang et al. 2016, arXiv:1608.06993, sec. 4.2; recalled",
        batch=256,
        rate=0.1,
        settings=NESTEROV | STEPPED | COLOURED,
    ),
    "resnext*": Training(
        source="Xie et al. 2016, arXiv:1611.05431, sec. 4, as fb.resnet.torch; recalled",
        batch=256,
        rate=0.1,
        settings=MOMENTUM | STEPPED | COLOURED | {"epochs": 100},
        took="eight GPUs; 0.95 seconds a step of ResNeXt-101 32x4d on eight M40",
        departs="the paper falls three times and names no end: 100 epochs",
    ),
    **dict.fromkeys(
        ("se_*", "senet154"),
        Training(
            source="Hu et al. 2017, arXiv:1709.01507, sec. 6.1; recalled",
            batch=1024,
            rate=0.6,
            settings=MOMENTUM | STEPPED | CROPPED | {"epochs": 100},
            took="eight servers of eight GPUs each",
        ),
    ),
    "regnet*": Training(
        source="Radosavovic et al. 2020, arXiv:2003.13678, appendix C, and the authors' program; recalled",
        batch=1024,
        rate=0.8,
        settings=NESTEROV
        | CROPPED
        | {"epochs": 100, "weight_decay": 5e-5, "sched": "cosine", "warmup_epochs": 5.0, "lighting": 0.1},
        took="eight V100",
    ),
}
