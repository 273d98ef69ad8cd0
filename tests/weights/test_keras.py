"""Files of Keras, written here without it; `test_keras_slow.py` compares with Keras itself."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from faults import keras_files
from faults.keras_files import Layers, archived, numbered, older
from topfive.errors import RefusedError
from topfive.models import create_model
from topfive.nn.classifier import Classifier
from topfive.preprocess import Preprocess
from topfive.weights import hdf5, hdf5_reader, keras, load_weights
from topfive.weights.keras_inceptions import INCEPTION_V3
from topfive.weights.keras_layouts import KERAS
from topfive.weights.keras_recent import EFFICIENTNET_V2, MOBILENET_V3
from topfive.weights.layout import Layout

pytest.importorskip("h5py")
SMALL = "tf_mobilenet_v1_025"
_LEAVES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def layers_of(model: Classifier) -> Layers:
    """Our network as Keras holds it."""
    state = model.state_dict()
    layout = next(
        layout
        for layout in KERAS
        if (names := layout.names(state)) is not None and set(layout.marks) <= set(names.values())
    )
    names = layout.names(state)
    assert names is not None
    found: Layers = {}
    for name, tensor in state.items():
        layer, _, leaf = names[name].rpartition(".")
        normalises = f"{name.rpartition('.')[0]}.running_mean" in state
        if leaf == "num_batches_tracked":
            continue
        if tensor.ndim == 4:
            depthwise = tensor.shape[1] == 1
            kind, array = (
                ("depthwise_conv2d", tensor.permute(2, 3, 0, 1))
                if depthwise
                else ("conv2d", tensor.permute(2, 3, 1, 0))
            )
        elif tensor.ndim == 2:
            kind, array = "dense", tensor.T
        else:
            kind, array = "batch_normalization", tensor
        role = _LEAVES[leaf] if normalises else {"weight": "kernel", "bias": "bias"}[leaf]
        known_kind, variables = found.setdefault(layer, (kind, {}))
        variables[role] = array.contiguous().numpy()
        assert normalises or leaf == "bias" or known_kind == kind
    return found


@pytest.fixture(scope="module")
def source() -> Classifier:
    torch.manual_seed(3)
    model = create_model(SMALL)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.ndim == 1 and not name.endswith("tracked"):
                tensor.uniform_(0.5, 1.5)
    return model


@pytest.fixture(scope="module")
def layers(source: Classifier) -> Layers:
    return layers_of(source)


def copied(model: Classifier) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


FORMS = {
    "a.weights.h5": numbered,
    "a.keras": archived,
    "a.h5": older,
    "whole.h5": lambda layers: older(layers, "model_weights"),
    "keras3.h5": lambda layers: older(layers, suffix=""),
    "no_suffix": numbered,
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_network(name: str, source: Classifier, layers: Layers, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FORMS[name](layers))
    model = create_model(SMALL)
    loaded = load_weights(model, tmp_path / name)
    assert (loaded.layout, loaded.fresh, loaded.preprocess) == ("keras", (), None)
    for key, tensor in source.state_dict().items():
        assert torch.equal(model.state_dict()[key], tensor), key


def test_without_scale_the_scale_is_one(layers: Layers, tmp_path: Path) -> None:
    bare = {name: (kind, {role: a for role, a in v.items() if role != "gamma"}) for name, (kind, v) in layers.items()}
    for form in (numbered, older):
        (tmp_path / "a.h5").write_bytes(form(bare))
        model = create_model(SMALL)
        load_weights(model, tmp_path / "a.h5")
        assert torch.equal(model.state_dict()["stem.norm.weight"], torch.ones(8))
        assert not torch.equal(model.state_dict()["stem.norm.bias"], torch.zeros(8))


def test_the_bias_before_a_normalisation_lowers_its_mean(tmp_path: Path) -> None:
    mean, bias = np.arange(4, dtype="f4"), np.full(4, 0.5, "f4")
    norm = {"gamma": mean + 1, "beta": mean, "moving_mean": mean, "moving_variance": mean + 1}
    content = numbered(
        {
            "a_conv": ("conv2d", {"kernel": np.ones((1, 1, 3, 4), "f4"), "bias": bias}),
            "a_bn": ("batch_normalization", norm),
            "b_conv": ("conv2d", {"kernel": np.ones((1, 1, 4, 2), "f4"), "bias": bias[:2]}),
        }
    )
    state = keras.tensors_of(Path("a.h5"), content)
    assert set(state) == {"a_conv.weight", "b_conv.weight", "b_conv.bias", *(f"a_bn.{leaf}" for leaf in _LEAVES)}
    assert torch.equal(state["a_bn.running_mean"], torch.tensor(mean - bias))


def test_a_dense_layer_on_maps_is_turned() -> None:
    """Keras flattens height, width, channels."""
    maps = torch.randn(1, 2, 7, 7)
    kernel = torch.randn(7 * 7 * 2, 5)
    content = numbered({"fc1": ("dense", {"kernel": kernel.numpy(), "bias": np.zeros(5, "f4")})})
    turned = keras.tensors_of(Path("a.h5"), content)["fc1.weight"]
    torch.testing.assert_close(maps.flatten(1) @ turned.T, maps.permute(0, 2, 3, 1).flatten(1) @ kernel)


def test_layers_that_keras_named_itself_are_told_apart_by_their_order() -> None:
    kernels = {number: np.full((1, 1, 2, 3), number, "f4") for number in (9, 10, 95)}
    content = numbered({f"conv2d_{number}": ("conv2d", {"kernel": kernels[number]}) for number in (95, 9, 10)})
    state = keras.tensors_of(Path("a.h5"), content)
    assert {name: float(tensor.mean()) for name, tensor in state.items()} == {
        "conv2d_0.weight": 9,
        "conv2d_1.weight": 10,
        "conv2d_2.weight": 95,
    }


def test_files_of_the_first_keras_have_other_names_for_variables() -> None:
    import io

    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["layer_names"] = [b"block1_conv1"]
        file["block1_conv1/block1_conv1_W_1:0"] = np.ones((3, 3, 3, 4), "f4")
        file["block1_conv1/block1_conv1_b_1:0"] = np.arange(4, dtype="f4")
    state = keras.tensors_of(Path("a.h5"), buffer.getvalue())
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == {
        "block1_conv1.weight": (4, 3, 3, 3),
        "block1_conv1.bias": (4,),
    }


def test_a_layer_may_have_a_name_that_begins_with_anothers() -> None:
    """As Keras 2 named those of MobileNetV3."""
    conv: tuple[str, dict[str, np.ndarray]] = ("conv2d", {"kernel": np.ones((1, 1, 3, 4), "f4")})
    norm = ("batch_normalization", {role: np.ones(4, "f4") for role in _LEAVES.values()})
    for root in ("", "model_weights"):
        state = keras.tensors_of(Path("a.h5"), older({"Conv": conv, "Conv/BatchNorm": norm}, root))
        assert set(state) == {"Conv.weight", *(f"Conv_BatchNorm.{leaf}" for leaf in _LEAVES)}


@pytest.mark.parametrize("form", [numbered, older])
def test_convnext_begins_every_name_with_its_own(form: Callable[[Layers], bytes]) -> None:
    norm = {"gamma": np.ones(4, "f4"), "beta": np.zeros(4, "f4")}
    content = form(
        {
            "mine_stem_layernorm": ("layer_normalization", norm),
            "mine_stage_0_block_0_layer_scale": ("layer_scale", {"gamma": np.full(4, 0.5, "f4")}),
            "layer_normalization_7": ("layer_normalization", norm),  # the last, where there is no head
        }
    )
    assert set(keras.tensors_of(Path("a.h5"), content)) == {
        *(f"{layer}.{leaf}" for layer in ("stem_layernorm", "head_layernorm") for leaf in ("weight", "bias")),
        "stage_0_block_0_layer_scale.weight",
    }


def test_a_scale_of_layers_has_no_name_in_older_files() -> None:
    for variable in ("Variable:0", "variable_17"):
        content = older({"a_layer_scale": ("layer_scale", {variable: np.ones(4, "f4")})}, suffix="")
        assert set(keras.tensors_of(Path("a.h5"), content)) == {"a_layer_scale.weight"}
    with pytest.raises(RefusedError, match="nothing that a network here has"):
        keras.tensors_of(Path("a.h5"), older({"a": ("dense", {"Variable": np.ones(4, "f4")})}))


@pytest.mark.parametrize("layout", [INCEPTION_V3, MOBILENET_V3[0], EFFICIENTNET_V2], ids=str)
def test_a_name_for_every_tensor_and_a_word_where_the_arithmetic_differs(layout: Layout) -> None:
    plain = {"Inception v3": "inception_v3", "MobileNetV3": "mobilenet_v3_small", "EfficientNetV2": "efficientnet_v2_s"}
    with torch.device("meta"):
        ours, other = (create_model(f"{form}{plain[layout.family]}") for form in ("tf_", ""))
    names = layout.names(ours.state_dict())
    assert names is not None
    assert set(layout.marks) <= set(names.values())
    assert len(set(names.values())) == len(names)
    assert layout.differs is not None
    assert layout.differs(ours) == ""
    assert "choose its tf_ form" in layout.differs(other)


def test_published_names_say_how_the_network_is_fed() -> None:
    kernel = np.arange(3, dtype="f4").reshape(1, 1, 3, 1).repeat(2, 3)
    content = numbered({"block1_conv1": ("conv2d", {"kernel": kernel})})
    name = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    first = keras.tensors_of(Path(name), content)["block1_conv1.weight"][0, :, 0, 0]
    assert first.tolist() == [2, 1, 0]  # red first, as ours see it
    assert keras.tensors_of(Path("mine.h5"), content)["block1_conv1.weight"][0, :, 0, 0].tolist() == [0, 1, 2]
    told = keras.preprocess_of(Path(name))
    assert told is not None
    pixel = np.array([200, 100, 50], np.uint8).reshape(1, 3, 1, 1)
    np.testing.assert_allclose(told.normalise(pixel).ravel(), (200 - 123.68, 100 - 116.779, 50 - 103.939), rtol=1e-5)
    half = keras.preprocess_of(Path("xception_weights_tf_dim_ordering_tf_kernels.h5"))
    assert half == Preprocess(size=299, mean=(0.5,) * 3, std=(0.5,) * 3)
    for name, side in (("efficientnetv2-s.h5", 384), ("efficientnetv2-m_notop.h5", 480)):
        told = keras.preprocess_of(Path(name))
        assert told is not None
        assert told.size == side
        np.testing.assert_allclose(told.normalise(pixel).ravel(), np.array([200, 100, 50]) / 128 - 1, rtol=1e-6)
    for other in (
        "efficientnetb0.h5",
        "efficientnetv2-b0.h5",
        "efficientnetv2-s.keras",
        "densenet121_weights_tf_dim_ordering_tf_kernels.h5",
        "resnet50v2_weights_tf.h5",
    ):
        assert keras.preprocess_of(Path(other)) is None


def test_another_arithmetic_is_refused(layers: Layers, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(numbered(layers))
    model = create_model("mobilenet_v1_025")
    before = copied(model)
    with pytest.raises(RefusedError, match="choose its tf_ form"):
        load_weights(model, tmp_path / "a.h5")
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_without_a_top_the_head_stays_fresh(layers: Layers, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(numbered({name: layer for name, layer in layers.items() if name != "conv_preds"}))
    loaded = load_weights(create_model(SMALL, num_classes=7), tmp_path / "a.h5")
    assert (loaded.fresh, loaded.because) == (("head.weight", "head.bias"), "absent there")


@pytest.mark.parametrize("name", keras_files.FAULTS)
def test_a_fault_is_one_line_and_changes_nothing(name: str, layers: Layers, tmp_path: Path) -> None:
    fault = keras_files.FAULTS[name]
    path = tmp_path / fault.name
    path.write_bytes(fault.make(layers))
    model = create_model(SMALL)
    before = copied(model)
    with pytest.raises(RefusedError) as caught:
        load_weights(model, path)
    line = str(caught.value)
    assert fault.says in line
    assert "\n" not in line
    assert caught.value.exit_code == 4
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


CRASHES = """
import os, signal
os.kill(os.getpid(), signal.SIGSEGV)
"""


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (CRASHES, "which stopped its reader"),
        ("raise SystemExit(1)", "which stopped its reader"),
        ("print('nonsense')", "which stopped its reader"),
        ("import time; time.sleep(60)", "cannot be read in any time"),
    ],
)
def test_what_becomes_of_the_reader_does_not_become_of_us(
    program: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """HDF5's library crashes on some damaged files, and so it runs in a process of its own."""
    (tmp_path / "reader.py").write_text(program)
    monkeypatch.setattr(hdf5_reader, "__file__", str(tmp_path / "reader.py"))
    monkeypatch.setattr(hdf5, "TIMEOUT", 3.0)
    with pytest.raises(RefusedError, match=says):
        keras.tensors_of(Path("a.h5"), numbered({"a": ("dense", {"kernel": np.zeros((2, 2), "f4")})}))


