"""Which of a model's classes the classes of a data set are."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from topfive.errors import DataError, shown
from topfive.labels import Labels

SHOWN = 5


def match_classes(labels: Labels, classes: tuple[str, ...]) -> NDArray[np.int64]:
    """[len(classes)], the index that each class has in the model, all by synset or all by name.

    The data may lack some of the model's classes.  DataError, with both differences, where it has others, and where a
    name is that of two classes.
    """
    for known in (labels.synsets, labels.names):
        if set(classes) <= set(known):
            break
    else:
        lacking = set(labels.names) - set(classes)
        strange = set(classes) - set(labels.names) - set(labels.synsets)
        why = f"only the model has {_some(lacking)}; only the data has {_some(strange or classes)}"
        raise DataError("the classes differ", None, why, "Evaluate on images of the model's own classes")
    index = {name: number for number, name in enumerate(known)}
    for name in classes:
        if len(index) < len(known) and known.count(name) > 1:
            why = f"{shown(name)} is the name of {known.count(name)} of the model's classes"
            raise DataError("the classes are ambiguous", None, why, "Name the classes by synset")
    return np.array([index[name] for name in classes], np.int64)


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    first = ", ".join(repr(shown(name)) for name in listed[:SHOWN]) or "none"
    return first + (f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else "")
