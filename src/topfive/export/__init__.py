"""Our networks -> the shipped file and the training side's folder, each checked against the network itself."""

from topfive.export.artifact import export
from topfive.export.golden import encode, golden_images
from topfive.export.parity import Parity

__all__ = ["Parity", "encode", "export", "golden_images"]
