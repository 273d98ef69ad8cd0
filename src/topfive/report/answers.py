"""`predictions.csv` read back: which images a run was measured on, and how its answers stand to those of another."""

from __future__ import annotations

import contextlib
import csv
import functools
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from topfive.data.table import read_label, read_path, split_labels
from topfive.evaluate.labels import average_precision
from topfive.evaluate.metrics import Interval, wilson
from topfive.evaluate.paired import Paired, middle, paired, paired_redrawn
from topfive.evaluate.redrawn import redrawn
from topfive.report.predictions import OF

Image = tuple[str, ...]  # its path, and its labels in their order


class Answers(Protocol):
    """To every image, in one order; the figure is the first of the run's metrics."""

    @property
    def images(self) -> tuple[Image, ...]: ...

    @property
    def classes(self) -> tuple[str, ...]:
        """That were asked for one by one; none where the question was which."""
        ...

    @property
    def figure(self) -> float: ...

    def in_order(self) -> Self:
        """The same, by path and label."""
        ...

    def interval(self, seed: int) -> Interval:
        """The 95% interval of the figure by itself; `seed` decides resamples, where there are any."""
        ...

    def against(self, other: Any, seed: int) -> Paired:
        """How it differs from another of its kind, of the same images in the same order, and the same classes."""
        ...


@dataclass(frozen=True, eq=False)
class ClassAnswers:
    """Whether the answer to each image was right [N]; the figure is accuracy."""

    images: tuple[Image, ...] = field(repr=False)
    correct: NDArray[np.bool_] = field(repr=False)
    classes: tuple[str, ...] = ()

    @property
    def figure(self) -> float:
        return float(self.correct.mean()) if len(self.correct) else 0.0

    def in_order(self) -> ClassAnswers:
        order = _order(self.images)
        return ClassAnswers(tuple(self.images[row] for row in order), self.correct[order])

    def interval(self, seed: int) -> Interval:
        return wilson(int(self.correct.sum()), len(self.correct))

    def against(self, other: ClassAnswers, seed: int) -> Paired:
        return paired(self.correct, other.correct, seed)


@dataclass(frozen=True, eq=False)
class LabelAnswers:
    """Where images have several labels, all [N, K]: `truth`, what was `claimed`, and the probabilities.

    The figure is the mean average precision.  Its samples are kept, for they take seconds and serve every pair.
    """

    images: tuple[Image, ...] = field(repr=False)
    classes: tuple[str, ...]
    truth: NDArray[np.bool_] = field(repr=False)
    claimed: NDArray[np.bool_] = field(repr=False)
    probabilities: NDArray[np.float64] = field(repr=False)
    _kept: dict[int, NDArray[np.floating]] = field(init=False, repr=False, default_factory=dict)  # by seed

    @functools.cached_property
    def figure(self) -> float:
        pairs = zip(self.probabilities.T, self.truth.T, strict=True)
        averages = [average_precision(scores, shows) for scores, shows in pairs if shows.any()]
        return float(np.mean(averages)) if averages else 0.0

    def in_order(self) -> LabelAnswers:
        order = _order(self.images)
        images = tuple(self.images[row] for row in order)
        return LabelAnswers(images, self.classes, self.truth[order], self.claimed[order], self.probabilities[order])

    def interval(self, seed: int) -> Interval:
        return middle(self._redrawn(seed))

    def against(self, other: LabelAnswers, seed: int) -> Paired:
        interval, p = paired_redrawn(self._redrawn(seed), other._redrawn(seed))
        right, others = self.claimed == self.truth, other.claimed == other.truth
        return Paired(
            n=len(self.images),
            only_first=int((right & ~others).sum()),
            only_second=int((others & ~right).sum()),
            difference=self.figure - other.figure,
            interval=interval,
            p=p,
        )

    def _redrawn(self, seed: int) -> NDArray[np.floating]:
        if seed not in self._kept:
            self._kept[seed] = redrawn(self.probabilities, self.truth, seed)
        return self._kept[seed]


def read_predictions(text: str) -> ClassAnswers:
    """What `predictions_table` wrote; ValueError, in one line, where it is anything else."""
    images, correct = [], []
    with _rows(text) as rows:
        for row in rows:
            label, predicted, right = row["label"], row["predicted"], row["correct"]
            if right not in ("0", "1") or (right == "1" and label != predicted):
                raise ValueError(f"line {rows.line_num} contradicts itself")
            images.append((read_path(row["path"]), read_label(label)))
            correct.append(right == "1")
    return ClassAnswers(tuple(images), np.array(correct, bool))


def read_labels(text: str) -> LabelAnswers:
    """What `labels_table` wrote; ValueError, in one line, where it is anything else."""
    images, marked, probabilities = [], [], []
    with _rows(text) as rows:
        names = sorted(name.removeprefix(OF) for name in rows.fieldnames or () if name.startswith(OF))
        if len(set(names)) < max(1, len(names)):
            raise ValueError("its first line names no class, or one twice")
        index = {name: number for number, name in enumerate(names)}
        for row in rows:
            marks, both = np.zeros((2, len(names)), bool), (_names(row["labels"]), _names(row["predicted"]))
            for mark, shown in zip(marks, both, strict=True):
                mark[[index[name] for name in shown]] = True
            images.append((read_path(row["path"]), *both[0]))
            marked.append(marks)
            probabilities.append([float(row[f"{OF}{name}"]) for name in names])
            if not all(0 <= probability <= 1 for probability in probabilities[-1]):
                raise ValueError(f"line {rows.line_num} has a probability that is none")
    truth, claimed = np.array(marked, bool).reshape(-1, 2, len(names)).swapaxes(0, 1)
    scores = np.array(probabilities, np.float64).reshape(len(images), len(names))
    return LabelAnswers(tuple(images), tuple(names), truth, claimed, scores)


def _names(cell: str) -> list[str]:
    return sorted(read_label(name) for name in split_labels(cell))


@contextlib.contextmanager
def _rows(text: str) -> Iterator[csv.DictReader[str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        yield reader
    except KeyError as error:
        raise ValueError(f"it has no column {error}") from None
    except (csv.Error, TypeError, AttributeError) as error:
        raise ValueError(f"line {reader.line_num} is no row of predictions ({error})") from None


def _order(images: tuple[Image, ...]) -> list[int]:
    return sorted(range(len(images)), key=images.__getitem__)
