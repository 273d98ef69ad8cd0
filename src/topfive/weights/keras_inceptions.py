"""The names that keras.applications gives to the layers of Inception v3 and Inception-ResNet-v2: it counts them.

The modules below have a place for each convolution, in the order in which Keras makes them: the number of the way and
of the step in it, and that of the side where a way forks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count

from topfive.weights.keras_arithmetic import means_of_pixels
from topfive.weights.layout import Layout, Rule

Place = tuple[int, ...]
_STEM = 5  # convolutions


def _ways(*lengths: int) -> tuple[Place, ...]:
    return tuple((way, step) for way, length in enumerate(lengths) for step in range(length))


_POOLED = (3, 1)  # after the pooling, which is step 0
_A = (*_ways(1, 2, 3), _POOLED)
_TO_B = _ways(1, 3)
_B = (*_ways(1, 3, 5), _POOLED)
_TO_C = _ways(2, 4)
_C = ((0, 0), (1, 0), (1, 1, 0), (1, 1, 1), (2, 0), (2, 1), (2, 2, 0), (2, 2, 1), _POOLED)
_V3 = ((_A, _A, _A), (_TO_B, _B, _B, _B, _B), (_TO_C, _C, _C))
_RESIDUAL = (
    (_A, *(_ways(1, 2, 3),) * 10),
    (_TO_B, *(_ways(1, 3),) * 20),
    (_ways(2, 2, 3), *(_ways(1, 3),) * 10),
)


def _ranks(stages: Iterable[Iterable[Iterable[Place]]]) -> Mapping[Place, int]:
    """The number of each convolution by the stage, the module and the place in it."""
    ranks = count(_STEM)
    return {
        (stage, number, *place): next(ranks)
        for stage, modules in enumerate(stages)
        for number, module in enumerate(modules)
        for place in module
    }


def _counted(ours: str, rank: Callable[..., int]) -> Iterator[Rule]:
    """The rules of a convolution and of its normalisation."""
    yield f"{ours}.conv", lambda *place: f"conv2d_{rank(*place)}"
    yield f"{ours}.norm", lambda *place: f"batch_normalization_{rank(*place)}"


def _looked_up(ranks: Mapping[Place, int]) -> Callable[..., int]:
    return lambda *place: ranks[place]


_v3, _residual = _looked_up(_ranks(_V3)), _looked_up(_ranks(_RESIDUAL))

INCEPTION_V3 = Layout(
    "keras",
    "Inception v3",
    marks=("conv2d_0.weight", "conv2d_93.weight", "batch_normalization_93.weight"),
    rules=(
        *_counted("stem.conv#", lambda number: number - 1),
        *_counted("stages.#.#.#.#", _v3),
        *_counted("stages.2.#.1.1.#", lambda module, side: _v3(2, module, 1, 1, side)),
        *_counted("stages.2.#.2.2.#", lambda module, side: _v3(2, module, 2, 2, side)),
        ("head", "predictions"),
    ),
    differs=means_of_pixels,
)

INCEPTION_RESNET_V2 = Layout(
    "keras",
    "Inception-ResNet-v2",
    marks=("conv2d_202.weight", "block35_1_conv.weight", "conv_7b.weight"),
    rules=(
        *_counted("stem.conv#", lambda number: number - 1),
        *_counted("stages.#.0.#.#", lambda stage, way, step: _residual(stage, 0, way, step)),
        *_counted("stages.#.#.ways.#.#", _residual),
        ("stages.#.#.project", lambda stage, block: f"block{(35, 17, 8)[stage]}_{block}_conv"),
        ("stages.2.11.conv", "conv_7b"),
        ("stages.2.11.norm", "conv_7b_bn"),
        ("head", "predictions"),
    ),
    differs=means_of_pixels,
)
