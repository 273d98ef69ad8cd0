"""Which pictures a report shows: the surest mistakes, and the pairs of classes that are taken for each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from topfive.data import ImageDataset
from topfive.evaluate import Evaluation, LabelEvaluation
from topfive.images import ImageError
from topfive.report.contents import Mistake, Pair, Pixels, WrongLabel

Rows = NDArray[np.int64]
M = TypeVar("M", Mistake, WrongLabel)
Heat = Callable[[Sequence[Pixels], Sequence[int]], Sequence[Pixels]]  # pictures and classes -> the evidence on each


def worst_mistakes(
    evaluation: Evaluation, dataset: ImageDataset, count: int = 24, heat: Heat | None = None
) -> tuple[Mistake, ...]:
    """The wrong answers that `evaluation` gave most confidently, with their pictures from the `dataset` it measured."""
    rows = _surest_wrong(evaluation)[:count]
    mistakes = _mistakes(evaluation, dataset, rows)
    return _heated(mistakes, evaluation.probabilities[rows].argmax(axis=1).tolist(), heat)


def worst_labels(
    evaluation: LabelEvaluation, dataset: ImageDataset, count: int = 24, heat: Heat | None = None
) -> tuple[WrongLabel, ...]:
    """The most probable of the classes that were claimed wrongly, and the least of those missed: half of `count` each.

    Each with its picture from the `dataset` that `evaluation` measured, and the evidence for the class on it.
    """
    probabilities = evaluation.probabilities
    claimed = probabilities >= [score.threshold for score in evaluation.per_class]
    index_of = _index_of(dataset) if (claimed != evaluation.labels).any() else {}
    found, columns = [], []
    for claim, sureness in ((True, probabilities), (False, 1 - probabilities)):
        rows, classes = np.nonzero((claimed == claim) & (evaluation.labels != claim))
        order = np.argsort(-sureness[rows, classes], kind="stable")[: count // 2]
        for row, column in zip(rows[order].tolist(), classes[order].tolist(), strict=True):
            name = evaluation.names[row] if evaluation.names else dataset.name(row)
            wrong = WrongLabel(
                name=name,
                label=evaluation.classes[column],
                claimed=claim,
                probability=float(probabilities[row, column]),
                threshold=evaluation.per_class[column].threshold,
                truth=tuple(evaluation.classes[shown] for shown in np.flatnonzero(evaluation.labels[row])),
                pixels=_pixels(dataset, index_of[name]),
            )
            found.append(wrong)
            columns.append(column)
    return _heated(tuple(found), columns, heat)


def _heated(examples: tuple[M, ...], classes: Sequence[int], heat: Heat | None) -> tuple[M, ...]:
    """With the evidence for the class of each, where its picture can be read."""
    readable = [(row, one.pixels, classes[row]) for row, one in enumerate(examples) if one.pixels is not None]
    if heat is None or not readable:
        return examples
    maps = heat([pixels for _, pixels, _ in readable], [found for _, _, found in readable])
    heated = {row: found for (row, _, _), found in zip(readable, maps, strict=True)}
    return tuple(replace(one, heat=heated.get(row)) for row, one in enumerate(examples))


def hardest_pairs(evaluation: Evaluation, dataset: ImageDataset, count: int = 6, examples: int = 8) -> tuple[Pair, ...]:
    """The classes that are taken for each other most often, both ways together and at least twice."""
    counts, classes = evaluation.confusion, evaluation.classes
    both = np.triu(counts + counts.T, 1)
    firsts, seconds = np.nonzero(both >= 2)
    order = np.argsort(-both[firsts, seconds], kind="stable")[:count]
    rows = _surest_wrong(evaluation)
    answers = np.sort(np.stack([evaluation.labels[rows], evaluation.probabilities[rows].argmax(axis=1)], 1), axis=1)
    pairs = []
    for first, second in zip(firsts[order].tolist(), seconds[order].tolist(), strict=True):
        between = rows[(answers == (first, second)).all(axis=1)]
        if counts[second, first] > counts[first, second]:
            first, second = second, first
        pairs.append(
            Pair(
                first=classes[first],
                second=classes[second],
                first_as_second=int(counts[first, second]),
                second_as_first=int(counts[second, first]),
                examples=_mistakes(evaluation, dataset, between[:examples]),
            )
        )
    return tuple(pairs)


def _surest_wrong(evaluation: Evaluation) -> Rows:
    """The rows of all wrong answers, the surest first."""
    probabilities = evaluation.probabilities
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != evaluation.labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]


def _mistakes(evaluation: Evaluation, dataset: ImageDataset, rows: Rows) -> tuple[Mistake, ...]:
    probabilities, labels = evaluation.probabilities, evaluation.labels
    index_of = _index_of(dataset) if len(rows) else {}
    mistakes = []
    for row in rows.tolist():
        name = evaluation.names[row] if evaluation.names else dataset.name(row)
        truth, guess = int(labels[row]), int(probabilities[row].argmax())
        mistakes.append(
            Mistake(
                name=name,
                truth=evaluation.classes[truth],
                guess=evaluation.classes[guess],
                probability=float(probabilities[row, guess]),
                truth_probability=float(probabilities[row, truth]),
                pixels=_pixels(dataset, index_of[name]),
            )
        )
    return tuple(mistakes)


def _index_of(dataset: ImageDataset) -> dict[str, int]:
    """Where the image of each name is: those that were skipped have no row in an evaluation, so rows tell nothing."""
    return {dataset.name(index): index for index in range(len(dataset))}


def _pixels(dataset: ImageDataset, index: int) -> Pixels | None:
    try:
        return dataset[index][0]
    except ImageError:  # it was read for the evaluation, and has gone since
        return None
