"""The classifier that comes with the package: EfficientNet-Lite0 on ImageNet, made by scripts/build_builtin.py."""

from __future__ import annotations

from pathlib import Path

PATH = Path(__file__).with_name("efficientnet_lite0.onnx")
SHA256 = "41ad9fd31169a9fb822e8b8d9e6f1d22c8d48f7e219bb8beda0198e1cb59bd7b"
