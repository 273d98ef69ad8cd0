"""The layouts of ResNet's descendants."""

from __future__ import annotations

from topfive.weights.layout import Layout

DENSENET = Layout(
    "torchvision (or timm)",
    "DenseNet",
    marks=("features.conv0.weight", "features.denseblock1.denselayer1.norm1.weight"),
    rules=(
        ("stem.conv", "features.conv0"),
        ("stem.norm", "features.norm0"),
        (
            "stages.#.#.composite.#.norm",
            lambda stage, layer, part: f"features.denseblock{stage + 1}.denselayer{layer + 1}.norm{part + 1}",
        ),
        (
            "stages.#.#.composite.#.conv",
            lambda stage, layer, part: f"features.denseblock{stage + 1}.denselayer{layer + 1}.conv{part + 1}",
        ),
        ("stages.#.transition.norm", lambda stage: f"features.transition{stage + 1}.norm"),
        ("stages.#.transition.conv", lambda stage: f"features.transition{stage + 1}.conv"),
        ("last.norm", "features.norm5"),
        ("head", "classifier"),
    ),
)

DESCENDANTS = (DENSENET,)
