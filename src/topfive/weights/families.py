"""The layouts we know: for each family and library, our module names and theirs."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from topfive.weights.cells import CELLS
from topfive.weights.descendants import DESCENDANTS
from topfive.weights.efficientnet_v2 import EFFICIENTNET_V2
from topfive.weights.inceptions import INCEPTIONS
from topfive.weights.layout import Layout
from topfive.weights.mobile import MOBILE
from topfive.weights.pixels_and_tokens import PIXELS_AND_TOKENS

ALEXNET = Layout(
    "torchvision",
    "AlexNet",
    marks=("features.0.weight", "features.10.weight", "classifier.1.weight", "classifier.4.weight"),
    rules=(
        ("trunk.conv1", "features.0"),
        ("trunk.conv2", "features.3"),
        ("trunk.conv3", "features.6"),
        ("trunk.conv4", "features.8"),
        ("trunk.conv5", "features.10"),
        ("hidden.fc6", "classifier.1"),
        ("hidden.fc7", "classifier.4"),
        ("head", "classifier.6"),
    ),
)

# A stage of theirs is its layers of two or three modules each, and one pooling.
_VGG_PLAIN = (("stages.#.#.conv", lambda stage, layer: f"features.{2 * layer + stage}"),)
_VGG_NORMALISED = (
    ("stages.#.#.conv", lambda stage, layer: f"features.{3 * layer + stage}"),
    ("stages.#.#.norm", lambda stage, layer: f"features.{3 * layer + stage + 1}"),
)
_VGG_TORCHVISION = (("hidden.fc6", "classifier.0"), ("hidden.fc7", "classifier.3"), ("head", "classifier.6"))
_VGG_TIMM = (("hidden.fc6", "pre_logits.fc1"), ("hidden.fc7", "pre_logits.fc2"), ("head", "head.fc"))

_VGG_MAPS = {"hidden.fc6.weight": (7, 7), "hidden.fc7.weight": (1, 1)}

VGG = tuple(
    Layout(library, family, marks=(*marks, *more), rules=(*layers, *last), through=True, maps=maps)
    for library, marks, last, maps in (
        ("torchvision", ("features.0.weight", "classifier.0.weight", "classifier.3.weight"), _VGG_TORCHVISION, {}),
        ("timm", ("features.0.weight", "pre_logits.fc1.weight"), _VGG_TIMM, _VGG_MAPS),
    )
    for family, more, layers in (
        ("VGG with normalisation", ("features.1.running_mean",), _VGG_NORMALISED),
        ("VGG", (), _VGG_PLAIN),
    )
)

RESNET = Layout(
    "torchvision (or timm)",
    "ResNet",
    marks=("conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight"),
    rules=(
        ("stem.conv", "conv1"),
        ("stem.norm", "bn1"),
        ("stages.#.#.branch.#.conv", lambda stage, block, part: f"layer{stage + 1}.{block}.conv{part + 1}"),
        ("stages.#.#.branch.#.norm", lambda stage, block, part: f"layer{stage + 1}.{block}.bn{part + 1}"),
        ("stages.#.#.shortcut.conv", lambda stage, block: f"layer{stage + 1}.{block}.downsample.0"),
        ("stages.#.#.shortcut.norm", lambda stage, block: f"layer{stage + 1}.{block}.downsample.1"),
        ("head", "fc"),
    ),
)


def _has(activation: type[nn.Module]) -> Callable[[nn.Module], str]:
    """MnasNet has the same tensors as both that follow, and another activation."""
    return lambda model: (
        "" if any(isinstance(module, activation) for module in model.modules()) else f"theirs has {activation.__name__}"
    )


# In the networks of inverted residuals the blocks of the first stage have no expansion, which shifts what follows it.
MOBILENET_V2_TORCHVISION = Layout(
    "torchvision",
    "MobileNetV2",
    marks=("features.0.0.weight", "features.1.conv.0.0.weight"),
    rules=(
        ("stem.conv", "features.0.0"),
        ("stem.norm", "features.0.1"),
        ("stages.0.#.depthwise.conv", lambda block: f"features.{block + 1}.conv.0.0"),
        ("stages.0.#.depthwise.norm", lambda block: f"features.{block + 1}.conv.0.1"),
        ("stages.0.#.project.conv", lambda block: f"features.{block + 1}.conv.1"),
        ("stages.0.#.project.norm", lambda block: f"features.{block + 1}.conv.2"),
        ("stages.#.#.expand.conv", lambda _, block: f"features.{block + 1}.conv.0.0"),
        ("stages.#.#.expand.norm", lambda _, block: f"features.{block + 1}.conv.0.1"),
        ("stages.#.#.depthwise.conv", lambda _, block: f"features.{block + 1}.conv.1.0"),
        ("stages.#.#.depthwise.norm", lambda _, block: f"features.{block + 1}.conv.1.1"),
        ("stages.#.#.project.conv", lambda _, block: f"features.{block + 1}.conv.2"),
        ("stages.#.#.project.norm", lambda _, block: f"features.{block + 1}.conv.3"),
        ("last.conv", "features.18.0"),
        ("last.norm", "features.18.1"),
        ("head", "classifier.1"),
    ),
    through=True,
    differs=_has(nn.ReLU6),
)

EFFICIENTNET_TORCHVISION = Layout(
    "torchvision",
    "EfficientNet",
    marks=("features.0.0.weight", "features.1.0.block.1.fc1.weight"),
    rules=(
        ("stem.conv", "features.0.0"),
        ("stem.norm", "features.0.1"),
        ("stages.0.#.depthwise.conv", lambda block: f"features.1.{block}.block.0.0"),
        ("stages.0.#.depthwise.norm", lambda block: f"features.1.{block}.block.0.1"),
        ("stages.0.#.squeeze_excite.reduce", lambda block: f"features.1.{block}.block.1.fc1"),
        ("stages.0.#.squeeze_excite.expand", lambda block: f"features.1.{block}.block.1.fc2"),
        ("stages.0.#.project.conv", lambda block: f"features.1.{block}.block.2.0"),
        ("stages.0.#.project.norm", lambda block: f"features.1.{block}.block.2.1"),
        ("stages.#.#.expand.conv", lambda stage, block: f"features.{stage + 1}.{block}.block.0.0"),
        ("stages.#.#.expand.norm", lambda stage, block: f"features.{stage + 1}.{block}.block.0.1"),
        ("stages.#.#.depthwise.conv", lambda stage, block: f"features.{stage + 1}.{block}.block.1.0"),
        ("stages.#.#.depthwise.norm", lambda stage, block: f"features.{stage + 1}.{block}.block.1.1"),
        ("stages.#.#.squeeze_excite.reduce", lambda stage, block: f"features.{stage + 1}.{block}.block.2.fc1"),
        ("stages.#.#.squeeze_excite.expand", lambda stage, block: f"features.{stage + 1}.{block}.block.2.fc2"),
        ("stages.#.#.project.conv", lambda stage, block: f"features.{stage + 1}.{block}.block.3.0"),
        ("stages.#.#.project.norm", lambda stage, block: f"features.{stage + 1}.{block}.block.3.1"),
        ("last.conv", "features.8.0"),
        ("last.norm", "features.8.1"),
        ("head", "classifier.1"),
    ),
    differs=_has(nn.SiLU),
)

INVERTED_RESIDUALS_TIMM = Layout(
    "timm",
    "MobileNetV2 or EfficientNet",
    marks=("conv_stem.weight", "bn2.weight", "blocks.0.0.conv_dw.weight", "blocks.1.0.conv_pwl.weight"),
    rules=(
        ("stem.conv", "conv_stem"),
        ("stem.norm", "bn1"),
        ("stages.0.#.depthwise.conv", lambda block: f"blocks.0.{block}.conv_dw"),
        ("stages.0.#.depthwise.norm", lambda block: f"blocks.0.{block}.bn1"),
        ("stages.0.#.project.conv", lambda block: f"blocks.0.{block}.conv_pw"),
        ("stages.0.#.project.norm", lambda block: f"blocks.0.{block}.bn2"),
        ("stages.#.#.expand.conv", lambda stage, block: f"blocks.{stage}.{block}.conv_pw"),
        ("stages.#.#.expand.norm", lambda stage, block: f"blocks.{stage}.{block}.bn1"),
        ("stages.#.#.depthwise.conv", lambda stage, block: f"blocks.{stage}.{block}.conv_dw"),
        ("stages.#.#.depthwise.norm", lambda stage, block: f"blocks.{stage}.{block}.bn2"),
        ("stages.#.#.squeeze_excite.reduce", lambda stage, block: f"blocks.{stage}.{block}.se.conv_reduce"),
        ("stages.#.#.squeeze_excite.expand", lambda stage, block: f"blocks.{stage}.{block}.se.conv_expand"),
        ("stages.#.#.project.conv", lambda stage, block: f"blocks.{stage}.{block}.conv_pwl"),
        ("stages.#.#.project.norm", lambda stage, block: f"blocks.{stage}.{block}.bn3"),
        ("last.conv", "conv_head"),
        ("last.norm", "bn2"),
        ("head", "classifier"),
    ),
)

EFFICIENTNET_PYTORCH = Layout(
    "efficientnet-pytorch",
    "EfficientNet",
    marks=("_conv_stem.weight", "_blocks.0._depthwise_conv.weight"),
    rules=(
        ("stem.conv", "_conv_stem"),
        ("stem.norm", "_bn0"),
        ("stages.#.#.expand.conv", lambda _, block: f"_blocks.{block}._expand_conv"),
        ("stages.#.#.expand.norm", lambda _, block: f"_blocks.{block}._bn0"),
        ("stages.#.#.depthwise.conv", lambda _, block: f"_blocks.{block}._depthwise_conv"),
        ("stages.#.#.depthwise.norm", lambda _, block: f"_blocks.{block}._bn1"),
        ("stages.#.#.squeeze_excite.reduce", lambda _, block: f"_blocks.{block}._se_reduce"),
        ("stages.#.#.squeeze_excite.expand", lambda _, block: f"_blocks.{block}._se_expand"),
        ("stages.#.#.project.conv", lambda _, block: f"_blocks.{block}._project_conv"),
        ("stages.#.#.project.norm", lambda _, block: f"_blocks.{block}._bn2"),
        ("last.conv", "_conv_head"),
        ("last.norm", "_bn1"),
        ("head", "_fc"),
    ),
    through=True,
)

LAYOUTS: tuple[Layout, ...] = (
    ALEXNET,
    *VGG,
    RESNET,
    *DESCENDANTS,
    *INCEPTIONS,
    MOBILENET_V2_TORCHVISION,
    EFFICIENTNET_TORCHVISION,
    INVERTED_RESIDUALS_TIMM,
    EFFICIENTNET_PYTORCH,
    *MOBILE,
    *CELLS,
    *EFFICIENTNET_V2,
    *PIXELS_AND_TOKENS,
)
