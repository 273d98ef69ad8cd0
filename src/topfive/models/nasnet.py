"""NASNet: two cells found by search, repeated into a network.  Zoph, Vasudevan, Shlens, Le 2017, arXiv:1707.07012.

Activations are [N, C, H, W].  Fig. 4 is the pair of cells A, appendix A the network: a 3x3 stem, two reductions, then
three times N normal cells with a reduction between, whose filters double.  "4 @ 1056" is N = 4 with 1056 channels at
the end, six times the filters of the last cells; H and W end at 1/32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, cast

from torch import Tensor, nn
from torch.nn import functional as F

from topfive.nn.cell import SAME, Cell, Maps, Parts
from topfive.nn.classifier import Classifier
from topfive.nn.conv import bare
from topfive.nn.found import read
from topfive.nn.genotype import Edge, Genotype, Node, Wiring
from topfive.nn.measure import count_facts
from topfive.nn.pool import average_over_zeros, max_over_zeros
from topfive.nn.sides import Sides
from topfive.nn.stochastic_depth import StochasticDepth, set_drop_path
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Learning Transferable Architectures for Scalable Image Recognition",
    authors="Zoph, Vasudevan, Shlens, Le",
    year=2017,
    month=7,
    arxiv="1707.07012",
)

NASNET_A = Genotype(
    normal=Wiring(
        nodes=(
            Node(Edge("separable_5x5", 1), Edge("separable_3x3", 0)),
            Node(Edge("separable_5x5", 0), Edge("separable_3x3", 0)),
            Node(Edge("average_3x3", 1), Edge("identity", 0)),
            Node(Edge("average_3x3", 0), Edge("average_3x3", 0)),
            Node(Edge("separable_3x3", 1), Edge("identity", 1)),
        ),
        output=(0, 2, 3, 4, 5, 6),
    ),
    reduce=Wiring(
        nodes=(
            Node(Edge("separable_5x5", 1), Edge("separable_7x7", 0)),
            Node(Edge("max_3x3", 1), Edge("separable_7x7", 0)),
            Node(Edge("average_3x3", 1), Edge("separable_5x5", 0)),
            Node(Edge("average_3x3", 2), Edge("identity", 3)),
            Node(Edge("separable_3x3", 2), Edge("max_3x3", 1)),
        ),
        output=(3, 4, 5, 6),
    ),
)


@dataclass(frozen=True)
class Step:
    """One cell of the network; its state 0 is the output of the step `back` steps before it."""

    wiring: Wiring
    filters: int
    stride: int = 1
    back: int = 2


def stem_cells(genotype: Genotype, filters: int) -> list[Step]:
    """The two reductions before the first stage, at a quarter and a half of its filters."""
    return [Step(genotype.reduce, filters // 4, 2), Step(genotype.reduce, filters // 2, 2)]


def stages(genotype: Genotype, cells: int, filters: int, *, back: int = 2) -> list[Step]:
    """Three stages of `cells` normal cells with a reduction between; `back` is for the first cell after a reduction."""
    normal, reduce = genotype.normal, genotype.reduce
    steps = [Step(normal, filters)] * cells
    for width in (2 * filters, 4 * filters):
        first = Step(normal, width, back=back)
        steps += [Step(reduce, width, 2), first, *[Step(normal, width)] * (cells - 1)]
    return steps


def plan(genotype: Genotype, cells: int, filters: int, *, back: int = 2) -> list[Step]:
    """The cells of a network for photographs."""
    return stem_cells(genotype, filters) + stages(genotype, cells, filters, back=back)


# In the authors' large network the first cell after a reduction does not look at the cell before it but at the one
# before that, as the reduction did.
plan_of_the_large = partial(plan, back=3)


class Stem(Protocol):
    """Makes the convolution that a network begins with."""

    def __call__(self, in_channels: int, out_channels: int, parts: Parts) -> nn.Module: ...


def halving(in_channels: int, out_channels: int, parts: Parts) -> nn.Module:
    """3x3 with stride 2 and without padding, for photographs."""
    return replace(parts.layer, convolution=bare).linear(in_channels, out_channels, 3, 2)


def keeping(in_channels: int, out_channels: int, parts: Parts) -> nn.Module:
    """3x3 that keeps the size, for small images."""
    return parts.layer.linear(in_channels, out_channels, 3)


class SideHead(nn.Module):
    """Logits from the middle: 5x5 average pooling, 1x1 to 128, a convolution of the whole map to 768, linear.

    `side` is that of the map which remains of the paper's image; other sizes are pooled to it.
    """

    def __init__(self, num_classes: int, *, in_channels: int, side: int, parts: Parts = SAME):
        super().__init__()
        layer = replace(parts.layer, convolution=bare)
        self.side = side
        self.reduce = layer(in_channels, 128)
        self.whole = layer(128, 768, side)
        self.head = nn.Linear(768, num_classes)

    def forward(self, maps: Tensor) -> Tensor:
        kernel = (min(5, maps.shape[2]), min(5, maps.shape[3]))
        pooled = F.avg_pool2d(F.relu(maps), kernel, 3)
        whole = self.whole(F.adaptive_avg_pool2d(self.reduce(pooled), self.side))
        return cast(Tensor, self.head(whole.flatten(1)))


def drops(part: nn.Module) -> Iterator[StochasticDepth]:
    return (module for module in part.modules() if isinstance(module, StochasticDepth))


class NASNet(Classifier):
    """The cells of `steps` after a 3x3.

    Drop-path grows with depth up to `drop_rate` in the last cell, and over the training from nothing to that
    (`progress`).
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        num_classes: int,
        in_channels: int,
        stem_channels: int,
        stem: Stem = halving,
        parts: Parts = SAME,
        dropout: float = 0.5,
        drop_rate: float = 0.0,
    ):
        super().__init__(num_classes, in_channels, dropout=dropout)
        self.stem = stem(in_channels, stem_channels, parts)
        self.cells = nn.ModuleList()
        self.back = [step.back for step in steps]
        maps = [Maps(stem_channels, 2)]
        for step in steps:
            previous = maps[-step.back] if len(maps) >= step.back else None
            cell = Cell(step.wiring, previous, maps[-1], step.filters, step.stride, parts)
            self.cells.append(cell)
            maps.append(cell.maps)
        self.head = nn.Linear(maps[-1].channels, num_classes)
        for depth, part in enumerate(self.cells, 1):
            for drop in drops(part):
                drop.share = depth / len(self.cells)
        set_drop_path(self, drop_rate)
        self.apply(self.initialise)

    def features(self, images: Tensor) -> Tensor:
        maps: list[Tensor] = [self.stem(images)]
        for cell, back in zip(self.cells, self.back, strict=True):
            maps.append(cell(maps[-min(back, len(maps))], maps[-1]))
        return F.relu(maps[-1])

    def progress(self, done: float) -> None:
        """So much of drop-path is in force where the share `done` (0 to 1) of a training is over."""
        for drop in drops(self):
            drop.grown = done

    def initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")


