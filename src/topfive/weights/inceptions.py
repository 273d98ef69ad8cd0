"""The layouts of SqueezeNet, GoogLeNet, BN-Inception, Inception v3, v4 and Inception-ResNet-v2, Xception, PolyNet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from topfive.weights.layout import Layout, Rule

SQUEEZENET = Layout(
    "torchvision",
    "SqueezeNet",
    marks=("features.3.squeeze.weight", "classifier.1.weight"),
    rules=(
        ("stem.0", "features.0"),
        ("stages.#.#.squeeze", lambda stage, fire: f"features.{fire + stage + 3}.squeeze"),
        ("stages.#.#.expand1", lambda stage, fire: f"features.{fire + stage + 3}.expand1x1"),
        ("stages.#.#.expand3", lambda stage, fire: f"features.{fire + stage + 3}.expand3x3"),
        ("head", "classifier.1"),
    ),
    through=True,
)


def both(ours: str, theirs: str | Callable[..., str], norm: str = ".bn") -> Iterator[Rule]:
    """The rules of a convolution and of its normalisation; with ".bn" theirs is a module of both."""
    for ending, suffix in (("conv", ".conv" if norm == ".bn" else ""), ("norm", norm)):
        if isinstance(theirs, str):
            yield f"{ours}.{ending}", theirs + suffix
        else:
            yield f"{ours}.{ending}", lambda *places, theirs=theirs, suffix=suffix: theirs(*places) + suffix


def letter(stage: int, block: int) -> str:
    """The fifth module of the fourth group is 4e."""
    return f"{stage + 3}{'abcde'[block]}"


GOOGLENET = Layout(
    "torchvision",
    "GoogLeNet",
    marks=("conv1.conv.weight", "inception3a.branch1.conv.weight"),
    rules=(
        *(rule for number in (1, 2, 3) for rule in both(f"stem.conv{number}", f"conv{number}")),
        *both("stages.#.#.0.0", lambda stage, block: f"inception{letter(stage, block)}.branch1"),
        *both(
            "stages.#.#.#.#",
            lambda stage, block, branch, step: f"inception{letter(stage, block)}.branch{branch + 1}.{step}",
        ),
        ("sides.#.reduce.conv", lambda side: f"aux{side + 1}.conv.conv"),
        ("sides.#.reduce.norm", lambda side: f"aux{side + 1}.conv.bn"),
        ("sides.#.hidden", lambda side: f"aux{side + 1}.fc1"),
        ("sides.#.head", lambda side: f"aux{side + 1}.fc2"),
        ("head", "fc"),
    ),
    aside=("aux1.", "aux2."),
)


def _bn_inception(stage: int, block: int, branch: int, step: int) -> str:
    ways = ("3x3", "double_3x3") if (stage, block) in ((0, 2), (1, 4)) else ("1x1", "3x3", "double_3x3", "pool")
    names: Mapping[str, tuple[str, ...]] = {
        "1x1": ("1x1",),
        "3x3": ("3x3_reduce", "3x3"),
        "double_3x3": ("double_3x3_reduce", "double_3x3_1", "double_3x3_2"),
        "pool": ("", "pool_proj"),
    }
    return f"inception_{letter(stage, block)}_{names[ways[branch]][step]}"


BN_INCEPTION = Layout(
    "pretrainedmodels",
    "BN-Inception",
    marks=("conv1_7x7_s2.weight", "inception_3a_1x1.weight"),
    rules=(
        *both("stem.conv1", "conv1_7x7_s2", "_bn"),
        *both("stem.conv2", "conv2_3x3_reduce", "_bn"),
        *both("stem.conv3", "conv2_3x3", "_bn"),
        *both("stages.#.#.#.#", _bn_inception, "_bn"),
        ("head", "last_linear"),
    ),
)

# The modules of each stage, and for each way of a module the names of its layers; a pool has none.
_A = (("branch1x1",), ("branch5x5_1", "branch5x5_2"), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"))
_TO_B = (("branch3x3",), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"))
_B = (
    ("branch1x1",),
    ("branch7x7_1", "branch7x7_2", "branch7x7_3"),
    ("branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5"),
)
_TO_C = (
    ("branch3x3_1", "branch3x3_2"),
    ("branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4"),
)
_C = (("branch1x1",), ("branch3x3_1",), ("branch3x3dbl_1", "branch3x3dbl_2"))


def _inception_v3(stage: int, block: int, branch: int, step: int) -> str:
    reduction, others = ((_A, _A), (_TO_B, _B), (_TO_C, _C))[stage]
    ways = reduction if block == 0 else others
    name = ways[branch][step] if branch < len(ways) else "branch_pool"
    return f"Mixed_{stage + 5}{'abcde'[block + (stage == 0)]}.{name}"


INCEPTION_V3 = Layout(
    "torchvision (or timm)",
    "Inception v3",
    marks=("Conv2d_1a_3x3.conv.weight", "Mixed_7c.branch_pool.conv.weight"),
    rules=(
        *both("stem.conv1", "Conv2d_1a_3x3"),
        *both("stem.conv2", "Conv2d_2a_3x3"),
        *both("stem.conv3", "Conv2d_2b_3x3"),
        *both("stem.conv4", "Conv2d_3b_1x1"),
        *both("stem.conv5", "Conv2d_4a_3x3"),
        *both("stages.#.#.#.#", _inception_v3),
        *both("stages.2.#.1.1.#", lambda block, side: f"Mixed_7{'abc'[block]}.branch3x3_2{'ab'[side]}"),
        *both("stages.2.#.2.2.#", lambda block, side: f"Mixed_7{'abc'[block]}.branch3x3dbl_3{'ab'[side]}"),
        *both("sides.0.reduce", "AuxLogits.conv0"),
        *both("sides.0.conv", "AuxLogits.conv1"),
        ("sides.0.head", "AuxLogits.fc"),
        ("head", "fc"),
    ),
    aside=("AuxLogits.",),
)


def _inception_v4(stage: int, block: int, branch: int, step: int) -> str:
    """Blocks are numbered through: the fifth and the thirteenth are the reductions."""
    if stage == 2 and block > 12 and branch in (1, 2):
        name = f"branch{branch}_{step}"
    elif branch == 0 and block != 12:
        name = "branch0"
    else:
        name = f"branch{branch}.{step}"
    return f"features.{block + 6}.{name}"


INCEPTION_V4 = Layout(
    "timm (or pretrainedmodels)",
    "Inception v4",
    marks=("features.0.conv.weight", "features.21.branch1_1a.conv.weight"),
    rules=(
        *(rule for number in (1, 2, 3) for rule in both(f"stem.conv{number}", f"features.{number - 1}")),
        *both("stem.mixed1.1", "features.3.conv"),
        *both("stem.mixed2.#.#", lambda branch, step: f"features.4.branch{branch}.{step}"),
        *both("stem.mixed3.0", "features.5.conv"),
        *both("stages.#.#.#.#", _inception_v4),
        *both("stages.2.#.1.1.#", lambda block, side: f"features.{block + 6}.branch1_1{'ab'[side]}"),
        *both("stages.2.#.2.3.#", lambda block, side: f"features.{block + 6}.branch2_3{'ab'[side]}"),
        ("head", "last_linear"),
    ),
    through=True,
)


def _opening(stage: int, branch: int, step: int) -> str:
    single = branch == 0 and stage < 2
    return f"{('mixed_5b', 'mixed_6a', 'mixed_7a')[stage]}.branch{branch}" + ("" if single else f".{step}")


def _repeated(stage: int, block: int) -> str:
    if (stage, block) == (2, 10):
        return "block8"
    return f"{('repeat', 'repeat_1', 'repeat_2')[stage]}.{block - 1}"


INCEPTION_RESNET_V2 = tuple(
    Layout(
        library,
        "Inception-ResNet-v2",
        marks=("conv2d_1a.conv.weight", "block8.conv2d.weight", f"{head}.weight"),
        rules=(
            *(
                rule
                for n, theirs in enumerate(("1a", "2a", "2b", "3b", "4a"), 1)
                for rule in both(f"stem.conv{n}", f"conv2d_{theirs}")
            ),
            *both("stages.#.0.#.#", _opening),
            *both("stages.#.#.ways.0.0", lambda stage, block: f"{_repeated(stage, block)}.branch0"),
            *both(
                "stages.#.#.ways.#.#",
                lambda stage, block, branch, step: f"{_repeated(stage, block)}.branch{branch}.{step}",
            ),
            ("stages.#.#.project", lambda stage, block: f"{_repeated(stage, block)}.conv2d"),
            *both("stages.2.11", "conv2d_7b"),
            ("head", head),
        ),
    )
    for library, head in (("timm", "classif"), ("pretrainedmodels", "last_linear"))
)


def _repetition(block: int, part: int) -> int:
    """Their block is one sequence of activation, convolution, normalisation; the first block lacks its first."""
    return 3 * (part // 2) + (block > 0)


XCEPTION = tuple(
    Layout(
        library,
        "Xception",
        marks=("conv1.weight", "block1.skip.weight", f"{head}.weight"),
        rules=(
            ("stem.0.conv", "conv1"),
            ("stem.0.norm", "bn1"),
            ("stem.1.conv", "conv2"),
            ("stem.1.norm", "bn2"),
            ("stages.#.#.branch.#.depthwise", lambda _, n, part: f"block{n + 1}.rep.{_repetition(n, part)}.conv1"),
            ("stages.#.#.branch.#.pointwise", lambda _, n, part: f"block{n + 1}.rep.{_repetition(n, part)}.pointwise"),
            ("stages.#.#.branch.#.norm", lambda _, n, part: f"block{n + 1}.rep.{_repetition(n, part) + 1}"),
            ("stages.#.#.shortcut.conv", lambda _, n: f"block{n + 1}.skip"),
            ("stages.#.#.shortcut.norm", lambda _, n: f"block{n + 1}.skipbn"),
            ("last.#.depthwise", lambda part: f"conv{3 + part // 2}.conv1"),
            ("last.#.pointwise", lambda part: f"conv{3 + part // 2}.pointwise"),
            ("last.#.norm", lambda part: f"bn{3 + part // 2}"),
            ("head", head),
        ),
        through=True,
    )
    for library, head in (("timm", "fc"), ("pretrainedmodels", "last_linear"))
)


def _mixed(stage: int, number: int) -> str:
    """Their reductions stand between the stages."""
    return f"stage_{'abc'[stage]}.{number - (stage > 0)}"


def _path(stage: int, number: int, block: int, way: int, step: int) -> str:
    single = way == (2 if stage == 0 else 1)
    return f"{_mixed(stage, number)}.blocks.{block}.path{way}" + ("" if single else f".{step}")


def _shared(stage: int, number: int, way: int, step: int) -> str:
    sides = ("", ("1x1", "1x7", "7x1"), ("1x1", "1x3", "3x1"))[stage]
    return f"{_mixed(stage, number)}." + ("path1" if way == 1 else f"path0_{sides[step]}")


POLYNET = Layout(
    "pretrainedmodels",
    "PolyNet",
    marks=("stem.conv1.0.conv.weight", "stage_a.0.blocks.0.conv2d.conv.weight"),
    rules=(
        *(rule for number in (1, 2, 3) for rule in both(f"stem.conv{number}", f"stem.conv1.{number - 1}")),
        *both("stem.mixed1.1", "stem.conv1_branch"),
        *both("stem.mixed2.0.#", lambda step: f"stem.conv2_short.{step}"),
        *both("stem.mixed2.1.#", lambda step: f"stem.conv2_long.{step}"),
        *both("stem.mixed3.1", "stem.conv2_branch"),
        *both("stages.1.0.1.0", "reduction_a.path1"),
        *both("stages.1.0.0.#", lambda step: f"reduction_a.path0.{step}"),
        *both("stages.2.0.#.#", lambda way, step: f"reduction_b.path{way}.{step}"),
        *both("stages.#.#.branches.#.0.#.#", _path),
        *both("stages.#.#.branches.#.1", lambda s, n, block: f"{_mixed(s, n)}.blocks.{block}.conv2d"),
        ("stages.#.#.ways.#.#.conv", lambda *places: f"{_shared(*places)}.conv"),
        ("stages.#.#.ways.#.#.norms.#", lambda *places: f"{_shared(*places[:4])}.bn_blocks.{places[4]}"),
        *both("stages.#.#.projections.#", lambda s, n, time: f"{_mixed(s, n)}.conv2d_blocks.{time}"),
        ("head", "last_linear"),
    ),
)

INCEPTIONS: tuple[Layout, ...] = (
    SQUEEZENET,
    GOOGLENET,
    BN_INCEPTION,
    INCEPTION_V3,
    INCEPTION_V4,
    *INCEPTION_RESNET_V2,
    *XCEPTION,
    POLYNET,
)
