"""A watcher, of a training or of a search, that remembers what it was told."""

from __future__ import annotations

from topfive.search.search import Silent as OfSearch
from topfive.train.fit import Silent as OfTraining


class Heard(OfSearch, OfTraining):
    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)
