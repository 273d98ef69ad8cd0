"""Which parameters move, by which rule, and how fast next to one another."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn, optim

from topfive.nn.classifier import Classifier
from topfive.nn.depth import depth_groups
from topfive.recipe import Recipe
from topfive.train.lamb import Lamb
from topfive.train.lion import Lion
from topfive.train.muon import Muon
from topfive.train.rmsprop import RMSProp


def make_optimizer(model: Classifier, recipe: Recipe) -> optim.Optimizer:
    """The optimizer that the recipe names, over groups of parameters with a `share` of the rate each."""
    groups = parameter_groups(model, recipe)
    match recipe.opt:
        case "sgd":
            return _sgd(groups, recipe, nesterov=recipe.momentum > 0)
        case "momentum":
            return _sgd(groups, recipe, nesterov=False)
        case "rmsprop":
            return RMSProp(groups, recipe.lr, momentum=recipe.momentum)
        case "adamw":
            return optim.AdamW(groups, recipe.lr, fused=True)
        case "lion":
            return Lion(groups, recipe.lr)
        case "lamb":
            return Lamb(groups, recipe.lr)
        case "muon":
            return Muon(groups, recipe.lr, recipe.momentum)


def _sgd(groups: list[dict[str, Any]], recipe: Recipe, nesterov: bool) -> optim.Optimizer:
    optimizer = optim.SGD(groups, recipe.lr, momentum=recipe.momentum, nesterov=nesterov, fused=True)
    if recipe.momentum or recipe.sched == "onecycle":
        # All have a memory or none: the fused step does not know parameters that join later, after a freeze.
        for parameter in (each for group in groups for each in group["params"]):
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def parameter_groups(model: Classifier, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameters by their decay and their share of the rate.

    One-dimensional parameters (biases, norms' scales) are not decayed (He et al. 2018, arXiv:1812.01187, sec. 3.1)
    unless the recipe says so.  With `layer_decay` each group of layers moves by that factor less than the one above
    (Clark et al. 2020, arXiv:2003.10555, appendix A).
    """
    layers = [list(model.parameters())] if recipe.layer_decay == 1 else depth_groups(model)
    groups = []
    for above, parameters in enumerate(reversed(layers)):
        learnt = [parameter for parameter in parameters if parameter.requires_grad]
        matrices = [p for p in learnt if p.ndim > 1 or recipe.bias_decay]
        vectors = [p for p in learnt if p.ndim <= 1 and not recipe.bias_decay]
        for members, decay in ((matrices, recipe.weight_decay), (vectors, 0.0)):
            if members:
                groups.append({"params": members, "weight_decay": decay, "share": recipe.layer_decay**above})
    return groups


def set_rates(optimizer: optim.Optimizer, rate: float, momentum: float) -> None:
    """Every group's rate and momentum for the step to come."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["share"]
        if "momentum" in group:
            group["momentum"] = momentum


def freeze(model: nn.Module, head: nn.Module, frozen: bool) -> None:
    """Let only `head` learn, or everything; what does not learn keeps its running statistics too."""
    for parameter in model.parameters():
        parameter.requires_grad_(not frozen)
    head.requires_grad_(True)
    if frozen:
        model.eval()
        head.train()
