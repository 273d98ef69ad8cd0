"""How networks that are one path from image to answer were trained: LeNet to VGG, SqueezeNet, Darknet."""

from __future__ import annotations

from topfive.train.recipes.training import Training

# Momentum without Nesterov's correction, and decay of all parameters: how all of these were trained.
MOMENTUM = {"opt": "momentum", "momentum": 0.9, "bias_decay": True}
FALLS_ON_PLATEAUS = "the paper lowers the rate by hand where the error stops falling, here at even distances"
ALEXNET = MOMENTUM | {"weight_decay": 5e-4, "sched": "step", "lighting": 0.1, "resize": (256 / 224, 256 / 224)}

PLAIN = {
    "lenet5*": Training(
        source="LeCun et al. 1998, sec. III-B and III-C: 20 passes, rates from 5e-4 down to 1e-5; recalled",
        batch=16,
        rate=3e-3,
        settings={
            "epochs": 20,
            "opt": "adamw",
            "weight_decay": 0.0,
            "sched": "multistep",
            "decay_milestones": (2.0, 5.0, 8.0, 12.0),
            "decay_rate": 0.376,  # four equal falls to a fiftieth, as the paper's four unequal ones
        },
        took="two to three days on one processor of a Silicon Graphics Origin 2000",
        departs="the paper's stochastic diagonal Levenberg-Marquardt divides the rate of each weight by its curvature, "
        "which takes a second backward pass of its own, and moves after every image; AdamW without decay divides by "
        "the root of the gradients' mean square, which stands in for curvature, and moves after 16; its rate is ours",
    ),
    "alexnet_*": Training(
        source="Krizhevsky et al. 2012, sec. 4 and 5; recalled",
        batch=128,
        rate=0.01,
        settings=ALEXNET | {"epochs": 90, "decay_epochs": 22.5, "resize": (256 / 227, 256 / 227)},
        took="five to six days on two GTX 580",
        departs=FALLS_ON_PLATEAUS,
    ),
    "zfnet*": Training(
        source="Zeiler and Fergus 2013, arXiv:1311.2901, sec. 3.1; recalled",
        batch=128,
        rate=0.01,
        settings=ALEXNET | {"epochs": 70, "decay_epochs": 17.5, "lighting": 0.0},
        took="12 days on one GTX 580",
        departs=f"{FALLS_ON_PLATEAUS}; filters of the first layer are not renormalised; crops are anywhere rather than "
        "at the corners and the centre; the paper names no decay, AlexNet's is taken",
    ),
    "nin_cifar*": Training(
        source="Lin et al. 2013, arXiv:1312.4400, sec. 4.1: as AlexNet, two falls by ten; recalled",
        batch=128,
        rate=0.01,
        settings=MOMENTUM
        | {"epochs": 300, "weight_decay": 5e-4, "sched": "multistep", "decay_milestones": (200.0, 250.0), "shift": 4},
        departs=f"{FALLS_ON_PLATEAUS}; the paper names neither rate nor epochs, these are AlexNet's and about those of "
        "the authors' solver; images are not whitened",
    ),
    "nin_imagenet": Training(
        source="Lin et al. 2013, arXiv:1312.4400: the authors' Caffe solver, 450,000 steps; recalled",
        batch=64,
        rate=0.01,
        settings=ALEXNET | {"epochs": 22, "decay_epochs": 10.0, "lighting": 0.0},
        took="four to five days on one GTX Titan, as the authors say",
    ),
    "alexnet": Training(
        source="Krizhevsky 2014, arXiv:1404.5997, sec. 5: three falls by the cube root of 250; recalled",
        batch=128,
        rate=0.01,
        settings=ALEXNET | {"epochs": 90, "decay_epochs": 22.5, "decay_rate": 250 ** (-1 / 3)},
        took="98 hours on one K20",
    ),
    "sppnet*": Training(
        source="He et al. 2014, arXiv:1406.4729, sec. 3.1 and 3.2; recalled",
        batch=128,
        rate=0.01,
        settings=ALEXNET | {"epochs": 70, "decay_epochs": 70 / 3},
        took="two to four weeks on one GTX Titan",
        departs=f"{FALLS_ON_PLATEAUS}; one size throughout, where the paper trains on 224 and 180 pixels in turn",
    ),
    "vgg*": Training(
        source="Simonyan and Zisserman 2014, arXiv:1409.1556, sec. 3.1, 370,000 steps, three falls: checked against a "
        "summary",
        batch=256,
        rate=0.01,
        settings=ALEXNET | {"epochs": 74, "decay_epochs": 18.5, "resize": (256 / 224, 512 / 224)},
        took="two to three weeks on four GTX Titan Black",
        departs=f"{FALLS_ON_PLATEAUS}; all start afresh, where the paper starts the deep ones from layers of the first",
    ),
    "squeezenet*": Training(
        source="Iandola et al. 2016, arXiv:1602.07360, sec. 3.3 and the authors' solver of 170,000 steps; recalled",
        batch=512,
        rate=0.04,
        settings=MOMENTUM
        | {"epochs": 68, "weight_decay": 2e-4, "sched": "polynomial", "resize": (256 / 227, 256 / 227)},
    ),
    "darknet19": Training(
        source="Redmon and Farhadi 2016, arXiv:1612.08242, sec. 3, checked against a summary; batch, sizes, turns and "
        "colours are those of the authors' file, recalled",
        batch=128,
        rate=0.1,
        settings=MOMENTUM
        | {"epochs": 160, "weight_decay": 5e-4, "sched": "polynomial", "power": 4.0}
        | {"resize": (1.0, 2.0), "rotate": 7.0, "color_jitter": 0.75},
        departs="the ten epochs at 448 pixels are left out; brightness stands for the paper's exposure, hue stays",
    ),
    "darknet53*": Training(
        source="Redmon and Farhadi 2018, arXiv:1804.02767: the authors' file, 800,000 steps; recalled",
        batch=128,
        rate=0.1,
        settings=MOMENTUM
        | {"epochs": 80, "weight_decay": 5e-4, "sched": "polynomial", "power": 4.0}
        | {"resize": (1.0, 1.75), "rotate": 7.0, "color_jitter": 0.75},
        departs="brightness stands for the authors' exposure, hue stays",
    ),
}
