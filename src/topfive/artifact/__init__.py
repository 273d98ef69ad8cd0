"""The shipped file: an ONNX model that any runtime opens, with all that is needed to use it in its metadata.

Graph: one input `images` float32 [N, C, side, side], outputs `logits` [N, classes] and `embedding` [N, D].
"""

from __future__ import annotations

from topfive.artifact.file import CONSTANT, Artifact, attach, parameters, read, rename, write
from topfive.artifact.metadata import Activation, Card, Golden, Metadata, MetadataError, Precision

__all__ = [
    "CONSTANT",
    "Activation",
    "Artifact",
    "Card",
    "Golden",
    "Metadata",
    "MetadataError",
    "Precision",
    "attach",
    "parameters",
    "read",
    "rename",
    "write",
]
