"""The layouts of EfficientNetV2, whose first stages are fused."""

from __future__ import annotations

from collections.abc import Callable

from topfive.weights.layout import Layout, of_stages

_FUSED = 3  # stages


def _torchvision(stages: int) -> Layout:
    """By the number of stages: six in S, seven in M and L."""

    def block(part: str) -> Callable[[int, int], str]:
        return lambda stage, position: f"features.{stage + 1}.{position}.block.{part}"

    def project(leaf: int) -> Callable[[int, int], str]:
        return lambda stage, position: block(f"{1 if stage < _FUSED else 3}.{leaf}")(stage, position)

    return Layout(
        "torchvision",
        f"EfficientNetV2 of {stages} stages",
        marks=("features.0.0.weight", "features.4.0.block.2.fc1.weight", f"features.{stages + 1}.0.weight"),
        rules=(
            ("stem.conv", "features.0.0"),
            ("stem.norm", "features.0.1"),
            ("stages.#.#.fused.conv", block("0.0")),
            ("stages.#.#.fused.norm", block("0.1")),
            ("stages.#.#.expand.conv", block("0.0")),
            ("stages.#.#.expand.norm", block("0.1")),
            ("stages.#.#.depthwise.conv", block("1.0")),
            ("stages.#.#.depthwise.norm", block("1.1")),
            ("stages.#.#.squeeze_excite.reduce", block("2.fc1")),
            ("stages.#.#.squeeze_excite.expand", block("2.fc2")),
            ("stages.#.#.project.conv", project(0)),
            ("stages.#.#.project.norm", project(1)),
            ("last.conv", f"features.{stages + 1}.0"),
            ("last.norm", f"features.{stages + 1}.1"),
            ("head", "classifier.1"),
        ),
        differs=of_stages(stages),
    )


TIMM = Layout(
    "timm",
    "EfficientNetV2",
    marks=("conv_stem.weight", "blocks.0.0.conv.weight", "blocks.1.0.conv_exp.weight"),
    rules=(
        ("stem.conv", "conv_stem"),
        ("stem.norm", "bn1"),
        ("stages.0.#.fused.conv", lambda block: f"blocks.0.{block}.conv"),
        ("stages.0.#.fused.norm", lambda block: f"blocks.0.{block}.bn1"),
        ("stages.#.#.fused.conv", lambda stage, block: f"blocks.{stage}.{block}.conv_exp"),
        ("stages.#.#.fused.norm", lambda stage, block: f"blocks.{stage}.{block}.bn1"),
        ("stages.#.#.expand.conv", lambda stage, block: f"blocks.{stage}.{block}.conv_pw"),
        ("stages.#.#.expand.norm", lambda stage, block: f"blocks.{stage}.{block}.bn1"),
        ("stages.#.#.depthwise.conv", lambda stage, block: f"blocks.{stage}.{block}.conv_dw"),
        ("stages.#.#.depthwise.norm", lambda stage, block: f"blocks.{stage}.{block}.bn2"),
        ("stages.#.#.squeeze_excite.reduce", lambda stage, block: f"blocks.{stage}.{block}.se.conv_reduce"),
        ("stages.#.#.squeeze_excite.expand", lambda stage, block: f"blocks.{stage}.{block}.se.conv_expand"),
        ("stages.#.#.project.conv", lambda stage, block: f"blocks.{stage}.{block}.conv_pwl"),
        (
            "stages.#.#.project.norm",
            lambda stage, block: f"blocks.{stage}.{block}.bn{2 if stage < _FUSED else 3}",
        ),
        ("last.conv", "conv_head"),
        ("last.norm", "bn2"),
        ("head", "classifier"),
    ),
)

EFFICIENTNET_V2: tuple[Layout, ...] = (_torchvision(6), _torchvision(7), TIMM)
