"""PNASNet: one cell, found by growing cells from simple ones.  Liu et al. 2017, arXiv:1712.00559.

Activations are [N, C, H, W].  Fig. 1 right is the cell, with stride 1 or 2; the network is NASNet's but that a cell
with stride 2 takes the place of the first of a stage.
"""

from __future__ import annotations

from functools import partial

from topfive.models import nasnet
from topfive.models.nasnet import NASNet, Step, preprocess, sides, stem_cells
from topfive.nn.genotype import Edge, Genotype, Node, Wiring
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Progressive Neural Architecture Search",
    authors="Liu, Zoph, Neumann, Shlens, Hua, Li, Fei-Fei, Yuille, Huang, Murphy",
    year=2017,
    month=12,
    arxiv="1712.00559",
)

CELL = Wiring(
    nodes=(
        Node(Edge("separable_5x5", 0), Edge("max_3x3", 0)),
        Node(Edge("separable_7x7", 1), Edge("max_3x3", 1)),
        Node(Edge("separable_5x5", 1), Edge("separable_3x3", 1)),
        Node(Edge("separable_3x3", 4), Edge("max_3x3", 1)),
        Node(Edge("separable_3x3", 0), Edge("identity", 1)),
    ),
    output=(2, 3, 4, 5, 6),
)
PNASNET_5 = Genotype(normal=CELL, reduce=CELL)


def stages(genotype: Genotype, cells: int, filters: int) -> list[Step]:
    """Three stages of `cells` cells, of which the first has stride 2 in the second and the third stage."""
    steps = [Step(genotype.normal, filters)] * cells
    for width in (2 * filters, 4 * filters):
        steps += [Step(genotype.reduce, width, 2), *[Step(genotype.normal, width)] * (cells - 1)]
    return steps


def plan(genotype: Genotype, cells: int, filters: int) -> list[Step]:
    """The cells of a network for photographs."""
    return stem_cells(genotype, filters) + stages(genotype, cells, filters)


def _variant(
    name: str,
    cells: int,
    filters: int,
    stem_channels: int,
    params: int,
    macs: int,
    errors: tuple[float, float],
    *,
    size: int = 224,
    drop_rate: float = 0.0,
) -> ModelSpec:
    steps = plan(PNASNET_5, cells, filters)
    return ModelSpec(
        name=name,
        family="PNASNet",
        paper=PAPER,
        build=partial(NASNet, steps, stem_channels=stem_channels, drop_rate=drop_rate),
        preprocess=preprocess(size),
        facts=Facts(
            params,
            macs,
            input_size=size,
            reported=tuple(
                Reported(f"top{k}_error", error, "table 4 and 5, recalled", "ImageNet val, 1 crop")
                for k, error in zip((1, 5), errors, strict=True)
            ),
        ),
        fact=name,
        departs="the auxiliary head of training is built where asked for, and not counted",
        sides=sides(steps, size),
    )


described = partial(nasnet.described, paper=PAPER, family="PNASNet", stages=stages)

VARIANTS = (
    _variant("pnasnet5_mobile", 3, 54, 32, 5_064_487, 587_293_200, (0.258, 0.081)),
    _variant("pnasnet5_large", 4, 216, 96, 86_057_668, 24_937_395_792, (0.171, 0.038), size=331, drop_rate=0.4),
)
