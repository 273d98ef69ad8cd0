"""The layouts of the small networks: MobileNet, ShuffleNet, MnasNet, EfficientNetV2."""

from __future__ import annotations

from topfive.weights.layout import Layout

MOBILENET_TIMM = Layout(
    "timm",
    "MobileNet",
    marks=("conv_stem.weight", "blocks.1.0.conv_dw.weight", "blocks.1.0.conv_pw.weight"),
    rules=(
        ("stem.conv", "conv_stem"),
        ("stem.norm", "bn1"),
        ("stages.#.#.depthwise.conv", lambda stage, block: f"blocks.{stage}.{block}.conv_dw"),
        ("stages.#.#.depthwise.norm", lambda stage, block: f"blocks.{stage}.{block}.bn1"),
        ("stages.#.#.pointwise.conv", lambda stage, block: f"blocks.{stage}.{block}.conv_pw"),
        ("stages.#.#.pointwise.norm", lambda stage, block: f"blocks.{stage}.{block}.bn2"),
        ("head", "classifier"),
    ),
)

SHUFFLENET_V2 = Layout(
    "torchvision",
    "ShuffleNetV2",
    marks=("conv1.0.weight", "stage2.0.branch1.0.weight", "conv5.0.weight"),
    rules=(
        ("stem.conv", "conv1.0"),
        ("stem.norm", "conv1.1"),
        ("stages.#.#.shortcut.0.conv", lambda stage, unit: f"stage{stage + 2}.{unit}.branch1.0"),
        ("stages.#.#.shortcut.0.norm", lambda stage, unit: f"stage{stage + 2}.{unit}.branch1.1"),
        ("stages.#.#.shortcut.1.conv", lambda stage, unit: f"stage{stage + 2}.{unit}.branch1.2"),
        ("stages.#.#.shortcut.1.norm", lambda stage, unit: f"stage{stage + 2}.{unit}.branch1.3"),
        ("stages.#.#.branch.0.conv", lambda stage, unit: f"stage{stage + 2}.{unit}.branch2.0"),
        ("stages.#.#.branch.0.norm", lambda stage, unit: f"stage{stage + 2}.{unit}.branch2.1"),
        ("stages.#.#.branch.1.conv", lambda stage, unit: f"stage{stage + 2}.{unit}.branch2.3"),
        ("stages.#.#.branch.1.norm", lambda stage, unit: f"stage{stage + 2}.{unit}.branch2.4"),
        ("stages.#.#.branch.2.conv", lambda stage, unit: f"stage{stage + 2}.{unit}.branch2.5"),
        ("stages.#.#.branch.2.norm", lambda stage, unit: f"stage{stage + 2}.{unit}.branch2.6"),
        ("last.conv", "conv5.0"),
        ("last.norm", "conv5.1"),
        ("head", "fc"),
    ),
)

MOBILE: tuple[Layout, ...] = (SHUFFLENET_V2, MOBILENET_TIMM)
