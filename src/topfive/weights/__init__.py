"""Weights from files into our networks: our own artifacts and folders, and the checkpoints of other libraries."""

from topfive.weights.load import Loaded, load_weights
from topfive.weights.source import resolve

__all__ = ["Loaded", "load_weights", "resolve"]
