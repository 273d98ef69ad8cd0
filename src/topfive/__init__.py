"""topfive: image classification from the papers to the device.

Names resolve on first use, so that `import topfive` costs nothing and needs neither torch nor onnxruntime.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Where each public name lives.
_HOMES = {
    "create_model": "topfive.models",
    "list_models": "topfive.models",
    "load_weights": "topfive.weights",
    "Predictor": "topfive.predictor",
    "ImageClassifier": "topfive.estimator",
    "Recipe": "topfive.train",
    "fit": "topfive.train",
    "TopfiveError": "topfive.errors",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'topfive' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