@settings(max_examples=40)
@given(data=st.data())
def test_damage_anywhere_in_the_structure_is_refused_or_harmless(data: st.DataObject) -> None:
    """Bytes changed outside the arrays: never anything but a refusal, or a file that reads."""
    kernel = np.zeros((1, 1, 2, 3), "f4")
    sound = bytearray(numbered({"a_conv": ("conv2d", {"kernel": kernel}), "b_conv": ("conv2d", {"kernel": kernel})}))
    for _ in range(data.draw(st.integers(1, 4))):
        sound[data.draw(st.integers(0, len(sound) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RefusedError):
        keras.tensors_of(Path("a.h5"), bytes(sound))


def test_the_extra_is_named_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, layers: Layers
) -> None:
    import sys

    from topfive.errors import UsageError

    (tmp_path / "a.h5").write_bytes(numbered(layers))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UsageError, match=r"topfive\[keras\]"):
        load_weights(create_model(SMALL), tmp_path / "a.h5")


def test_a_suffix_that_lies_is_refused(layers: Layers, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(numbered(layers))
    shutil.copy(tmp_path / "a.h5", tmp_path / "a.safetensors")
    with pytest.raises(RefusedError, match="named as a safetensors file, but its content is Keras"):
        load_weights(create_model(SMALL), tmp_path / "a.safetensors")
