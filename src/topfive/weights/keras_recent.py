"""The names that keras.applications gives to the layers of MobileNetV3, EfficientNetV2 and ConvNeXt."""

from __future__ import annotations

from collections.abc import Callable

from topfive.weights.keras_arithmetic import tensorflow
from topfive.weights.layout import Layout


def letter(block: int) -> str:
    return chr(ord("a") + block)


def _mobilenet_v3(conv: str, norm: str, head: str) -> Layout:
    """By what it calls a convolution without a name of its own, a normalisation, and the last layer."""

    def block(leaf: str) -> Callable[[int, int], str]:
        return lambda number, _: f"expanded_conv_{number}_{leaf}" if number else f"expanded_conv_{leaf}"

    return Layout(
        "keras",
        "MobileNetV3",
        marks=(f"{conv}.weight", "expanded_conv_depthwise.weight", "expanded_conv_10_project.weight"),
        rules=(
            ("stem.conv", conv),
            ("stem.norm", f"{conv}_{norm}"),
            ("stages.#.#.expand.conv", block("expand")),
            ("stages.#.#.expand.norm", block(f"expand_{norm}")),
            ("stages.#.#.depthwise.conv", block("depthwise")),
            ("stages.#.#.depthwise.norm", block(f"depthwise_{norm}")),
            ("stages.#.#.squeeze_excite.reduce", block(f"squeeze_excite_{conv}")),
            ("stages.#.#.squeeze_excite.expand", block(f"squeeze_excite_{conv}_1")),
            ("stages.#.#.project.conv", block("project")),
            ("stages.#.#.project.norm", block(f"project_{norm}")),
            ("last.conv", f"{conv}_1"),
            ("last.norm", f"{conv}_1_{norm}"),
            ("hidden.linear", f"{conv}_2"),
            ("head", head),
        ),
        differs=tensorflow,
    )


# Keras 2 wrote "Conv/BatchNorm" and "Logits", the second of which keras.py renames as MobileNetV2's.
MOBILENET_V3 = (_mobilenet_v3("conv", "bn", "logits"), _mobilenet_v3("Conv", "BatchNorm", "predictions"))


def _in_block(leaf: str) -> Callable[[int, int], str]:
    return lambda stage, block: f"block{stage + 1}{letter(block)}_{leaf}"


EFFICIENTNET_V2 = Layout(
    "keras",
    "EfficientNetV2",
    marks=("stem_conv.weight", "block2a_expand_conv.weight", "block4a_dwconv2.weight"),
    rules=(
        ("stem.conv", "stem_conv"),
        ("stem.norm", "stem_bn"),
        ("stages.0.#.fused.conv", lambda block: _in_block("project_conv")(0, block)),
        ("stages.0.#.fused.norm", lambda block: _in_block("project_bn")(0, block)),
        ("stages.#.#.fused.conv", _in_block("expand_conv")),
        ("stages.#.#.fused.norm", _in_block("expand_bn")),
        ("stages.#.#.expand.conv", _in_block("expand_conv")),
        ("stages.#.#.expand.norm", _in_block("expand_bn")),
        ("stages.#.#.depthwise.conv", _in_block("dwconv2")),
        ("stages.#.#.depthwise.norm", _in_block("bn")),
        ("stages.#.#.squeeze_excite.reduce", _in_block("se_reduce")),
        ("stages.#.#.squeeze_excite.expand", _in_block("se_expand")),
        ("stages.#.#.project.conv", _in_block("project_conv")),
        ("stages.#.#.project.norm", _in_block("project_bn")),
        ("last.conv", "top_conv"),
        ("last.norm", "top_bn"),
        ("head", "predictions"),
    ),
    differs=tensorflow,
)


def _convnext(leaf: str) -> Callable[[int, int], str]:
    return lambda stage, block: f"stage_{stage}_block_{block}_{leaf}"


# Every name begins with that of the network, which keras.py takes off.
CONVNEXT = Layout(
    "keras",
    "ConvNeXt",
    marks=("stem_layernorm.weight", "stage_0_block_0_depthwise_conv.weight"),
    rules=(
        ("stem.conv", "stem_conv"),
        ("stem.norm", "stem_layernorm"),
        ("stages.#.down.norm", lambda stage: f"downsampling_layernorm_{stage - 1}"),
        ("stages.#.down.conv", lambda stage: f"downsampling_conv_{stage - 1}"),
        ("stages.#.blocks.#.depthwise", _convnext("depthwise_conv")),
        ("stages.#.blocks.#.norm", _convnext("layernorm")),
        ("stages.#.blocks.#.expand", _convnext("pointwise_conv_1")),
        ("stages.#.blocks.#.project", _convnext("pointwise_conv_2")),
        ("stages.#.blocks.#.scale", _convnext("layer_scale.weight")),
        ("last", "head_layernorm"),
        ("head", "head_dense"),
    ),
)