def sides(steps: Sequence[Step], size: int) -> Sides:
    """Behind the cell before the last reduction, two thirds up; its loss weighs 0.4 (appendix A).

    Fits images of `size` pixels, of which the head's pooling leaves 4 at 224 and 6 at 331.
    """
    place = max(index for index, step in enumerate(steps) if step.stride == 2) - 1
    channels = steps[place].filters * steps[place].wiring.width
    side = (size - 1) // 2  # after the stem
    for step in steps[: place + 1]:
        side = -(-side // step.stride)
    side = max(side - 5, 0) // 3 + 1
    return Sides(0.4, {f"cells.{place}": partial(SideHead, in_channels=channels, side=side)})


def preprocess(size: int) -> Preprocess:
    return Preprocess(size=size, interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def nasnet(
    genotype: Genotype = NASNET_A,
    cells: int = 4,
    filters: int = 44,
    *,
    stem_channels: int = 32,
    size: int = 224,
    drop_rate: float = 0.0,
) -> ModelSpec:
    """A network of any two cells: `cells` is the paper's N, `filters` its F (at least 4); counted on the spot."""
    steps = plan(genotype, cells, filters)
    facts = count_facts(partial(NASNet, steps, stem_channels=stem_channels), size)
    return _spec(f"nasnet_n{cells}_f{filters}", steps, stem_channels, facts, "", _AUTHORS, drop_rate=drop_rate)


def _spec(
    name: str,
    steps: Sequence[Step],
    stem_channels: int,
    facts: Facts,
    fact: str,
    pools: str,
    parts: Parts = SAME,
    drop_rate: float = 0.0,
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="NASNet",
        paper=PAPER,
        build=partial(NASNet, steps, stem_channels=stem_channels, parts=parts, drop_rate=drop_rate),
        preprocess=preprocess(facts.input_size),
        facts=facts,
        fact=fact,
        departs=f"{pools}; the auxiliary head of training is built where asked for, and not counted",
        sides=sides(steps, facts.input_size),
    )


_AUTHORS = "pools leave the padding out, as the authors' program does"
_TIMM = (
    "average pools with a stride count the zeros of the padding, as timm's, where the authors' program leaves them out"
)
_KERAS = "pools with a stride take the zeros of the padding for pixels, as Keras', where the authors' program does not"
COUNTING = replace(SAME, average_pool=average_over_zeros)
OVER_ZEROS = replace(COUNTING, max_pool=max_over_zeros)


def _mobile(name: str, pools: str, parts: Parts) -> ModelSpec:
    facts = Facts(
        5_289_978,
        563_638_816,
        reported=(
            Reported("top1_error", 0.26, "table 3", "ImageNet val, 1 crop"),
            Reported("top5_error", 0.084, "table 3", "ImageNet val, 1 crop"),
        ),
    )
    return _spec(name, plan(NASNET_A, 4, 44), 32, facts, "nasnet_a_mobile", pools, parts)


def _large(name: str, pools: str, parts: Parts) -> ModelSpec:
    facts = Facts(
        88_753_150,
        23_783_414_658,
        input_size=331,
        reported=(
            Reported("top1_error", 0.173, "table 2", "ImageNet val, 1 crop"),
            Reported("top5_error", 0.038, "table 2", "ImageNet val, 1 crop"),
        ),
    )
    pools += "; the first cell after a reduction skips the cell before it, as in the authors' program"
    return _spec(name, plan_of_the_large(NASNET_A, 6, 168), 96, facts, "nasnet_a_large", pools, parts, drop_rate=0.3)


def described(
    name: str,
    paper: Paper = PAPER,
    family: str = "NASNet",
    stages: Callable[[Genotype, int, int], list[Step]] = stages,
) -> ModelSpec:
    """The row of a network of found cells (topfive.nn.found), counted on the spot.  UsageError for no such name."""
    found = read(name)
    size, genotype = found.size, found.genotype
    steps = stages(genotype, size.cells, size.filters)
    if size.small:
        build = partial(NASNet, steps, stem_channels=3 * size.filters, stem=keeping, dropout=0.0)
    else:
        steps = stem_cells(genotype, size.filters) + steps
        build = partial(NASNet, steps, stem_channels=32)
    return ModelSpec(
        name=name,
        family=family,
        paper=paper,
        build=build,
        preprocess=size.preprocess,
        facts=count_facts(build, size.side, 10 if size.small else 1000, size.channels),
        fact="",
        departs="found by search: no paper's network",
        sides=None if size.small else sides(steps, size.side),
    )


VARIANTS = (
    _mobile("nasnet_a_mobile", _AUTHORS, SAME),
    _mobile("tf_nasnet_a_mobile", _KERAS, OVER_ZEROS),
    _large("nasnet_a_large", _TIMM, COUNTING),
    _large("nasnet_a_large_paper", _AUTHORS, SAME),
    _large("tf_nasnet_a_large", _KERAS, OVER_ZEROS),
)
