"""A file of weights that Keras wrote -> tensors in torch's order, named `layer.weight`, `layer.running_mean` and so on.

Three forms: `.weights.h5` and `.keras` of Keras 3, where the variables of a layer are numbered, and the older `.h5`,
where they have names, as the files of keras.applications are.  Nothing but arrays is taken: no configuration is read
and no layer is made.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topfive.errors import shown
from topfive.preprocess import Preprocess
from topfive.weights import hdf5
from topfive.weights.files import refused

INSIDE = "model.weights.h5"  # what a `.keras` archive holds
_ADVICE = "Save the weights again with Keras 3: model.save_weights('NAME.weights.h5')"

_VARIABLES: dict[
    str, tuple[tuple[str, ...], ...]
] = {  # by class, in Keras' order; fewer where there is no bias or scale
    "conv2d": (("kernel",), ("kernel", "bias")),
    "depthwise_conv2d": (("kernel",), ("kernel", "bias")),
    "separable_conv2d": (
        ("depthwise_kernel", "pointwise_kernel"),
        ("depthwise_kernel", "pointwise_kernel", "bias"),
    ),
    "dense": (("kernel",), ("kernel", "bias")),
    "batch_normalization": (
        ("beta", "moving_mean", "moving_variance"),
        ("gamma", "beta", "moving_mean", "moving_variance"),
    ),
    "layer_normalization": (("gamma", "beta"),),
    "layer_scale": (("gamma",),),
}
_WITHOUT_WEIGHTS = ("normalization", "seed_generator")  # preprocessing, which is told apart, and random numbers
_LEAVES = {
    "kernel": "weight",
    "W": "weight",
    "depthwise_kernel": "depthwise.weight",
    "pointwise_kernel": "pointwise.weight",
    "bias": "bias",
    "b": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "running_mean": "running_mean",
    "running_std": "running_var",  # so called by Keras 1, and a variance all the same
}
_NAMED = re.compile(
    r"(?:.*[/_])?(depthwise_kernel|pointwise_kernel|kernel|bias|gamma|beta|moving_mean|moving_variance|running_mean"
    r"|running_std|W|b)(?:_\d+)?(?::\d+)?"
)
_NAMELESS = re.compile(r"[Vv]ariable(_\d+)?(:\d+)?")
_COUNTED = re.compile(r"(conv2d|separable_conv2d|depthwise_conv2d|batch_normalization|dense)(?:_(\d+))?")
_RENAMED = {"Logits": "predictions", "fc1000": "predictions", "probs": "predictions"}  # in files of several years
_FIRST = ("block1_conv1.weight", "conv1_conv.weight")  # that sees the colours
_FLATTENED = {"fc1": 7}  # a dense layer on a map: the side of the map, whose channels come last in Keras

Named = dict[str, dict[str, NDArray[Any]]]

_CAFFE = Preprocess(mean=(123.68 / 255, 116.779 / 255, 103.939 / 255), std=(1 / 255,) * 3)
_TENSORFLOW = Preprocess(size=299, mean=(0.5,) * 3, std=(0.5,) * 3)
_HALVED = Preprocess(size=480, crop=1.0, interpolation="bicubic", mean=(128 / 255,) * 3, std=(128 / 255,) * 3)
_ORIGINALS = {
    **dict.fromkeys((r"vgg1[69]_.*tf.*", r"resnet(50|101|152)_.*tf.*"), _CAFFE),
    r"mobilenet_.*tf.*": replace(_TENSORFLOW, size=224),
    r"(inception_v3|inception_resnet_v2|xception)_.*tf.*": _TENSORFLOW,
    r"efficientnetv2-[ml](_notop)?": _HALVED,
    r"efficientnetv2-s(_notop)?": replace(_HALVED, size=384),
}
"""How the files are fed that keras.applications publishes, by their names without the suffix, where it is not as the
network's own row says: EfficientNetV2 has a layer that divides by 128 and takes 1 off."""


def tensors_of(path: Path, content: bytes) -> dict[str, Tensor]:
    """RefusedError where it is damaged, hostile or of no form that we know."""
    if content.startswith(b"PK"):
        content = _unpacked(path, content)
    tree = hdf5.read(path, content)
    layers = _older(path, tree) if tree.layers else _numbered(path, tree)
    if not layers:
        raise refused(path, "an HDF5 file without the layers of a Keras network", _ADVICE)
    state = {
        f"{layer}.{leaf}": tensor
        for layer, variables in _by_rank(_without_prefix(path, layers)).items()
        for leaf, tensor in _tensors(layer, variables)
    }
    if preprocess_of(path) is _CAFFE:  # trained on blue, green, red
        state |= {name: state[name].flip(1) for name in _FIRST if name in state}
    return _without_offsets(state)


def preprocess_of(path: Path) -> Preprocess | None:
    """How a file is fed that has a name of keras.applications; None where it is as the network's own row says."""
    name = path.name.removesuffix(".h5") if path.suffix == ".h5" else ""
    return next((told for pattern, told in _ORIGINALS.items() if re.fullmatch(pattern, name)), None)


