"""How networks of parallel branches were trained: GoogLeNet and its heirs, Xception, PolyNet, NASNet, PNASNet."""

from __future__ import annotations

from topfive.train.recipes.training import Training

CROPS = (0.08, 1.0)  # of the area, Szegedy et al. 2014, sec. 6
ONE_MACHINE = "one machine moves the weights, where the paper has many do so at once"
# Szegedy et al. 2015, sec. 8
RMSPROP = {"opt": "rmsprop", "momentum": 0.9, "weight_decay": 4e-5, "sched": "step", "scale": CROPS}
RMSPROP |= {"model_ema": 0.9999, "smoothing": 0.1, "auxiliary": True}

INCEPTION = {
    "googlenet*": Training(
        source="Szegedy et al. 2014, arXiv:1409.4842, sec. 5 and 6; recalled",
        batch=32,
        rate=0.01,
        settings={
            "epochs": 250,
            "opt": "momentum",
            "momentum": 0.9,
            "bias_decay": True,
            "weight_decay": 2e-4,
            "sched": "step",
            "decay_epochs": 8.0,
            "decay_rate": 0.96,
            "model_ema": 0.9999,
            "scale": CROPS,
            "color_jitter": 0.4,
            "auxiliary": True,
        },
        took="within a week on a few GPUs, as the authors guess: they used processors",
        departs=f"{ONE_MACHINE}; the paper names neither rate, batch, decay nor epochs: these are BVLC's, who trained "
        "it anew with Caffe; Polyak's average is exponential",
    ),
    "bninception*": Training(
        source="Ioffe and Szegedy 2015, arXiv:1502.03167, sec. 4.2: BN-x30, 6,000,000 steps, falls six times as soon "
        "as Inception's, a fifth of its decay; recalled",
        batch=32,
        rate=0.045,
        settings={
            "epochs": 150,
            "opt": "momentum",
            "momentum": 0.9,
            "bias_decay": True,
            "weight_decay": 4e-5,
            "sched": "step",
            "decay_epochs": 8 / 6,
            "decay_rate": 0.96,
            "model_ema": 0.9999,
            "scale": CROPS,
            "color_jitter": 0.2,
        },
        departs=f"{ONE_MACHINE}; colours vary half as much as GoogLeNet's, the paper says less",
    ),
    **dict.fromkeys(
        ("inception_v2", "*inception_v3*"),
        Training(
            source="Szegedy et al. 2015, arXiv:1512.00567, sec. 4, 7 and 8; recalled",
            batch=32,
            rate=0.045,
            epsilon=1.0,
            settings=RMSPROP | {"epochs": 100, "decay_epochs": 2.0, "decay_rate": 0.94, "clip_grad": 2.0},
            took="50 machines with a Kepler GPU each",
            departs=f"{ONE_MACHINE}; the decay is that of the authors' program",
        ),
    ),
    "inception_*": Training(
        source="Szegedy et al. 2016, arXiv:1602.07261, sec. 4; recalled",
        batch=32,
        rate=0.045,
        epsilon=1.0,
        settings=RMSPROP | {"epochs": 160, "decay_epochs": 2.0, "decay_rate": 0.94},
        took="20 machines with a Kepler GPU each",
        departs=f"{ONE_MACHINE}; batch, decay and smoothing are Inception v3's, the epochs the figures'",
    ),
    "*xception": Training(
        source="Chollet 2016, arXiv:1610.02357, sec. 4.3 and 4.4; recalled",
        batch=32,
        rate=0.045,
        settings={
            "epochs": 100,
            "opt": "momentum",
            "momentum": 0.9,
            "weight_decay": 1e-5,
            "sched": "step",
            "decay_epochs": 2.0,
            "decay_rate": 0.94,
            "drop": 0.5,
            "model_ema": 0.9999,
            "scale": CROPS,
        },
        took="three days on 60 K80",
        departs="the paper names neither batch nor epochs, these are Inception v3's; Polyak's average is exponential",
    ),
    "polynet": Training(
        source="Zhang et al. 2016, arXiv:1611.05725, sec. 5: 560,000 steps, falls by ten after every 160,000; recalled",
        batch=512,
        rate=0.45,
        epsilon=1.0,
        settings={
            "epochs": 224,
            "opt": "rmsprop",
            "momentum": 0.9,
            "weight_decay": 4e-5,
            "sched": "step",
            "decay_epochs": 64.0,
            "scale": CROPS,
        },
        took="32 GPUs",
        departs="the decay is Inception's; paths are left out at random only where --drop-path asks for it",
    ),
    **dict.fromkeys(
        ("nasnet*", "tf_nasnet*"),
        Training(
            source="Zoph et al. 2017, arXiv:1707.07012, appendix A, and the authors' program; recalled",
            batch=32,
            rate=0.04,
            epsilon=1.0,
            settings=RMSPROP | {"epochs": 250, "decay_epochs": 2.4, "decay_rate": 0.97, "clip_grad": 10.0},
            departs=f"{ONE_MACHINE}; the paper names no epochs, these bring the rate to a twenty-fifth",
        ),
    ),
    "pnasnet*": Training(
        source="Liu et al. 2017, arXiv:1712.00559, sec. 5, as NASNet, and the authors' program; recalled",
        batch=32,
        rate=0.04,
        epsilon=1.0,
        settings=RMSPROP | {"epochs": 250, "decay_epochs": 2.4, "decay_rate": 0.97, "clip_grad": 10.0},
        took="100 machines with a P100 each",
        departs=f"{ONE_MACHINE}; the paper names no epochs, these bring the rate to a twenty-fifth",
    ),
}
