"""Metrics and calibration: what a classifier is worth on labelled images."""

from topfive.evaluate.calibration import fit_temperature
from topfive.evaluate.dataset import check_classes, evaluate
from topfive.evaluate.metrics import ClassScore, Evaluation, Interval, measure

__all__ = [
    "ClassScore",
    "Evaluation",
    "Interval",
    "check_classes",
    "evaluate",
    "fit_temperature",
    "measure",
]
