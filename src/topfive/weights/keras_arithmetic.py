"""What the networks of keras.applications compute that no name of a tensor shows: why a form of ours does not fit."""

from __future__ import annotations

from typing import cast

from torch import nn

from topfive.nn.conv import SameConv2d
from topfive.nn.pool import SameAvgPool2d, SameMaxPool2d

TENSORFLOW_EPSILON = 1e-3


def tensorflow(model: nn.Module) -> str:
    """Keras ports of TensorFlow's networks: SAME padding, and epsilon 1e-3."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    strided = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.stride[0] > 1 and m.kernel_size[0] > 1]
    if any(norm.eps != TENSORFLOW_EPSILON for norm in norms) or not all(isinstance(m, SameConv2d) for m in strided):
        return "Keras' pads and normalises as TensorFlow does, and this network does not: choose its tf_ form"
    return ""


def wide_epsilon(model: nn.Module) -> str:
    """The epsilon of TensorFlow, in a network whose strided convolutions have no padding, or are of 1x1."""
    epsilons = {module.eps for module in model.modules() if isinstance(module, nn.BatchNorm2d)}
    return "" if epsilons == {TENSORFLOW_EPSILON} else "Keras' has epsilon 1e-3 and SAME pooling: choose its tf_ form"


def means_of_pixels(model: nn.Module) -> str:
    """Average pooling under TensorFlow's SAME leaves the padding out of the mean."""
    counts = [m.count_include_pad for m in model.modules() if isinstance(m, nn.AvgPool2d) and m.padding]
    return "Keras' average pooling leaves the padding out: choose its tf_ form" if any(counts) else ""


def first_strides(model: nn.Module) -> str:
    """Keras has ResNet as published: the first 1x1 of a bottleneck strides."""
    conv = cast(nn.Conv2d, model.get_submodule("stages.1.0.branch.0.conv"))
    return "" if conv.kernel_size == (1, 1) and conv.stride == (2, 2) else "Keras' is the published form: choose _v1"


def zeros_in_pools(model: nn.Module) -> bool:
    """Keras lays zeros around what NASNet's reductions pool, and takes them for pixels."""
    return not any(isinstance(module, SameMaxPool2d | SameAvgPool2d) for module in model.modules())
