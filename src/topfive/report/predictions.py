"""What the shipped file answered to every image it was measured on: `predictions.csv`, one row an image."""

from __future__ import annotations

import csv
import io

import numpy as np

from topfive.data.table import label_cell, labels_cell, path_cell
from topfive.evaluate import Evaluation, LabelEvaluation
from topfive.evaluate.metrics import rank

PREDICTIONS = "predictions.csv"
COLUMNS = ("path", "label", "predicted", "probability", "truth_probability", "truth_rank", "correct")
OF = "probability of "  # before the name of a class, in the heading of a column


def predictions_table(evaluation: Evaluation, classes: tuple[str, ...]) -> str:
    """The file, in the order of the data set; `truth_rank` is 0 where the answer is right, below 5 for the top five."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)  # a name may hold a carriage return
    writer.writerow(COLUMNS)
    probabilities, labels = evaluation.probabilities, evaluation.labels
    guesses, ranks = probabilities.argmax(axis=1), rank(probabilities, labels)
    for row, (name, label, guess) in enumerate(zip(evaluation.names, labels, guesses, strict=True)):
        cells = [path_cell(name), label_cell(classes[label]), label_cell(classes[guess])]
        sure, true = probabilities[row, guess], probabilities[row, label]
        writer.writerow([*cells, round(float(sure), 6), round(float(true), 6), int(ranks[row]), int(label == guess)])
    return table.getvalue()


def labels_table(evaluation: LabelEvaluation, classes: tuple[str, ...]) -> str:
    """The file for several labels: those of an image, those answered at the thresholds, and every probability.

    Probabilities have all their digits, for their order is what is measured.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(("path", "labels", "predicted", *(f"{OF}{name}" for name in classes)))
    claimed = evaluation.probabilities >= np.array([score.threshold for score in evaluation.per_class])
    rows = zip(evaluation.names, evaluation.labels, claimed, evaluation.probabilities, strict=True)
    for name, shown, answered, probabilities in rows:
        cells = (labels_cell([classes[label] for label in np.flatnonzero(row)]) for row in (shown, answered))
        writer.writerow([path_cell(name), *cells, *(float(str(value)) for value in probabilities)])
    return table.getvalue()
