"""The names that keras.applications gives to the layers of the networks that we have too."""

from __future__ import annotations

from topfive.weights.keras_arithmetic import first_strides, tensorflow, wide_epsilon
from topfive.weights.keras_cells import NASNET
from topfive.weights.keras_inceptions import INCEPTION_RESNET_V2, INCEPTION_V3
from topfive.weights.keras_recent import CONVNEXT, EFFICIENTNET_V2, MOBILENET_V3, letter
from topfive.weights.layout import Layout

VGG = Layout(
    "keras",
    "VGG",
    marks=("block1_conv1.weight", "block5_conv2.weight"),
    rules=(
        ("stages.#.#.conv", lambda stage, layer: f"block{stage + 1}_conv{layer + 1}"),
        ("hidden.fc6", "fc1"),
        ("hidden.fc7", "fc2"),
        ("head", "predictions"),
    ),
)

RESNET = Layout(
    "keras",
    "ResNet",
    marks=("conv1_conv.weight", "conv2_block1_1_conv.weight", "conv2_block1_3_bn.weight"),
    rules=(
        ("stem.conv", "conv1_conv"),
        ("stem.norm", "conv1_bn"),
        ("stages.#.#.branch.#.conv", lambda stage, block, part: f"conv{stage + 2}_block{block + 1}_{part + 1}_conv"),
        ("stages.#.#.branch.#.norm", lambda stage, block, part: f"conv{stage + 2}_block{block + 1}_{part + 1}_bn"),
        ("stages.#.#.shortcut.conv", lambda stage, block: f"conv{stage + 2}_block{block + 1}_0_conv"),
        ("stages.#.#.shortcut.norm", lambda stage, block: f"conv{stage + 2}_block{block + 1}_0_bn"),
        ("head", "predictions"),
    ),
    differs=first_strides,
)

DENSENET = Layout(
    "keras",
    "DenseNet",
    marks=("conv1_conv.weight", "conv2_block1_0_bn.weight", "pool2_bn.weight"),
    rules=(
        ("stem.conv", "conv1_conv"),
        ("stem.norm", "conv1_bn"),
        (
            "stages.#.#.composite.#.norm",
            lambda stage, layer, part: f"conv{stage + 2}_block{layer + 1}_{part}_bn",
        ),
        (
            "stages.#.#.composite.#.conv",
            lambda stage, layer, part: f"conv{stage + 2}_block{layer + 1}_{part + 1}_conv",
        ),
        ("stages.#.transition.norm", lambda stage: f"pool{stage + 2}_bn"),
        ("stages.#.transition.conv", lambda stage: f"pool{stage + 2}_conv"),
        ("last.norm", "bn"),
        ("head", "predictions"),
    ),
)


def _mobile(block: int) -> str:
    return f"block_{block}" if block else "expanded_conv"


MOBILENET_V2 = Layout(
    "keras",
    "MobileNetV2",
    marks=("Conv1.weight", "expanded_conv_depthwise.weight", "Conv_1.weight"),
    rules=(
        ("stem.conv", "Conv1"),
        ("stem.norm", "bn_Conv1"),
        ("stages.#.#.expand.conv", lambda _, block: f"{_mobile(block)}_expand"),
        ("stages.#.#.expand.norm", lambda _, block: f"{_mobile(block)}_expand_BN"),
        ("stages.#.#.depthwise.conv", lambda _, block: f"{_mobile(block)}_depthwise"),
        ("stages.#.#.depthwise.norm", lambda _, block: f"{_mobile(block)}_depthwise_BN"),
        ("stages.#.#.project.conv", lambda _, block: f"{_mobile(block)}_project"),
        ("stages.#.#.project.norm", lambda _, block: f"{_mobile(block)}_project_BN"),
        ("last.conv", "Conv_1"),
        ("last.norm", "Conv_1_bn"),
        ("head", "predictions"),
    ),
    through=True,
    differs=tensorflow,
)

