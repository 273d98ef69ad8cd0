"""Reports of runs that never were, with plausible numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from topfive.data import ArrayDataset, Skipped
from topfive.evaluate import Evaluation, LabelEvaluation, measure
from topfive.evaluate.speed import Speed
from topfive.report import Contents, Shipped, hardest_pairs, worst_mistakes

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
COUNTS = {"train": 54_000, "val": 6_000, "test": 10_000}
SPEED = Speed(latency_p50=0.00031, latency_p95=0.00042, throughput=8123.0, batch_size=16, threads=1)


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

    def __init__(self, result: Evaluation | LabelEvaluation, shape: tuple[int, int, int] = (1, 28, 28)):
        rng = np.random.default_rng(1)
        ramp = np.linspace(0, 200, shape[1] * shape[2]).reshape(shape[1:])
        noise = rng.integers(0, 56, (min(result.n, 64), *shape))
        images = (ramp + noise).astype(np.uint8)
        labels = result.labels.astype(np.uint8) if result.labels.ndim == 2 else result.labels
        super().__init__(images[np.arange(result.n) % len(images)], labels, result.classes, "sample")
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


def heat(pictures: Sequence[np.ndarray], guesses: Sequence[int]) -> list[np.ndarray]:
    """What might be the evidence: a bright spot somewhere."""
    found = []
    for picture, guess in zip(pictures, guesses, strict=True):
        height, width = picture.shape[1:]
        y, x = np.mgrid[:height, :width]
        spot = np.exp(-((y - height / 2) ** 2 + (x - width * (guess % 5) / 5) ** 2) / (height * width / 20))
        grey = 40 + 0.6 * picture.mean(axis=0)
        found.append(np.stack([grey + 120 * spot, grey * (1 - spot) + 60 * spot, grey + 20 * spot]).clip(0, 255))
    return [one.astype(np.uint8) for one in found]


def balance(result: Evaluation, counts: Mapping[str, int], skew: float = 0.0) -> dict[str, np.ndarray]:
    """As many images of each class as chance gives; with `skew` the later classes are rarer."""
    rng = np.random.default_rng(5)
    shares = np.exp(-skew * np.linspace(0, 1, len(result.classes)))
    return {name: rng.multinomial(count, shares / shares.sum()) for name, count in counts.items()}


def contents(result: Evaluation | None = None, shape: tuple[int, int, int] = (1, 28, 28), **changes: Any) -> Contents:
    """A whole report; `changes` replace its fields."""
    result = evaluation() if result is None else result
    pictures = Pictures(result, shape)
    return replace(
        Contents(
            title="lenet5 on fashion-mnist",
            model="lenet5",
            paper="Gradient-based learning applied to document recognition. LeCun, Bottou, Bengio, Haffner, 1998",
            data="fashion-mnist",
            counts=COUNTS,
            balance=balance(result, COUNTS),
            split="test",
            evaluation=result,
            curve=curve(),
            best_epoch=17,
            mistakes=() if "mistakes" in changes else worst_mistakes(result, pictures, heat=heat),
            pairs=() if "mistakes" in changes else hardest_pairs(result, pictures),
            skipped=(Skipped("train/Coat/0017.jpg", "truncated"), Skipped("train/Bag/é.png", "empty file")),
            shipped=Shipped(
                "model.onnx",
                252_173,
                1.2e-6,
                1e-4,
                11,
                1.0,
                temperature=1.137,
                params=61_706,
                macs=416_520,
                speed=SPEED,
            ),
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
