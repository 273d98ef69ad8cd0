"""DARTS, first order: Liu et al. 2018, arXiv:1806.09055, algorithm 1 with xi = 0.

The weights descend on one half of the training images and the architecture on the other, in turns, a batch each.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn, optim

from topfive.data import Splits
from topfive.data.part import within_training
from topfive.errors import DivergedError, UsageError
from topfive.nn.found import Found, read
from topfive.recipe import Recipe
from topfive.search.shared.supernet import Supernet
from topfive.search.space import Choices, SearchSpace
from topfive.train.batches import MemoryBatches
from topfive.train.optimizer import make_optimizer, set_rates
from topfive.train.plan import preprocess_for
from topfive.train.randomness import seed_of
from topfive.train.schedule import learning_rate, momentum
from topfive.train.task import task_for

# Both recalled from appendix A.1.1, but for the length: 50 epochs of 25,000 images there, with a tenth of this rate for
# the architecture, which in a run so much shorter would stay where it begins.
RECIPE = Recipe(model="", epochs=10, batch_size=64, lr=0.025, momentum=0.9, weight_decay=3e-4, clip_grad=5.0)
ARCHITECTURE_RATE, ARCHITECTURE_DECAY, ARCHITECTURE_BETAS = 3e-3, 1e-3, (0.5, 0.999)


@dataclass(frozen=True)
class Epoch:
    """How it stands: the losses of weights and architecture on their halves, and the cell that would be left."""

    number: int
    loss: float
    architecture_loss: float
    model: str


@dataclass(frozen=True)
class Proposal:
    """What is left in the end; `weights` [edges, operations + 1] as `Supernet` has them."""

    model: str
    choices: Choices
    weights: tuple[tuple[float, ...], ...]


def darts(
    space: SearchSpace, splits: Splits, recipe: Recipe = RECIPE, watch: Callable[[Epoch], None] = lambda epoch: None
) -> Proposal:
    """Search a space of PNASNet's cells for small images on the training images of `splits` alone."""
    name = space.model((0,) * space.levels[-1])
    if not name.startswith("pnas:"):
        raise UsageError("space", space.name, "shared weights are for spaces of one cell", "Use --space pnas-small")
    plain, operations = read(name), tuple(space.settings["operations"])
    recipe = dataclasses.replace(recipe, model=plain.name, img_size=plain.size.side)
    halves = within_training(splits, None, len(splits.train) // 2)
    preprocess = preprocess_for(recipe, halves)
    batches = MemoryBatches(halves.train, recipe, preprocess)
    others = MemoryBatches(halves.val, dataclasses.replace(recipe, seed=recipe.seed + 1), preprocess)

    torch.manual_seed(seed_of(recipe.seed, "weights"))
    network = Supernet(operations, len(space.levels), plain.size, len(splits.classes)).train()
    loss = task_for(splits).loss(recipe, halves.train)
    weights = make_optimizer(network, recipe)
    architecture = optim.Adam(
        [network.architecture], ARCHITECTURE_RATE, ARCHITECTURE_BETAS, weight_decay=ARCHITECTURE_DECAY
    )

    def descend(optimizer: optim.Optimizer, images: Tensor, targets: Tensor, step: int) -> float:
        network.zero_grad()
        network.architecture.grad = None
        value = loss(network(images), targets)
        if not math.isfinite(value.item()):
            raise DivergedError("diverged", space.name, f"loss {value.item()} at step {step}", "Use a smaller --lr")
        torch.autograd.backward(value)
        if optimizer is weights and recipe.clip_grad:
            nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_grad)
        optimizer.step()
        return value.item()

    for epoch in range(recipe.epochs):
        sums = [0.0, 0.0]
        for index in range(batches.steps):
            step = epoch * batches.steps + index
            sums[1] += descend(architecture, *others.at(*divmod(step, others.steps)), step)
            set_rates(weights, learning_rate(recipe, step, batches.steps), momentum(recipe, step, batches.steps))
            sums[0] += descend(weights, *batches.at(epoch, index), step)
        found = Found("pnas", plain.size, (network.derived(),))
        watch(Epoch(epoch + 1, sums[0] / batches.steps, sums[1] / batches.steps, found.name))
    return Proposal(found.name, choices_of(found, operations), tuple(map(tuple, network.weights.tolist())))


def choices_of(found: Found, operations: tuple[str, ...]) -> Choices:
    """The place of a found cell in its space."""
    edges = (edge for node in found.nodes[0] for edge in node.edges)
    return tuple(number for edge in edges for number in (edge.source, operations.index(edge.operation)))
