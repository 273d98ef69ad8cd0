"""The optimizers, with no decay on biases and norms."""

from __future__ import annotations

from torch import nn, optim

from topfive.train.recipe import Recipe


def make_optimizer(model: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """SGD with Nesterov momentum, RMSProp as in the MobileNet and EfficientNet papers, or AdamW.

    One-dimensional parameters (biases, norms' scales) are not decayed (He et al. 2018, arXiv:1812.01187, sec. 3.1).
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    match recipe.opt:
        case "sgd":
            return optim.SGD(groups, recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0, fused=True)
        case "rmsprop":
            # Decay 0.9 as in MobileNetV2 (sec. 6.1) and EfficientNet (sec. 5); epsilon 1e-3 as in their released code.
            return optim.RMSprop(groups, recipe.lr, alpha=0.9, eps=1e-3, momentum=recipe.momentum, foreach=True)
        case "adamw":
            return optim.AdamW(groups, recipe.lr, fused=True)
