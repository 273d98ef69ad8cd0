"""The lineage: one module a paper, in order of first publication, and the networks they define, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from functools import lru_cache, partial
from types import ModuleType

from topfive.errors import UsageError, nearest
from topfive.models import (
    alexnet,
    bag_of_tricks,
    bn_inception,
    convnext,
    darknet19,
    darknet53,
    deit,
    densenet,
    efficientnet,
    efficientnet_lite,
    efficientnet_v2,
    googlenet,
    inception_v3,
    inception_v4,
    lenet,
    mnasnet,
    mobilenet,
    mobilenet_v2,
    mobilenet_v3,
    nasnet,
    network_in_network,
    neural_architecture_search,
    one_weird_trick,
    pnasnet,
    polynet,
    preresnet,
    regnet,
    resnet,
    resnext,
    senet,
    shufflenet,
    shufflenet_v2,
    sppnet,
    squeezenet,
    vgg,
    vit,
    wide_resnet,
    xception,
    zfnet,
)
from topfive.nn.classifier import Classifier, with_sides
from topfive.spec import ModelSpec

TIMELINE: tuple[ModuleType, ...] = (
    lenet,
    alexnet,
    zfnet,
    network_in_network,
    one_weird_trick,
    sppnet,
    vgg,
    googlenet,
    bn_inception,
    inception_v3,
    resnet,
    inception_v4,
    squeezenet,
    preresnet,
    wide_resnet,
    densenet,
    xception,
    neural_architecture_search,
    resnext,
    polynet,
    darknet19,
    mobilenet,
    shufflenet,
    nasnet,
    senet,
    pnasnet,
    mobilenet_v2,
    darknet53,
    shufflenet_v2,
    mnasnet,
    bag_of_tricks,
    mobilenet_v3,
    efficientnet,
    efficientnet_lite,
    regnet,
    vit,
    deit,
    efficientnet_v2,
    convnext,
)


def registry(modules: Iterable[ModuleType]) -> dict[str, ModelSpec]:
    """The variants of `modules` by name, in their order; a name that comes twice is a mistake of ours and raises."""
    specs: dict[str, ModelSpec] = {}
    for module in modules:
        for variant in module.VARIANTS:
            if variant.name in specs:
                raise ValueError(f"{variant.name} is defined twice, the second time in {module.__name__}")
            specs[variant.name] = variant
    return specs


_SPECS = registry(TIMELINE)


@lru_cache(maxsize=256)
def _scaled(name: str) -> ModelSpec:
    return efficientnet.described(name, spec(efficientnet.read(name).base))


# Names that say what a network is made of begin with one of these and a colon.
DESCRIBED: dict[str, Callable[[str], ModelSpec]] = {
    "chain": neural_architecture_search.described,
    "nasnet": lru_cache(maxsize=256)(nasnet.described),
    "pnas": lru_cache(maxsize=256)(pnasnet.described),
    "mnasnet": mnasnet.described,
    "scaled": _scaled,
}


def list_models(pattern: str = "*") -> list[str]:
    """Names that match the shell pattern, in order of history."""
    return [name for name in _SPECS if fnmatchcase(name, pattern)]


def spec(name: str) -> ModelSpec:
    """What the paper says about `name`.  UsageError for a name that is not there."""
    family, colon, _ = name.partition(":")
    if colon and family in DESCRIBED:
        return DESCRIBED[family](name)
    if name not in _SPECS:
        raise UsageError("unknown model", name, nearest(name, _SPECS), "See: topfive models")
    return _SPECS[name]


def create_model(
    name: str, num_classes: int | None = None, in_channels: int | None = None, *, sides: bool = False
) -> Classifier:
    """The network with fresh weights; None means the head or the channels of the variant's own row.

    `sides` adds the side classifiers that the paper trains it with, if it does, for `training_outputs`.  Under
    `torch.device("meta")` the network has shapes and no storage.
    """
    variant = spec(name)
    num_classes = variant.facts.num_classes if num_classes is None else num_classes
    in_channels = variant.facts.in_channels if in_channels is None else in_channels
    for what, value in (("num_classes", num_classes), ("in_channels", in_channels)):
        if value < 1:
            raise UsageError(f"cannot build {name} with {what}={value}", why="it must be at least 1")
    build = partial(with_sides, variant.build, variant.sides) if sides and variant.sides else variant.build
    return build(num_classes=num_classes, in_channels=in_channels)
