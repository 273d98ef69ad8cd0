"""The layouts of ResNet's descendants."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from topfive.weights.layout import Layout, Rule

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


def _bottlenecks(last: int) -> tuple[Rule, ...]:
    """The blocks of ResNet as most name them; `last` is the place of the shortcut's normalisation."""
    return (
        ("stages.#.#.branch.#.conv", lambda stage, block, part: f"layer{stage + 1}.{block}.conv{part + 1}"),
        ("stages.#.#.branch.#.norm", lambda stage, block, part: f"layer{stage + 1}.{block}.bn{part + 1}"),
        ("stages.#.#.branch.3.reduce", lambda stage, block: f"layer{stage + 1}.{block}.se_module.fc1"),
        ("stages.#.#.branch.3.expand", lambda stage, block: f"layer{stage + 1}.{block}.se_module.fc2"),
        ("stages.#.#.shortcut.conv", lambda stage, block: f"layer{stage + 1}.{block}.downsample.{last - 1}"),
        ("stages.#.#.shortcut.norm", lambda stage, block: f"layer{stage + 1}.{block}.downsample.{last}"),
        ("stages.#.#.shortcut.projection.conv", lambda stage, block: f"layer{stage + 1}.{block}.downsample.{last - 1}"),
        ("stages.#.#.shortcut.projection.norm", lambda stage, block: f"layer{stage + 1}.{block}.downsample.{last}"),
    )


SENET = Layout(
    "Cadene (or timm)",
    "SENet",
    marks=("layer0.conv1.weight", "layer1.0.se_module.fc1.weight"),
    rules=(
        ("stem.conv", "layer0.conv1"),
        ("stem.norm", "layer0.bn1"),
        ("stem.#.conv", lambda part: f"layer0.conv{part + 1}"),
        ("stem.#.norm", lambda part: f"layer0.bn{part + 1}"),
        *_bottlenecks(1),
        ("head", "last_linear"),
    ),
)


def _pooled(wanted: bool) -> Callable[[nn.Module], str]:
    """The rules for one form name the tensors of the other too; D pools in its shortcuts, before the projection."""

    def differs(model: nn.Module) -> str:
        has = any(name.endswith("shortcut.projection") for name, _ in model.named_modules())
        return "" if has == wanted else f"its shortcuts {'do not ' if wanted else ''}pool"

    return differs


# In timm's D form the pooling is the first part of the shortcut.
TRICKS = tuple(
    Layout(
        "timm",
        f"ResNet-{form}",
        marks=("conv1.0.weight", "layer1.0.conv1.weight", f"layer1.0.downsample.{last}.running_mean"),
        rules=(
            ("stem.2.norm", "bn1"),
            ("stem.#.conv", lambda part: f"conv1.{3 * part}"),
            ("stem.#.norm", lambda part: f"conv1.{3 * part + 1}"),
            *_bottlenecks(last),
            ("head", "fc"),
        ),
        differs=_pooled(form == "D"),
    )
    for form, last in (("C", 1), ("D", 2))
)


def _steep(model: nn.Module) -> str:
    slopes = {module.negative_slope for module in model.modules() if isinstance(module, nn.LeakyReLU)}
    return "" if slopes == {0.01} else "timm's network has the slope 0.01 below zero, and this one 0.1: use darknet53"


DARKNET_TIMM = Layout(
    "timm",
    "Darknet-53",
    marks=("stem.conv1.conv.weight", "stages.0.conv_down.conv.weight", "stages.0.blocks.0.conv1.conv.weight"),
    rules=(
        ("stem.conv", "stem.conv1.conv"),
        ("stem.norm", "stem.conv1.bn"),
        ("stages.#.down.conv", lambda stage: f"stages.{stage}.conv_down.conv"),
        ("stages.#.down.norm", lambda stage: f"stages.{stage}.conv_down.bn"),
        (
            "stages.#.blocks.#.branch.#.conv",
            lambda stage, block, part: f"stages.{stage}.blocks.{block}.conv{part + 1}.conv",
        ),
        (
            "stages.#.blocks.#.branch.#.norm",
            lambda stage, block, part: f"stages.{stage}.blocks.{block}.conv{part + 1}.bn",
        ),
        ("head", "head.fc"),
    ),
    differs=_steep,
)


def _trunk(stage: int, block: int) -> str:
    return f"trunk_output.block{stage + 1}.block{stage + 1}-{block}"


def _timm_part(ours: int, theirs: str) -> tuple[Rule, ...]:
    """One convolution of a RegNet block, by its place in our branch."""
    return (
        (f"stages.#.#.branch.{ours}.conv", lambda stage, block: f"s{stage + 1}.b{block + 1}.{theirs}.conv"),
        (f"stages.#.#.branch.{ours}.norm", lambda stage, block: f"s{stage + 1}.b{block + 1}.{theirs}.bn"),
    )


def _torchvision_part(ours: int, theirs: str) -> tuple[Rule, ...]:
    return (
        (f"stages.#.#.branch.{ours}.conv", lambda stage, block: f"{_trunk(stage, block)}.f.{theirs}.0"),
        (f"stages.#.#.branch.{ours}.norm", lambda stage, block: f"{_trunk(stage, block)}.f.{theirs}.1"),
    )


REGNET = (
    Layout(
        "timm",
        "RegNetY",
        marks=("stem.conv.weight", "s1.b1.conv1.conv.weight", "s1.b1.se.fc1.weight"),
        rules=(
            ("stem.conv", "stem.conv"),
            ("stem.norm", "stem.bn"),
            *_timm_part(0, "conv1"),
            *_timm_part(1, "conv2"),
            ("stages.#.#.branch.2.reduce", lambda stage, block: f"s{stage + 1}.b{block + 1}.se.fc1"),
            ("stages.#.#.branch.2.expand", lambda stage, block: f"s{stage + 1}.b{block + 1}.se.fc2"),
            *_timm_part(3, "conv3"),
            ("stages.#.#.shortcut.conv", lambda stage, block: f"s{stage + 1}.b{block + 1}.downsample.conv"),
            ("stages.#.#.shortcut.norm", lambda stage, block: f"s{stage + 1}.b{block + 1}.downsample.bn"),
            ("head", "head.fc"),
        ),
    ),
    Layout(
        "torchvision",
        "RegNetY",
        marks=("stem.0.weight", "trunk_output.block1.block1-0.f.a.0.weight"),
        rules=(
            ("stem.conv", "stem.0"),
            ("stem.norm", "stem.1"),
            *_torchvision_part(0, "a"),
            *_torchvision_part(1, "b"),
            ("stages.#.#.branch.2.reduce", lambda stage, block: f"{_trunk(stage, block)}.f.se.fc1"),
            ("stages.#.#.branch.2.expand", lambda stage, block: f"{_trunk(stage, block)}.f.se.fc2"),
            *_torchvision_part(3, "c"),
            ("stages.#.#.shortcut.conv", lambda stage, block: f"{_trunk(stage, block)}.proj.0"),
            ("stages.#.#.shortcut.norm", lambda stage, block: f"{_trunk(stage, block)}.proj.1"),
            ("head", "fc"),
        ),
    ),
)

DESCENDANTS = (DENSENET, SENET, *TRICKS, DARKNET_TIMM, *REGNET)
