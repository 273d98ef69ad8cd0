"""The layouts of the small networks: MobileNet, ShuffleNet, MnasNet, EfficientNetV2."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from topfive.weights.layout import Layout, of_stages

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

MNASNET_TORCHVISION = Layout(
    "torchvision",
    "MnasNet",
    marks=("layers.0.weight", "layers.8.0.layers.0.weight"),
    rules=(
        ("stem.conv", "layers.0"),
        ("stem.norm", "layers.1"),
        ("stages.0.0.depthwise.conv", "layers.3"),
        ("stages.0.0.depthwise.norm", "layers.4"),
        ("stages.0.0.project.conv", "layers.6"),
        ("stages.0.0.project.norm", "layers.7"),
        ("stages.#.#.expand.conv", lambda stage, block: f"layers.{stage + 7}.{block}.layers.0"),
        ("stages.#.#.expand.norm", lambda stage, block: f"layers.{stage + 7}.{block}.layers.1"),
        ("stages.#.#.depthwise.conv", lambda stage, block: f"layers.{stage + 7}.{block}.layers.3"),
        ("stages.#.#.depthwise.norm", lambda stage, block: f"layers.{stage + 7}.{block}.layers.4"),
        ("stages.#.#.project.conv", lambda stage, block: f"layers.{stage + 7}.{block}.layers.6"),
        ("stages.#.#.project.norm", lambda stage, block: f"layers.{stage + 7}.{block}.layers.7"),
        ("last.conv", "layers.14"),
        ("last.norm", "layers.15"),
        ("head", "classifier.1"),
    ),
)


def _mobilenet_v3_torchvision(family: str, blocks: int, squeezed: Collection[int]) -> Layout:
    """Their block is a sequence, numbered through: without its first or its third part the others move up."""

    def part(number: int, suffix: str) -> Callable[[int, int], str]:
        def name(block: int, _: int) -> str:
            missing = (block == 0) + (number > 2 and block not in squeezed)
            return f"features.{block + 1}.block.{number - missing}.{suffix}"

        return name

    return Layout(
        "torchvision",
        family,
        marks=("features.0.0.weight", f"features.{blocks + 1}.0.weight", "classifier.3.weight"),
        rules=(
            ("stem.conv", "features.0.0"),
            ("stem.norm", "features.0.1"),
            ("stages.#.#.expand.conv", part(0, "0")),
            ("stages.#.#.expand.norm", part(0, "1")),
            ("stages.#.#.depthwise.conv", part(1, "0")),
            ("stages.#.#.depthwise.norm", part(1, "1")),
            ("stages.#.#.squeeze_excite.reduce", part(2, "fc1")),
            ("stages.#.#.squeeze_excite.expand", part(2, "fc2")),
            ("stages.#.#.project.conv", part(3, "0")),
            ("stages.#.#.project.norm", part(3, "1")),
            ("last.conv", f"features.{blocks + 1}.0"),
            ("last.norm", f"features.{blocks + 1}.1"),
            ("hidden.linear", "classifier.0"),
            ("head", "classifier.3"),
        ),
        differs=of_stages(blocks),
    )


def _mobilenet_v3_timm(family: str, depths: Sequence[int]) -> Layout:
    """A stage of theirs is what has one number of channels."""
    places = dict(enumerate((stage, block) for stage, depth in enumerate(depths) for block in range(depth)))
    none = (len(depths), len(places))  # where a larger network has a row more, and no network of theirs a tensor

    def part(conv: str, norm: str) -> tuple[Callable[[int, int], str], Callable[[int, int], str]]:
        def name(leaf: str) -> Callable[[int, int], str]:
            return lambda row, _: "blocks.{}.{}.{}".format(*places.get(row, none), leaf)

        return name(conv), name(norm)

    first_depthwise, first_project = part("conv_dw", "bn1"), part("conv_pw", "bn2")
    expand, depthwise, project = part("conv_pw", "bn1"), part("conv_dw", "bn2"), part("conv_pwl", "bn3")
    reduce, widen = part("se.conv_reduce", "se.conv_expand")
    last = f"blocks.{len(depths)}.0"
    return Layout(
        "timm",
        family,
        marks=("conv_stem.weight", "conv_head.bias", f"{last}.conv.weight"),
        rules=(
            ("stem.conv", "conv_stem"),
            ("stem.norm", "bn1"),
            ("stages.0.0.depthwise.conv", first_depthwise[0](0, 0)),
            ("stages.0.0.depthwise.norm", first_depthwise[1](0, 0)),
            ("stages.0.0.project.conv", first_project[0](0, 0)),
            ("stages.0.0.project.norm", first_project[1](0, 0)),
            ("stages.#.#.expand.conv", expand[0]),
            ("stages.#.#.expand.norm", expand[1]),
            ("stages.#.#.depthwise.conv", depthwise[0]),
            ("stages.#.#.depthwise.norm", depthwise[1]),
            ("stages.#.#.squeeze_excite.reduce", reduce),
            ("stages.#.#.squeeze_excite.expand", widen),
            ("stages.#.#.project.conv", project[0]),
            ("stages.#.#.project.norm", project[1]),
            ("last.conv", f"{last}.conv"),
            ("last.norm", f"{last}.bn1"),
            ("hidden.linear", "conv_head"),
            ("head", "classifier"),
        ),
        maps={"hidden.linear.weight": (1, 1)},
        differs=of_stages(len(places)),
    )


MOBILENET_V3 = (
    _mobilenet_v3_torchvision("MobileNetV3 large", 15, (3, 4, 5, *range(10, 15))),
    _mobilenet_v3_torchvision("MobileNetV3 small", 11, (0, *range(3, 11))),
    _mobilenet_v3_timm("MobileNetV3 large", (1, 2, 3, 4, 2, 3)),
    _mobilenet_v3_timm("MobileNetV3 small", (1, 2, 3, 2, 3)),
)

MOBILE: tuple[Layout, ...] = (SHUFFLENET_V2, MNASNET_TORCHVISION, *MOBILENET_V3, MOBILENET_TIMM)
