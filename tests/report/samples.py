"""Reports of runs that never were, with plausible numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from topfive.data import ArrayDataset, Skipped
from topfive.evaluate import Evaluation, measure
from topfive.report import Contents, Shipped, worst_mistakes

FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def evaluation(classes: tuple[str, ...] = FASHION, n: int = 500, seed: int = 0, sureness: float = 4.0) -> Evaluation:
    """Answers that are mostly right, and wrong mostly among neighbouring classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(classes), n)
    logits = rng.normal(0, 1, (n, len(classes))).astype(np.float32)
    logits[np.arange(n), labels] += sureness
    near = (labels + rng.choice([-2, -1, 1, 2], n)) % len(classes)
    logits[np.arange(n), near] += rng.gamma(1.0, sureness / 2, n).astype(np.float32)
    logits = np.exp(logits - logits.max(axis=1, keepdims=True))
    result = measure(logits / logits.sum(axis=1, keepdims=True), labels, classes)
    return replace(result, names=tuple(f"{classes[label]}/{row:05}.png" for row, label in enumerate(labels)))


class Pictures(ArrayDataset):
    """The images that `evaluation` answers for."""

    def __init__(self, result: Evaluation, shape: tuple[int, int, int] = (1, 28, 28)):
        rng = np.random.default_rng(1)
        ramp = np.linspace(0, 200, shape[1] * shape[2]).reshape(shape[1:])
        noise = rng.integers(0, 56, (min(result.n, 64), *shape))
        images = (ramp + noise).astype(np.uint8)
        super().__init__(images[np.arange(result.n) % len(images)], result.labels, result.classes, "sample")
        object.__setattr__(self, "names", result.names)

    def name(self, index: int) -> str:
        names: tuple[str, ...] = vars(self)["names"]
        return names[index]


def curve(epochs: int = 20, *, validated: bool = True) -> list[dict[str, Any]]:
    rng = np.random.default_rng(2)
    entries = []
    for epoch in range(1, epochs + 1):
        entry = {
            "epoch": epoch,
            "step": 422 * epoch,
            "lr": 0.05 * (1 + np.cos(np.pi * epoch / epochs)),
            "train_loss": 0.22 + 1.1 * np.exp(-epoch / 3) + 0.01 * rng.normal(),
            "seconds": 3.1 * epoch,
        }
        if validated:
            entry["val_top1"] = 0.92 - 0.25 * np.exp(-epoch / 3) + 0.004 * rng.normal()
            entry["val_nll"] = 0.26 + 0.6 * np.exp(-epoch / 2.5) + 0.01 * rng.normal()
        entries.append({key: value if isinstance(value, int) else float(value) for key, value in entry.items()})
    return entries


def contents(result: Evaluation | None = None, shape: tuple[int, int, int] = (1, 28, 28), **changes: Any) -> Contents:
    """A whole report; `changes` replace its fields."""
    result = evaluation() if result is None else result
    return replace(
        Contents(
            title="lenet5 on fashion-mnist",
            model="lenet5",
            paper="Gradient-based learning applied to document recognition. LeCun, Bottou, Bengio, Haffner, 1998",
            data="fashion-mnist",
            counts={"train": 54_000, "val": 6_000, "test": 10_000},
            split="test",
            evaluation=result,
            curve=curve(),
            best_epoch=17,
            mistakes=() if "mistakes" in changes else worst_mistakes(result, Pictures(result, shape)),
            skipped=(Skipped("train/Coat/0017.jpg", "truncated"), Skipped("train/Bag/é.png", "empty file")),
            shipped=Shipped("model.onnx", 252_173, 1.2e-6, 1e-4, 11, 1.0, temperature=1.137),
            recipe={
                "model": "lenet5",
                "epochs": 20,
                "batch_size": 128,
                "opt": "sgd",
                "lr": 0.1,
                "momentum": 0.9,
                "weight_decay": 5e-4,
                "amp": False,
                "scale": (0.35, 1.0),
                "weights": None,
            },
            environment={
                "topfive": "0.1.0",
                "torch": "2.14.1",
                "python": "3.11.2",
                "processor": "x86_64",
                "threads": 1,
            },
        ),
        **changes,
    )
