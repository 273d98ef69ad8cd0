"""State dicts for torchvision and timm: what they load, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from topfive.errors import RefusedError, UsageError
from topfive.export.foreign import LIBRARIES, layout_of, state_dict, write_state_dict
from topfive.models import create_model, list_models
from topfive.weights import load_weights

# One a family and library, the smallest that has what its family needs.
CASES = [
    ("squeezenet1_1", "torchvision", 64),
    ("googlenet", "torchvision", 64),
    ("inception_v3", "timm", 96),
    ("resnet18", "torchvision", 64),
    ("resnet18", "timm", 64),
    ("resnext50_32x4d", "torchvision", 64),
    ("densenet121", "torchvision", 64),
    ("densenet121", "timm", 64),
    ("xception", "timm", 96),
    ("mobilenet_v1", "timm", 64),
    ("mobilenet_v2", "torchvision", 64),
    ("mobilenet_v2", "timm", 64),
    ("shufflenet_v2_x0_5", "torchvision", 64),
    ("mnasnet_b1", "torchvision", 64),
    ("mnasnet_small", "timm", 64),
    ("mobilenet_v3_small", "torchvision", 64),
    ("tf_mobilenet_v3_small", "timm", 64),
    ("mobilenet_v3_large", "torchvision", 64),
    ("se_resnet50", "timm", 64),
    ("resnet50d", "timm", 64),
    ("efficientnet_b0", "torchvision", 64),
    ("efficientnet_b0", "timm", 64),
    ("tf_efficientnet_b0", "timm", 64),
    ("efficientnet_lite0", "timm", 64),
    ("regnety_002", "timm", 64),
    ("regnety_004", "torchvision", 64),
    ("convnext_tiny", "torchvision", 64),
    ("convnext_tiny", "timm", 64),
]
PAIRS = [(name, library) for name in list_models() for library, find in LIBRARIES.items() if find(name) is not None]
SIDES = ("aux1.", "aux2.", "AuxLogits.")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def theirs_of(name: str, library: str) -> nn.Module:
    """The library's network with storage and whatever memory held."""
    found = LIBRARIES[library](name)
    assert found is not None
    if library == "timm":
        with torch.device("meta"):
            network: nn.Module = timm.create_model(found, pretrained=False)
    elif found.startswith("regnet"):  # it draws its widths with tensors
        return torchvision.models.get_model(found, weights=None)
    else:
        options = {"init_weights": False} if found in ("googlenet", "inception_v3") else {}
        if options and not name.endswith("_aux"):
            options["aux_logits"] = False
        with torch.device("meta"):
            network = torchvision.models.get_model(found, weights=None, **options)
    return network.to_empty(device="cpu")


def randomised(network: nn.Module) -> None:
    """Every number of the state, buffers that are no weights excepted."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if not tensor.is_floating_point():
                tensor.fill_(3)
            elif tensor.ndim < 2 or tensor.shape[1:].numel() == 1:
                tensor.uniform_(0.5, 1.5, generator=generator)
            else:
                bound = (6 / tensor[0].numel()) ** 0.5
                tensor.uniform_(-bound, bound, generator=generator)


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype and torch.equal(first[name], second[name]) for name in first
    )


@pytest.mark.parametrize(("name", "library", "size"), CASES)
def test_state_dict_in_and_out_and_equal_answers(name: str, library: str, size: int) -> None:
    source = theirs_of(name, library)
    randomised(source)
    given = source.state_dict()
    ours = create_model(name).eval()
    load_weights(ours, given)
    written = state_dict(ours, name, library)
    assert equal(written, dict(given))

    again = theirs_of(name, library)
    again.load_state_dict(written)
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    images[1] = 4 * images[1] + 1  # plainly another
    with torch.no_grad():
        answers, expected = ours(images), again.eval()(images)
    scale = expected.abs().max()
    assert bool(torch.isfinite(scale))
    assert (expected[0] - expected[1]).abs().max() > 1e-4 * scale
    assert (answers - expected).abs().max() < 1e-5 * scale


@pytest.mark.slow
@pytest.mark.parametrize(("name", "library"), PAIRS)
def test_every_counterpart_in_and_out(name: str, library: str) -> None:
    source = theirs_of(name, library)
    randomised(source)
    given = {key: tensor for key, tensor in source.state_dict().items() if _is_here(name, key)}
    ours = create_model(name)
    load_weights(ours, given)
    assert equal(state_dict(ours, name, library), given)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_counterpart_has_one_layout(library: str) -> None:
    """On the meta device; that its names are theirs, tests/weights shows."""
    for name, of in PAIRS:
        if of != library:
            continue
        with torch.device("meta"):
            layout = layout_of(create_model(name), library)
        assert layout is not None, name


def _is_here(name: str, key: str) -> bool:
    return name.endswith("_aux") or not key.startswith(SIDES)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_of_either_kind_comes_back(suffix: str, tmp_path: Path) -> None:
    ours, again = create_model("shufflenet_v2_x0_5"), create_model("shufflenet_v2_x0_5")
    path = tmp_path / f"a{suffix}"
    assert write_state_dict(ours, "shufflenet_v2_x0_5", "torchvision", path) == "shufflenet_v2_x0_5"
    loaded = load_weights(again, path)
    assert (loaded.layout, loaded.fresh) == ("torchvision", ())
    assert equal(dict(ours.state_dict()), dict(again.state_dict()))
    if suffix == ".pth":
        plain = torch.load(path, weights_only=True)
        torchvision.models.shufflenet_v2_x0_5(weights=None).load_state_dict(plain)


def test_another_number_of_classes_is_written_too() -> None:
    with torch.device("meta"):
        ours = create_model("mobilenet_v2", num_classes=7)
        assert state_dict_shapes(ours, "timm")["classifier.weight"] == (7, 1280)


def state_dict_shapes(model: nn.Module, library: str) -> dict[str, tuple[int, ...]]:
    layout = layout_of(model, library)  # type: ignore[arg-type]
    assert layout is not None
    state = model.state_dict()
    names = layout.names(state)
    assert names is not None
    return {names[name]: tuple(layout.shaped(name, tensor).shape) for name, tensor in state.items()}


@pytest.mark.parametrize(
    ("name", "library", "says"),
    [
        ("resnet20_cifar", "timm", "no network that computes as resnet20_cifar does"),
        ("tf_efficientnet_lite0", "torchvision", "no network that computes as tf_efficientnet_lite0 does"),
        ("mobilenet_v3_small", "timm", "Choose --model tf_mobilenet_v3_small"),
        ("lenet5", "torchvision", "no network that computes as lenet5 does"),
    ],
)
def test_where_there_is_no_such_network_it_is_refused(name: str, library: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=says):
        write_state_dict(create_model(name), name, library, tmp_path / "a.pth")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("library", "file", "says"),
    [
        ("timmy", "a.pth", "did you mean 'timm'"),
        ("keras", "a.pth", "Choose torchvision or timm"),
        ("timm", "a.onnx", "Name it .safetensors or .pth"),
        ("timm", "a", "Name it .safetensors or .pth"),
    ],
)
def test_what_cannot_be_meant_is_said(library: str, file: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        write_state_dict(create_model("resnet20_cifar"), "resnet18", library, tmp_path / file)


def test_a_network_that_is_not_the_one_named_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        write_state_dict(create_model("lenet5"), "resnet18", "timm", tmp_path / "a.pth")
