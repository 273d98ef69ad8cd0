"""How networks for telephones were trained, and those that search found from them: MobileNet to EfficientNetV2."""

from __future__ import annotations

from topfive.train.recipes.training import Training

CROPS = (0.08, 1.0)
RMSPROP = {"opt": "rmsprop", "momentum": 0.9, "scale": CROPS}
ONE_MACHINE = "one machine moves the weights, where the paper has many do so at once"
# MnasNet's, and that of all which came from it on the same machines.
TPU = RMSPROP | {"epochs": 350, "weight_decay": 1e-5, "sched": "exponential", "decay_epochs": 2.4, "decay_rate": 0.97}
TPU |= {"warmup_epochs": 5.0, "smoothing": 0.1, "model_ema": 0.9999}
LINEAR = {"opt": "momentum", "momentum": 0.9, "weight_decay": 4e-5, "epochs": 240, "sched": "polynomial"}
GROWTH = "sizes grow from 128 pixels, the strength of RandAugment and mixup is the last one's throughout"


def efficientnet_v2(strength: str, mixup: float) -> Training:
    """The three sizes differ in what table 6 has for the last stage."""
    return Training(
        source="Tan and Le 2021, arXiv:2104.00298, sec. 5.1; table 6 recalled",
        batch=4096,
        rate=0.256,
        settings=TPU | {"aa": strength, "mixup": mixup, "start_size": 128},
        took="7 (small), 13 (medium) and 24 hours (large) on 32 TPUv3",
        departs=f"{GROWTH}; levels of RandAugment above 10 are 10",
    )


MOBILE = {
    "*mobilenet_v1*": Training(
        source="Howard et al. 2017, arXiv:1704.04861, sec. 3.2: as Inception v3, with fewer small crops; recalled",
        batch=32,
        rate=0.045,
        epsilon=1.0,
        settings=RMSPROP
        | {"epochs": 100, "weight_decay": 4e-5, "sched": "exponential", "decay_epochs": 2.0, "decay_rate": 0.94}
        | {"model_ema": 0.9999, "scale": (0.25, 1.0)},
        departs=f"{ONE_MACHINE}; depthwise filters are decayed like others, where the paper says little or not at all; "
        "the least crop, a quarter, is ours",
    ),
    "*mobilenet_v2*": Training(
        source="Sandler et al. 2018, arXiv:1801.04381, sec. 6.1; recalled",
        batch=96,
        rate=0.045,
        epsilon=1.0,
        settings=RMSPROP
        | {"epochs": 300, "weight_decay": 4e-5, "sched": "exponential", "decay_epochs": 1.0, "decay_rate": 0.98}
        | {"model_ema": 0.9999},
        took="16 GPUs",
        departs=f"{ONE_MACHINE}; the paper names no epochs, these bring the rate to a four-hundredth",
    ),
    "*mobilenet_v3*": Training(
        source="Howard et al. 2019, arXiv:1905.02244, sec. 6.1; recalled",
        batch=4096,
        rate=0.1,
        settings=RMSPROP
        | {"epochs": 600, "weight_decay": 1e-5, "sched": "exponential", "decay_epochs": 3.0, "decay_rate": 0.99}
        | {"drop": 0.2, "model_ema": 0.9999},
        took="16 TPUs",
        departs="the paper names no epochs",
    ),
    "shufflenet_v1*": Training(
        source="Zhang et al. 2017, arXiv:1707.01083, sec. 4: 300,000 steps; recalled",
        batch=1024,
        rate=0.5,
        settings=LINEAR | {"scale": (0.25, 1.0)},
        took="one to two days on four GPUs",
        departs="the least crop, a quarter, is ours: the paper says that crops are less aggressive",
    ),
    "shufflenet_v2*": Training(
        source="Ma et al. 2018, arXiv:1807.11164, sec. 4, as ShuffleNet, and the authors' program; recalled",
        batch=1024,
        rate=0.5,
        settings=LINEAR | {"scale": CROPS, "smoothing": 0.1, "color_jitter": 0.4},
        took="four GPUs",
    ),
    "mnasnet*": Training(
        source="Tan et al. 2018, arXiv:1807.11626, sec. 5, and the authors' program; recalled",
        batch=4096,
        rate=0.256,
        settings=TPU,
    ),
    "*efficientnet_b*": Training(
        source="Tan and Le 2019, arXiv:1905.11946, sec. 5; what its program adds is recalled",
        batch=4096,
        rate=0.256,
        settings=TPU | {"aa": "autoaugment"},
        departs="the rate falls smoothly, in the program every 2.4 epochs; batch, warm-up, smoothing and average are "
        "the program's alone",
    ),
    "*efficientnet_lite*": Training(
        source="Liu et al. 2020, the authors' program, as EfficientNet; recalled",
        batch=4096,
        rate=0.256,
        settings=TPU | {"aa": "autoaugment"},
    ),
    "*efficientnet_v2_s": efficientnet_v2("rand-m10-n2", 0.0),
    "*efficientnet_v2_m": efficientnet_v2("rand-m10-n2", 0.2),
    "*efficientnet_v2_l": efficientnet_v2("rand-m10-n2", 0.5),
}
