from __future__ import annotations

import dataclasses

import pytest

from topfive.data import open_data
from topfive.errors import UsageError
from topfive.models import list_models, spec
from topfive.recipe import Recipe, differences, recipe_from
from topfive.train.recipes import RECIPES, recipe_named


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"epoch": 3}, "did you mean 'epochs'"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": 2.5}, "epochs"),
        ({"lr": float("nan")}, "lr"),
        ({"lr": -1}, "lr"),
        ({"opt": "adam"}, "opt"),
        ({"momentum": 1.0}, "momentum"),
        ({"hflip": 1.5}, "hflip"),
        ({"scale": (0.5, 0.2)}, "scale"),
        ({"epochs": 2, "warmup_epochs": 3}, "warmup_epochs"),
        ({"epochs": 2, "freeze_epochs": 3}, "freeze_epochs"),
        ({"batch_size": 10, "grad_accum_steps": 3}, "grad_accum_steps"),
        ({"batch_size": 10, "aug_repeats": 4}, "aug_repeats"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_cannot_be_meant_is_named(settings, named):
    with pytest.raises(UsageError, match=named):
        recipe_from({"model": "lenet5", **settings})


def test_a_recipe_survives_its_dictionary():
    recipe = recipe_from({"model": "lenet5", "scale": [0.5, 1], "lr": 0.01})
    assert recipe_from(dataclasses.asdict(recipe)) == recipe


def test_every_field_changes_the_digest():
    base = Recipe(model="lenet5")
    other = {
        "model": "vgg11", "epochs": 7, "time": 60.0, "batch_size": 4, "grad_accum_steps": 2, "aug_repeats": 2,
        "sampler": "balanced", "opt": "adamw", "lr": 0.5, "momentum": 0.1, "weight_decay": 0.1, "bias_decay": True,
        "layer_decay": 0.5, "freeze_epochs": 1.0, "clip_grad": 1.0, "model_ema": 0.9, "zero_gamma": True, "amp": True,
        "sched": "step", "warmup_epochs": 1.0, "decay_epochs": 3.0, "decay_milestones": (3.0, 5.0), "decay_rate": 0.5,
        "power": 2.0, "loss": "rbf_mse", "smoothing": 0.1, "class_weights": "balanced", "auxiliary": True,
        "teacher": "runs/a", "teacher_share": 0.1, "teacher_temperature": 4.0, "drop": 0.1, "drop_path": 0.1,
        "img_size": 64, "start_size": 16, "scale": (0.5, 1.0), "resize": (1.5, 2.0), "shift": 1, "rotate": 5.0,
        "hflip": 0.5, "vflip": 0.5, "aa": "trivial", "color_jitter": 0.1, "lighting": 0.1, "reprob": 0.1, "mixup": 0.2,
        "cutmix": 1.0, "weights": "imagenet", "seed": 1,
    }  # fmt: skip
    assert set(other) == {field.name for field in dataclasses.fields(Recipe)}
    digests = {dataclasses.replace(base, **{name: value}).digest() for name, value in other.items()}
    assert len(digests | {base.digest()}) == len(other) + 1


def test_differences_name_both_values():
    old, new = Recipe(model="lenet5"), Recipe(model="lenet5", lr=0.2)
    assert differences(old, new) == {"lr": (0.1, 0.2)}


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_network_has_every_recipe(recipe):
    splits = open_data("digits")
    for name in list_models()[:: 16 if recipe in ("bag-of-tricks", "modern") else 1]:  # these look into the network
        found = recipe_named(recipe, spec(name), splits)
        assert found.model == name
        assert found.hflip == 0, "a mirrored digit is another digit"
        assert found.smoke().epochs == 1


def test_an_unknown_recipe_is_named():
    with pytest.raises(UsageError, match="did you mean 'quick'"):
        recipe_named("quik", spec("lenet5"), open_data("digits"))