EFFICIENTNET = Layout(
    "keras",
    "EfficientNet",
    marks=("stem_conv.weight", "block1a_dwconv.weight", "top_conv.weight"),
    rules=(
        ("stem.conv", "stem_conv"),
        ("stem.norm", "stem_bn"),
        ("stages.#.#.expand.conv", lambda stage, block: f"block{stage + 1}{letter(block)}_expand_conv"),
        ("stages.#.#.expand.norm", lambda stage, block: f"block{stage + 1}{letter(block)}_expand_bn"),
        ("stages.#.#.depthwise.conv", lambda stage, block: f"block{stage + 1}{letter(block)}_dwconv"),
        ("stages.#.#.depthwise.norm", lambda stage, block: f"block{stage + 1}{letter(block)}_bn"),
        ("stages.#.#.squeeze_excite.reduce", lambda stage, block: f"block{stage + 1}{letter(block)}_se_reduce"),
        ("stages.#.#.squeeze_excite.expand", lambda stage, block: f"block{stage + 1}{letter(block)}_se_expand"),
        ("stages.#.#.project.conv", lambda stage, block: f"block{stage + 1}{letter(block)}_project_conv"),
        ("stages.#.#.project.norm", lambda stage, block: f"block{stage + 1}{letter(block)}_project_bn"),
        ("last.conv", "top_conv"),
        ("last.norm", "top_bn"),
        ("head", "predictions"),
    ),
    differs=tensorflow,
)

MOBILENET = Layout(
    "keras",
    "MobileNet",
    marks=("conv1.weight", "conv_dw_1.weight", "conv_pw_13.weight"),
    rules=(
        ("stem.conv", "conv1"),
        ("stem.norm", "conv1_bn"),
        ("stages.#.#.depthwise.conv", lambda _, block: f"conv_dw_{block + 1}"),
        ("stages.#.#.depthwise.norm", lambda _, block: f"conv_dw_{block + 1}_bn"),
        ("stages.#.#.pointwise.conv", lambda _, block: f"conv_pw_{block + 1}"),
        ("stages.#.#.pointwise.norm", lambda _, block: f"conv_pw_{block + 1}_bn"),
        ("head", "conv_preds"),
    ),
    through=True,
    differs=tensorflow,
)

# Four blocks have a projection in the shortcut, whose layers Keras only counts.
_PROJECTIONS = {0: 0, 1: 1, 2: 2, 11: 3}

XCEPTION = Layout(
    "keras",
    "Xception",
    marks=("block1_conv1.weight", "block2_sepconv1.pointwise.weight"),
    rules=(
        ("stem.#.conv", lambda part: f"block1_conv{part + 1}"),
        ("stem.#.norm", lambda part: f"block1_conv{part + 1}_bn"),
        (
            "stages.#.#.branch.#.depthwise",
            lambda _, block, part: f"block{block + 2}_sepconv{part // 2 + 1}.depthwise",
        ),
        (
            "stages.#.#.branch.#.pointwise",
            lambda _, block, part: f"block{block + 2}_sepconv{part // 2 + 1}.pointwise",
        ),
        ("stages.#.#.branch.#.norm", lambda _, block, part: f"block{block + 2}_sepconv{part // 2 + 1}_bn"),
        ("stages.#.#.shortcut.conv", lambda _, block: f"conv2d_{_PROJECTIONS[block]}"),
        ("stages.#.#.shortcut.norm", lambda _, block: f"batch_normalization_{_PROJECTIONS[block]}"),
        ("last.#.depthwise", lambda part: f"block14_sepconv{part // 2 + 1}.depthwise"),
        ("last.#.pointwise", lambda part: f"block14_sepconv{part // 2 + 1}.pointwise"),
        ("last.#.norm", lambda part: f"block14_sepconv{part // 2 + 1}_bn"),
        ("head", "predictions"),
    ),
    through=True,
    differs=wide_epsilon,
)

KERAS: tuple[Layout, ...] = (
    VGG,
    DENSENET,
    RESNET,
    MOBILENET_V2,
    EFFICIENTNET,
    EFFICIENTNET_V2,
    MOBILENET,
    *MOBILENET_V3,
    XCEPTION,
    INCEPTION_V3,
    INCEPTION_RESNET_V2,
    *NASNET,
    CONVNEXT,
)