def _unpacked(path: Path, content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entry = archive.getinfo(INSIDE)
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > len(content):
                raise refused(path, "a compressed archive, which Keras does not write", _ADVICE)
            return archive.read(entry)
    except (zipfile.BadZipFile, KeyError, EOFError, ValueError, OSError, RuntimeError, NotImplementedError) as error:
        raise refused(path, f"no archive of Keras with {INSIDE} inside, or a damaged one", _ADVICE) from error


def _numbered(path: Path, tree: hdf5.Tree) -> Named:
    """Keras 3: `.../CLASS_3/vars/0`, with the layer's name beside the variables."""
    groups: dict[str, dict[int, NDArray[Any]]] = defaultdict(dict)
    for where, array in tree.arrays.items():
        group, _, number = where.rpartition("/")
        if where.startswith("optimizer/") or any(part in where.split("/") for part in _WITHOUT_WEIGHTS):
            continue
        if not number.isdecimal() or not number.isascii() or not group.endswith("/vars"):
            raise refused(path, f"`{shown(where)}` is nothing that Keras writes", _ADVICE)
        groups[group][int(number)] = array
    layers: Named = {}
    for group, variables in groups.items():
        kind = re.sub(r"_\d+$", "", group.split("/")[-2])
        roles = next((roles for roles in _VARIABLES.get(kind, ()) if len(roles) == len(variables)), None)
        if kind in _WITHOUT_WEIGHTS:
            continue
        if group not in tree.names:
            raise refused(path, f"it does not say the name of `{shown(group)}`", _ADVICE)
        if roles is None or set(variables) != set(range(len(roles))):
            why = (
                f"`{shown(tree.names[group])}` is a {shown(kind)} with {len(variables)} variables, which none here has"
            )
            raise refused(path, why, "Give the weights of one of the networks here")
        _add(path, layers, tree.names[group], {role: variables[index] for index, role in enumerate(roles)})
    return layers


def _older(path: Path, tree: hdf5.Tree) -> Named:
    """`LAYER/.../kernel:0`, below one of the groups that the file calls its layers."""
    known = set(tree.layers)
    layers: Named = {}
    found: dict[str, dict[str, dict[str, NDArray[Any]]]] = defaultdict(lambda: defaultdict(dict))
    for where, array in tree.arrays.items():
        parts = where.split("/")
        tops = ("/".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))  # "Conv/BatchNorm" stands beside "Conv"
        top = next((top for top in tops if top in known), None)
        if top is None:
            if parts[0] in ("optimizer_weights", "top_level_model_weights"):
                continue
            raise refused(path, f"`{shown(where)}` belongs to no layer", _ADVICE)
        group, variable = "/".join(parts[:-1]), parts[-1]
        if (match := _NAMED.fullmatch(variable)) is not None:
            found[top][group][match[1]] = array
        elif top.endswith("_layer_scale") and _NAMELESS.fullmatch(variable):
            found[top][group]["gamma"] = array
        elif re.fullmatch(r"(mean|variance|count)(:0)?", variable) is None and "seed_generator" not in where:
            raise refused(path, f"`{shown(where)}` is nothing that a network here has", _ADVICE)
    for top, groups in found.items():
        for group, roles in groups.items():
            inside = group.removeprefix(f"{top}/").removeprefix(f"{top.rpartition('/')[2]}/")  # Keras 3 says it twice
            name = top if len(groups) == 1 else inside
            _add(path, layers, name.removeprefix("model_weights/"), roles)
    return layers


def _add(path: Path, layers: Named, name: str, variables: dict[str, NDArray[Any]]) -> None:
    name = name.replace("/", "_").replace(".", "_")
    name = _RENAMED.get(name, name)
    if name in layers:
        raise refused(path, f"two layers have the name {shown(name)!r}", _ADVICE)
    layers[name] = variables


def _without_prefix(path: Path, layers: Named) -> Named:
    """ConvNeXt's layers begin with the network's name, all but the last normalisation where there is no head."""
    stem, last = "stem_layernorm", "head_layernorm"
    prefix = next((name.removesuffix(stem) for name in layers if name.endswith(f"_{stem}")), None)
    if prefix is None:
        return layers
    found: Named = {}
    for name, variables in layers.items():
        _add(path, found, re.sub(r"layer_normalization(_\d+)?", last, name.removeprefix(prefix)), variables)
    return found


def _by_rank(layers: Named) -> Named:
    """Layers that Keras named itself count on through a session: what tells them apart is their order."""
    counted: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name in layers:
        if (match := _COUNTED.fullmatch(name)) is not None:
            counted[match[1]].append((int(match[2] or 0), name))
    ranks = {name: f"{kind}_{rank}" for kind, names in counted.items() for rank, (_, name) in enumerate(sorted(names))}
    return {ranks.get(name, name): variables for name, variables in layers.items()}


def _tensors(layer: str, variables: Mapping[str, NDArray[Any]]) -> Iterator[tuple[str, Tensor]]:
    for role, array in variables.items():
        tensor = torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")))
        yield _LEAVES[role], _in_torch_order(layer, role, tensor).contiguous()
    if "moving_mean" in variables and "gamma" not in variables:
        yield "weight", torch.ones(variables["moving_mean"].shape)


def _in_torch_order(layer: str, role: str, tensor: Tensor) -> Tensor:
    """[height, width, in, out] to [out, in, height, width]; a depthwise [height, width, in, 1] to [in, 1, ...]."""
    if tensor.ndim == 4:
        depthwise = role == "depthwise_kernel" or tensor.shape[3] == 1
        return tensor.permute((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    if tensor.ndim == 2:
        side = _FLATTENED.get(layer, 0)
        if side and len(tensor) % side**2 == 0:
            return tensor.reshape(side, side, -1, tensor.shape[1]).permute(3, 2, 0, 1).flatten(1)
        return tensor.T
    return tensor


def _without_offsets(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without the biases of convolutions before a normalisation, which takes them off again: its mean is lowered."""
    for name in list(state):
        layer, _, leaf = name.rpartition(".")
        mean = f"{layer.removesuffix('_conv')}_bn.running_mean"
        if leaf == "bias" and layer.endswith("_conv") and mean in state and state[mean].shape == state[name].shape:
            state[mean] = state[mean] - state.pop(name)
    return state
