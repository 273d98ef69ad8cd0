"""Keras' own files and answers, for every network of keras.applications that we have in its arithmetic."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

from topfive.errors import RefusedError  # noqa: E402
from topfive.models import create_model, nasnet  # noqa: E402
from topfive.nn.cell import SAME, Parts  # noqa: E402
from topfive.nn.classifier import Classifier  # noqa: E402
from topfive.preprocess import Preprocess  # noqa: E402
from topfive.weights import load_weights  # noqa: E402
from topfive.weights.keras_layouts import KERAS as LAYOUTS  # noqa: E402
from weights.elsewhere import KERAS, KERAS_LEFT_OUT  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
TOLERANCE = 1e-5  # of the largest logit
_SIDES = {"tf_xception": 71, "tf_inception_v3": 75, "inception_resnet_v2": 75}
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


@pytest.fixture(autouse=True)
def _nasnet_in_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras refuses its mobile NASNet with torch, which can do it."""
    module = keras.src.applications.nasnet
    own = {name: getattr(module.backend, name) for name in ("image_data_format", "is_keras_tensor", "name_scope")}
    monkeypatch.setattr(module, "backend", SimpleNamespace(backend=lambda: "", **own))


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
    layers = {layer.name: layer for layer in network.layers}
    candidates = [
        names
        for layout in LAYOUTS
        if (names := layout.names(model.state_dict())) and set(layout.marks) <= set(names.values())
    ]
    found = max(candidates, key=lambda names: sum(theirs.rpartition(".")[0] in layers for theirs in names.values()))
    counted = [name for name in layers if name.startswith(("conv2d", "batch_normalization"))]
    for name, theirs in found.items():
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


def fed(name: str, images: torch.Tensor) -> torch.Tensor:
    """What Keras' network takes, whose first layers make `images` of it."""
    statistics = Preprocess()
    if name.startswith("EfficientNetV2"):
        return (images + 1) * 128
    if name.startswith("EfficientNet"):
        return images * 255  # it divides by 255 itself, and without published weights it does no more
    if name.startswith("MobileNetV3"):
        return (images + 1) * 127.5
    if name.startswith("ConvNeXt"):
        mean, std = (
            torch.tensor(values, dtype=images.dtype).view(3, 1, 1) for values in (statistics.mean, statistics.std)
        )
        return (images * std + mean) * 255
    return images


def built(name: str, side: int = 64, **options: Any) -> Any:
    """Keras' network `name`, of random weights."""
    keras.utils.clear_session()
    if "VGG" not in name and name != "MobileNet":
        options["input_shape"] = (side, side, 3)
    network = getattr(keras.applications, name)(weights=None, **options)
    randomised(network)
    return network


def worst(network: Any, model: Classifier, images: torch.Tensor, keras_name: str, path: Path) -> tuple[float, float]:
    """The largest difference of the answers, relative to the largest logit: as we have it, and with Keras' epsilon."""
    network.save_weights(path.with_name("calibrating.weights.h5"))
    load_weights(model, path.with_name("calibrating.weights.h5"))
    calibrated(network, model, images)
    for tensor in model.state_dict().values():
        tensor.zero_()
    network.save_weights(path) if path.name.endswith(".weights.h5") else network.save(path)
    loaded = load_weights(model, path)
    assert (loaded.layout, loaded.fresh) == ("keras", ())
    with torch.no_grad():
        ours = model(images)
        for norm in (module for module in model.modules() if isinstance(module, nn.BatchNorm2d) and module.eps == 1e-5):
            norm.eps = 1.001e-5  # Keras' in ResNet and DenseNet, a thousandth more than everyone's
        exactly = model(images)
    theirs = logits(network, fed(keras_name, images))
    scale = theirs.abs().max()
    assert (theirs[0] - theirs[1]).abs().max() > 1e-2 * scale
    return float((ours - theirs).abs().max() / scale), float((exactly - theirs).abs().max() / scale)


def random_images(side: int) -> torch.Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(("keras_name", "name"), KERAS.items())
def test_answers_are_those_of_keras(
    keras_name: str, name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    network = built(keras_name, 160 if "efficientnet" in name else _SIDES.get(name, 64))
    model = create_model(name).double().eval()
    path = tmp_path / f"a{_FORMS[len(name) % 3]}"
    ours, exactly = worst(network, model, random_images(network.input_shape[1]), keras_name, path)
    record_property("worst", exactly)
    assert exactly < TOLERANCE
    assert ours < 10 * TOLERANCE


@pytest.mark.parametrize("side", [64, 95])
def test_nasnet_is_keras_at_even_and_odd_sizes(side: int, tmp_path: Path) -> None:
    """The large one, 1/21 as wide."""
    keras.utils.clear_session()
    settings = {"penultimate_filters": 24 * 8, "num_blocks": 6, "stem_block_filters": 12, "skip_reduction": True}
    network = keras.src.applications.nasnet.NASNet((side, side, 3), weights=None, default_size=331, **settings)
    randomised(network)
    steps = nasnet.plan_of_the_large(nasnet.NASNET_A, 6, 8)

    def ours(parts: Parts) -> Classifier:
        return nasnet.NASNet(steps, num_classes=1000, in_channels=3, stem_channels=12, parts=parts).double().eval()

    given = ours(nasnet.OVER_ZEROS)
    assert max(worst(network, given, random_images(side), "NASNetLarge", tmp_path / "a.keras")) < TOLERANCE
    for parts in (SAME, nasnet.COUNTING):
        with pytest.raises(RefusedError, match="pool over zeros at the border: choose tf_nasnet_a_large"):
            load_weights(ours(parts), tmp_path / "a.keras")


_NEAREST = {
    "NASNetMobile": ("nasnet_a_mobile", "pool over zeros at the border: choose tf_nasnet_a_mobile"),
    "ResNet50V2": ("preresnet50", "has no such tensor"),
    "EfficientNetV2B0": ("tf_efficientnet_v2_s", "its shape is|it is missing"),
    "InceptionV3": ("inception_v3", "leaves the padding out: choose its tf_ form"),
    "MobileNetV3Small": ("mobilenet_v3_small", "choose its tf_ form"),
    "EfficientNetV2S": ("efficientnet_v2_s", "choose its tf_ form"),
}


@pytest.mark.parametrize("keras_name", _NEAREST)
def test_what_answers_differently_is_refused(keras_name: str, tmp_path: Path) -> None:
    assert keras_name in KERAS_LEFT_OUT or keras_name in KERAS
    name, says = _NEAREST[keras_name]
    built(keras_name, 75).save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(RefusedError, match=says):
        load_weights(create_model(name), tmp_path / "a.weights.h5")


_BACKBONES = ("VGG16", "MobileNetV2", "MobileNetV3Small", "EfficientNetV2S", "ConvNeXtTiny", "InceptionV3")


@pytest.mark.parametrize("form", [".weights.h5", ".h5"])
@pytest.mark.parametrize("keras_name", _BACKBONES)
def test_without_a_top_the_head_stays_fresh(keras_name: str, form: str, tmp_path: Path) -> None:
    network = getattr(keras.applications, keras_name)(weights=None, include_top=False, input_shape=(75, 75, 3))
    path = tmp_path / f"a{form}"
    network.save_weights(path) if form == ".weights.h5" else network.save(path)
    model = create_model(KERAS[keras_name], num_classes=3)
    loaded = load_weights(model, path)
    tops = {name for name in model.state_dict() if name.startswith(("head.", "hidden."))}
    assert set(loaded.fresh) == tops
    assert "fresh, absent there: " in loaded.summary()
