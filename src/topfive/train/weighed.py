"""What a network would cost as a shipped file, before it is trained: fresh weights take as long as learnt ones."""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path

from topfive.artifact import Card, Precision
from topfive.data import Splits
from topfive.evaluate.limits import Cost, Limits, cost_of
from topfive.export import export, golden_images
from topfive.export.int8 import calibration_images, to_int8
from topfive.nn.measure import count_macs, count_params
from topfive.recipe import Recipe
from topfive.spec import Facts
from topfive.train.finish import held_out, labels_of
from topfive.train.pace import fed
from topfive.train.plan import build

MARGIN = 0.9  # of the latency that the choice may use: another day, another process, and it may be slower
FEW = 16  # images that a fresh network is quantised with: its ranges mean nothing
SPARE = 1_000, 50  # bytes, and bytes a class, that the finished file may have more: figures, thresholds, longer numbers


@dataclass(frozen=True)
class Weighed:
    """A recipe and what its network costs when it is shipped in this precision."""

    recipe: Recipe
    precision: Precision
    cost: Cost

    def told(self) -> str:
        shape = f" at {self.recipe.img_size} pixels" if self.recipe.img_size else ""
        return f"{self.recipe.model}{shape}{', in int8' if self.precision == 'int8' else ''}"


def facts_of(recipe: Recipe, splits: Splits) -> Facts:
    """Parameters and multiply-accumulates of the recipe's network, for its own classes."""
    side, model = fed(recipe, splits).side, build(recipe, splits)
    return Facts(count_params(model), count_macs(model, side), model.num_classes, model.in_channels, side)


def least_bytes(facts: Facts, precision: Precision) -> int:
    """That the parameters alone take."""
    return facts.params * (4 if precision == "float32" else 1)


def weigh(recipe: Recipe, precision: Precision, limits: Limits, splits: Splits) -> Weighed:
    """Export fresh weights and measure the file; its latency only where that is limited."""
    preprocess = fed(recipe, splits)
    with tempfile.TemporaryDirectory(prefix="topfive-") as folder:
        file = Path(folder, "fresh.onnx")
        export(
            build(recipe, splits),
            file,
            preprocess=preprocess,
            labels=labels_of(splits),
            card=Card(architecture=recipe.model),
            golden=golden_images(held_out(splits)[1], preprocess),
        )
        if precision == "int8":
            to_int8(file, file, calibration_images(splits.train, preprocess, FEW))
        cost = cost_of(file, facts_of(recipe, splits).macs, limits, MARGIN)
    spare = SPARE[0] + SPARE[1] * len(splits.classes)
    return Weighed(recipe, precision, dataclasses.replace(cost, size=cost.size + spare))
