"""Metrics and calibration: what a classifier is worth on labelled images."""

from topfive.evaluate.calibration import fit_temperature
from topfive.evaluate.classes import match_classes
from topfive.evaluate.dataset import evaluate, evaluate_labels
from topfive.evaluate.labels import LabelEvaluation, LabelScore, fit_thresholds, measure_labels
from topfive.evaluate.metrics import ClassScore, Evaluation, Interval, measure
from topfive.evaluate.views import Views, short_sides

__all__ = [
    "ClassScore",
    "Evaluation",
    "Interval",
    "LabelEvaluation",
    "LabelScore",
    "Views",
    "evaluate",
    "evaluate_labels",
    "fit_temperature",
    "fit_thresholds",
    "match_classes",
    "measure",
    "measure_labels",
    "short_sides",
]
