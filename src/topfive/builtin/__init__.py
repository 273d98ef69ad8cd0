"""The classifier that comes with the package: EfficientNet-Lite0 on ImageNet, made by scripts/build_builtin.py."""

from __future__ import annotations

from pathlib import Path

PATH = Path(__file__).with_name("efficientnet_lite0.onnx")
SHA256 = "a3c06171beb50a3dd66dfd90befaeefa46753fe2dd51a496194ff072bbc3ad4d"
