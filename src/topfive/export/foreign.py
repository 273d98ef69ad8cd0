"""A trained network as a state dict in another library's names, for those who go on there."""

from __future__ import annotations

import io
import os
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor

from topfive import artifact
from topfive.errors import UsageError, nearest, need
from topfive.nn.classifier import Classifier
from topfive.weights.counterparts import in_timm, in_torchvision
from topfive.weights.layout import Layout
from topfive.weights.published import TIMM, TORCHVISION, unknown
from topfive.weights.recognise import KNOWN

LIBRARIES = {TORCHVISION: in_torchvision, TIMM: in_timm}
_TORCH = (".pth", ".pt")


def check(architecture: str, library: str, path: str | os.PathLike[str]) -> str:
    """The library's name of the network.  Raises what `write_state_dict` does before it looks at a number."""
    if library not in LIBRARIES:
        hint = nearest(library, LIBRARIES) or "no such library"
        raise UsageError("--to", library, hint, f"Choose {' or '.join(LIBRARIES)}")
    if Path(path).suffix.lower() not in (".safetensors", *_TORCH):
        raise UsageError("--out", path, "no file of weights", "Name it .safetensors or .pth")
    theirs = LIBRARIES[library](architecture)
    if theirs is None:
        raise unknown(architecture, library)
    return theirs


def write_state_dict(model: Classifier, architecture: str, library: str, path: str | os.PathLike[str]) -> str:
    """Write the weights of `model`, which is the variant `architecture`, and return the library's name of the network.

    The suffix of `path` decides between safetensors and torch.save.  RefusedError where the library has no network that
    computes the same.
    """
    theirs = check(architecture, library, path)
    state = state_dict(model, architecture, library)
    if Path(path).suffix.lower() in _TORCH:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getvalue()
    else:
        need("safetensors", "train")
        from safetensors.torch import save

        content = save(state, metadata={"format": "pt"})
    artifact.write(path, content)
    return theirs


def state_dict(model: Classifier, architecture: str, library: str) -> dict[str, Tensor]:
    """The tensors of `model` by the names, and in the shapes, of torchvision or timm.

    As torch's own state dicts do, it carries the version of the format, which safetensors cannot keep.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    layout = layout_of(model, library) if LIBRARIES[library](architecture) is not None else None
    if layout is None:
        raise unknown(architecture, library)
    names = layout.names(state)
    assert names is not None
    found = OrderedDict((names[name], layout.shaped(name, tensor)) for name, tensor in state.items())
    found._metadata = {"": {"version": 2}}  # type: ignore[attr-defined]  # torchvision's MNASNet insists on one
    return found


def layout_of(model: Classifier, library: str) -> Layout | None:
    """The library's layout that has a name of its own for each tensor of `model`."""
    ours = list(model.state_dict())
    for layout in KNOWN:
        names = layout.names(ours) if library in layout.library else None
        if names is None or not set(layout.marks) <= set(names.values()) or len(set(names.values())) < len(names):
            continue
        if layout.differs is None or not layout.differs(model):
            return layout
    return None
