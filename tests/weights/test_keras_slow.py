"""Keras' own files and answers, for every network of keras.applications that we have in its arithmetic."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

from topfive.models import create_model  # noqa: E402
from topfive.weights import load_weights  # noqa: E402
from topfive.weights.keras_layouts import KERAS  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
TOLERANCE = 1e-5  # of the largest logit
CASES = {
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "resnet50_v1": "ResNet50",
    "resnet101_v1": "ResNet101",
    "resnet152_v1": "ResNet152",
    "densenet121": "DenseNet121",
    "densenet169": "DenseNet169",
    "densenet201": "DenseNet201",
    "tf_xception": "Xception",
    "tf_mobilenet_v1": "MobileNet",
    "tf_mobilenet_v2": "MobileNetV2",
    **{f"tf_efficientnet_b{index}": f"EfficientNetB{index}" for index in range(8)},
}
_FORMS = (".weights.h5", ".h5", ".keras")


@pytest.fixture(autouse=True)
def _one_thread_in_double_precision(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """So that rounding, which deep networks enlarge, hides nothing; by itself Keras normalises in single precision."""
    normalisation = keras.src.layers.normalization.batch_normalization
    monkeypatch.setattr(normalisation.backend, "result_type", lambda *_: "float64")
    before, precision = torch.get_num_threads(), keras.config.floatx()
    torch.set_num_threads(1)
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(precision)
    torch.set_num_threads(before)


def randomised(network: Any) -> None:
    """Every variable: kernels by what they sum over, scales and variances around one, the rest around zero."""
    draw = np.random.default_rng(5)
    for layer in network.layers:
        for variable in layer.weights:
            shape = tuple(variable.shape)
            if type(layer).__name__ == "Normalization":
                continue
            if "gamma" in variable.name or "variance" in variable.name:
                value = draw.uniform(0.5, 1.5, shape)
            elif len(shape) == 1:
                value = draw.normal(0, 0.1, shape)
            else:
                depthwise = len(shape) == 4 and shape[3] == 1
                inputs = np.prod(shape[:2]) if depthwise else np.prod(shape[:-1])
                value = draw.uniform(-1, 1, shape) * (6 / inputs) ** 0.5
            variable.assign(value)


def calibrated(network: Any, model: nn.Module, images: torch.Tensor) -> None:
    """Statistics of `images` in both: measured in ours, written into theirs, whose convolutions may have biases."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        model(images)
    model.eval()
    layout = next(
        one for one in KERAS if (names := one.names(model.state_dict())) and set(one.marks) <= set(names.values())
    )
    layers = {layer.name: layer for layer in network.layers}
    counted = [name for name in layers if name.startswith(("conv2d", "batch_normalization"))]
    for name, theirs in (layout.names(model.state_dict()) or {}).items():
        layer, _, leaf = theirs.rpartition(".")
        if leaf not in ("running_mean", "running_var"):
            continue
        if layer.startswith("batch_normalization"):
            ranked = sorted(
                (one for one in counted if one.startswith("batch")), key=lambda one: int([*one.split("_"), "0"][2])
            )
            layer = ranked[int(layer.rsplit("_", 1)[1])]
        value = model.state_dict()[name].numpy()
        conv = layers.get(f"{layer.removesuffix('_bn')}_conv") if layer.endswith("_bn") else None
        if leaf == "running_mean" and conv is not None and conv.use_bias:
            value = value + np.asarray(conv.bias.value.detach())
        variable = layers[layer].moving_mean if leaf == "running_mean" else layers[layer].moving_variance
        variable.assign(value)


def logits(network: Any, images: torch.Tensor) -> torch.Tensor:
    """Before the softmax, which stands alone in MobileNet and inside the last layer elsewhere."""
    last = network.layers[-1]
    if isinstance(last, keras.layers.Activation):
        network = keras.Model(network.input, network.layers[-2].output)
    else:
        last.activation = keras.activations.linear
    with torch.no_grad():
        return torch.as_tensor(network(images.permute(0, 2, 3, 1).numpy(), training=False).detach().cpu().numpy())


@pytest.mark.parametrize("name", CASES)
def test_answers_are_those_of_keras(name: str, tmp_path: Path) -> None:
    keras.utils.clear_session()
    side = 160 if "efficientnet" in name else 71 if name == "tf_xception" else 64
    options = {} if "vgg" in name or name == "tf_mobilenet_v1" else {"input_shape": (side, side, 3)}
    network = getattr(keras.applications, CASES[name])(weights=None, **options)
    side = network.input_shape[1]
    randomised(network)
    network.save_weights(tmp_path / "a.weights.h5")
    model = create_model(name).double()
    load_weights(model, tmp_path / "a.weights.h5")
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    calibrated(network, model, images)

    form = _FORMS[len(name) % 3]
    path = tmp_path / f"b{form}"
    network.save_weights(path) if form == ".weights.h5" else network.save(path)
    model = create_model(name).double().eval()
    loaded = load_weights(model, path)
    assert (loaded.layout, loaded.fresh) == ("keras", ())
    with torch.no_grad():
        ours = model(images)
        for norm in (module for module in model.modules() if isinstance(module, nn.BatchNorm2d) and module.eps == 1e-5):
            norm.eps = 1.001e-5  # Keras' in ResNet and DenseNet, a thousandth more than everyone's
        exactly = model(images)
    theirs = logits(network, images * 255 if "efficientnet" in name else images)  # it divides by 255 itself
    scale = theirs.abs().max()
    assert (theirs[0] - theirs[1]).abs().max() > 1e-2 * scale
    assert (exactly - theirs).abs().max() < TOLERANCE * scale
    assert (ours - theirs).abs().max() < 10 * TOLERANCE * scale


@pytest.mark.parametrize(("name", "keras_name"), [("tf_mobilenet_v2", "MobileNetV2"), ("vgg16", "VGG16")])
def test_without_a_top(name: str, keras_name: str, tmp_path: Path) -> None:
    network = getattr(keras.applications, keras_name)(weights=None, include_top=False, input_shape=(64, 64, 3))
    network.save_weights(tmp_path / "a.weights.h5")
    loaded = load_weights(create_model(name, num_classes=3), tmp_path / "a.weights.h5")
    assert "head.weight" in loaded.fresh
    assert loaded.because == "absent there"
