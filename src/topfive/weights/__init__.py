"""Weights from files into our networks: our own artifacts and folders, and the checkpoints of other libraries."""

from topfive.weights.load import Loaded, load_weights
from topfive.weights.source import contents_digest, resolve

__all__ = ["Loaded", "contents_digest", "load_weights", "resolve"]
