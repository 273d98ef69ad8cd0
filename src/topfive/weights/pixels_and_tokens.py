"""The layouts of the networks with layer normalisation: ConvNeXt and the vision transformers."""

from __future__ import annotations

from topfive.weights.layout import Layout

CONVNEXT = (
    Layout(
        "torchvision",
        "ConvNeXt",
        marks=("features.0.0.weight", "features.1.0.layer_scale"),
        rules=(
            ("stem.conv", "features.0.0"),
            ("stem.norm", "features.0.1"),
            ("stages.#.down.norm", lambda stage: f"features.{2 * stage}.0"),
            ("stages.#.down.conv", lambda stage: f"features.{2 * stage}.1"),
            ("stages.#.blocks.#.scale", lambda stage, block: f"features.{2 * stage + 1}.{block}.layer_scale"),
            ("stages.#.blocks.#.depthwise", lambda stage, block: f"features.{2 * stage + 1}.{block}.block.0"),
            ("stages.#.blocks.#.norm", lambda stage, block: f"features.{2 * stage + 1}.{block}.block.2"),
            ("stages.#.blocks.#.expand", lambda stage, block: f"features.{2 * stage + 1}.{block}.block.3"),
            ("stages.#.blocks.#.project", lambda stage, block: f"features.{2 * stage + 1}.{block}.block.5"),
            ("last", "classifier.0"),
            ("head", "classifier.2"),
        ),
        maps={"stages.#.blocks.#.scale": (1, 1)},
    ),
    Layout(
        "timm",
        "ConvNeXt",
        marks=("stem.0.weight", "stages.0.blocks.0.conv_dw.weight", "stages.0.blocks.0.mlp.fc1.weight"),
        rules=(
            ("stem.conv", "stem.0"),
            ("stem.norm", "stem.1"),
            ("stages.#.down.norm", lambda stage: f"stages.{stage}.downsample.0"),
            ("stages.#.down.conv", lambda stage: f"stages.{stage}.downsample.1"),
            ("stages.#.blocks.#.scale", lambda stage, block: f"stages.{stage}.blocks.{block}.gamma"),
            ("stages.#.blocks.#.depthwise", lambda stage, block: f"stages.{stage}.blocks.{block}.conv_dw"),
            ("stages.#.blocks.#.norm", lambda stage, block: f"stages.{stage}.blocks.{block}.norm"),
            ("stages.#.blocks.#.expand", lambda stage, block: f"stages.{stage}.blocks.{block}.mlp.fc1"),
            ("stages.#.blocks.#.project", lambda stage, block: f"stages.{stage}.blocks.{block}.mlp.fc2"),
            ("last", "head.norm"),
            ("head", "head.fc"),
        ),
    ),
)


def _layer(block: int) -> str:
    return f"encoder.layers.encoder_layer_{block}"


VIT = (
    Layout(
        "torchvision",
        "vision transformer",
        marks=("class_token", "conv_proj.weight", "encoder.pos_embedding"),
        rules=(
            ("class_token", "class_token"),
            ("positions", "encoder.pos_embedding"),
            ("patches", "conv_proj"),
            ("blocks.#.attention_norm", lambda block: f"{_layer(block)}.ln_1"),
            ("blocks.#.attention.qkv.weight", lambda block: f"{_layer(block)}.self_attention.in_proj_weight"),
            ("blocks.#.attention.qkv.bias", lambda block: f"{_layer(block)}.self_attention.in_proj_bias"),
            ("blocks.#.attention.project", lambda block: f"{_layer(block)}.self_attention.out_proj"),
            ("blocks.#.mlp_norm", lambda block: f"{_layer(block)}.ln_2"),
            ("blocks.#.mlp.expand", lambda block: f"{_layer(block)}.mlp.0"),
            ("blocks.#.mlp.project", lambda block: f"{_layer(block)}.mlp.3"),
            ("last", "encoder.ln"),
            ("head", "heads.head"),
        ),
    ),
    Layout(
        "timm",
        "vision transformer",
        marks=("cls_token", "pos_embed", "patch_embed.proj.weight"),
        rules=(
            ("class_token", "cls_token"),
            ("positions", "pos_embed"),
            ("patches", "patch_embed.proj"),
            ("blocks.#.attention_norm", lambda block: f"blocks.{block}.norm1"),
            ("blocks.#.attention.qkv", lambda block: f"blocks.{block}.attn.qkv"),
            ("blocks.#.attention.project", lambda block: f"blocks.{block}.attn.proj"),
            ("blocks.#.mlp_norm", lambda block: f"blocks.{block}.norm2"),
            ("blocks.#.mlp.expand", lambda block: f"blocks.{block}.mlp.fc1"),
            ("blocks.#.mlp.project", lambda block: f"blocks.{block}.mlp.fc2"),
            ("last", "norm"),
            ("head", "head"),
        ),
    ),
)

PIXELS_AND_TOKENS = (*CONVNEXT, *VIT)
