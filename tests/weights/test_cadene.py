"""The names of pretrainedmodels, from torchvision's networks, from which it makes most of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn

from parity.transplant import distance, unsettle
from topfive.errors import RefusedError
from topfive.models import create_model
from topfive.models.nasnet import COUNTING, NASNET_A, OVER_ZEROS, NASNet, plan_of_the_large
from topfive.nn.cell import SAME, Parts
from topfive.nn.classifier import Classifier
from topfive.weights import load_weights
from topfive.weights.cadene import without_offsets
from topfive.weights.cells import NASNET, NASNET_MOBILE
from topfive.weights.recognise import recognise
from weights.elsewhere import CADENE

CASES = {
    "alexnet": [("features.", "_features."), ("classifier.1.", "linear0."), ("classifier.4.", "linear1."),
                ("classifier.6.", "last_linear.")],
    "vgg11_bn": [("features.", "_features."), ("classifier.0.", "linear0."), ("classifier.3.", "linear1."),
                 ("classifier.6.", "last_linear.")],
    "vgg11": [("features.", "_features."), ("classifier.0.", "linear0."), ("classifier.3.", "linear1."),
              ("classifier.6.", "last_linear.")],
    "resnet18": [("fc.", "last_linear.")],
    "densenet121": [("classifier.", "last_linear.")],
    "squeezenet1_1": [("classifier.1.", "last_conv.")],
    "inception_v3": [("fc.", "last_linear.")],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
@pytest.mark.parametrize("name", CASES)
def test_it_is_torchvisions_network_with_another_head(name: str) -> None:
    with torch.device("meta"):
        ours = create_model(name).state_dict()
        theirs = dict(torchvision.models.get_model(name, weights=None).state_dict())
    original = recognise(ours, theirs).names
    renamed = {}
    for key in theirs:
        before, after = next((pair for pair in CASES[name] if key.startswith(pair[0])), ("", ""))
        renamed[key] = after + key.removeprefix(before)
    match = recognise(ours, {renamed[key]: tensor for key, tensor in theirs.items()})
    assert match.library == "pretrainedmodels"
    assert {key: renamed[value] for key, value in original.items()} == match.names


def test_a_foreign_head_of_another_size_stays_out() -> None:
    state = dict(torchvision.models.squeezenet1_1(weights=None, num_classes=9).state_dict())
    cadene = {key.replace("classifier.1.", "last_conv."): tensor for key, tensor in state.items()}
    loaded = load_weights(create_model("squeezenet1_1"), cadene)
    assert (loaded.layout, len(loaded.fresh)) == ("pretrainedmodels", 2)


def test_the_mobile_nasnet_numbers_its_cells_as_the_large_one_does() -> None:
    with torch.device("meta"):
        mobile = create_model("nasnet_a_mobile").state_dict()
    theirs = NASNET_MOBILE.names(mobile)
    assert theirs is not None
    assert theirs["cells.7.squeeze.conv.weight"] == "cell_6.conv_1x1.conv.weight"
    assert theirs["cells.11.squeeze.conv.weight"] == "reduction_cell_1.conv_1x1.conv.weight"
    state = {theirs[name]: tensor for name, tensor in mobile.items()}
    assert recognise(mobile, state).layout is NASNET_MOBILE


def test_caffes_resnet_is_known_by_its_name_alone(tmp_path: Path) -> None:
    state = {"conv1.weight": torch.zeros(64, 3, 7, 7)}
    torch.save(state, tmp_path / "cafferesnet101-9d633cc0.pth")
    with pytest.raises(RefusedError, match="pools from the edge on"):
        load_weights(create_model("resnet18"), tmp_path / "cafferesnet101-9d633cc0.pth")


def resnet_with_biases() -> nn.Module:
    """fbresnet152's kind of network, at another depth."""
    torch.manual_seed(0)
    network = torchvision.models.resnet50(weights=None)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.bias = nn.Parameter(torch.zeros(module.out_channels))
    return unsettle(network, 64)


def as_cadenes(network: nn.Module) -> dict[str, Tensor]:
    return {key.replace("fc.", "last_linear."): tensor for key, tensor in network.state_dict().items()}


def test_the_biases_of_normalised_convolutions_go_into_the_means() -> None:
    network = resnet_with_biases()
    ours = create_model("resnet50").double().eval()
    state = as_cadenes(network)
    assert "layer1.0.downsample.0.bias" in state
    assert load_weights(ours, state).layout == "pretrainedmodels"
    assert distance(ours, network, 64) < 1e-5
    assert "conv1.bias" in state  # the caller's own is as it was
    for name in ("conv1.bias", "layer1.0.downsample.0.bias"):
        state[name] = state[name] + 1
    load_weights(ours, state)
    assert distance(ours, network, 64) > 1e-3


@pytest.mark.parametrize("bias", [torch.zeros(3), torch.zeros(()), "zero", None])
def test_a_bias_that_fits_no_normalisation_is_refused(bias: object) -> None:
    state = as_cadenes(torchvision.models.resnet18(weights=None)) | {"conv1.bias": bias}
    with pytest.raises(RefusedError, match=r"conv1\.bias"):
        load_weights(create_model("resnet18"), state)


def tiny(parts: Parts) -> Classifier:
    """NASNet-A large, 1/42 as wide."""
    steps = plan_of_the_large(NASNET_A, 6, 4)
    return NASNet(steps, num_classes=2, in_channels=3, stem_channels=4, parts=parts)


def state_of(network: Classifier) -> dict[str, Tensor]:
    """By the names that timm and pretrainedmodels share."""
    names = NASNET.names(network.state_dict())
    assert names is not None
    return {names[key]: tensor for key, tensor in network.state_dict().items()}


NAMED = {
    "nasnetalarge-a1897284.pth": (SAME, COUNTING, "choose nasnet_a_large_paper"),
    "nasnetalarge-dc4a7b8b.pth": (COUNTING, SAME, "choose nasnet_a_large$"),
}


@pytest.mark.parametrize("name", NAMED)
def test_the_large_nasnets_are_told_apart_by_the_names_of_their_files(name: str, tmp_path: Path) -> None:
    right, wrong, says = NAMED[name]
    ours = tiny(right)
    for file in (name, "mine.pth"):
        torch.save(state_of(ours), tmp_path / file)
    assert load_weights(ours, tmp_path / name).fresh == ()
    with pytest.raises(RefusedError, match=says):
        load_weights(tiny(wrong), tmp_path / name)
    assert "timm (or pretrainedmodels) names" in load_weights(tiny(wrong), tmp_path / "mine.pth").summary()
    with pytest.raises(RefusedError, match="only Keras' has zeros in its max pools: choose nasnet_a_large"):
        load_weights(tiny(OVER_ZEROS), tmp_path / "mine.pth")


def test_a_folder_of_timms_is_refused_where_the_means_leave_the_zeros_out(tmp_path: Path) -> None:
    ours = tiny(COUNTING)
    torch.save(state_of(ours), tmp_path / "pytorch_model.bin")
    fed = {"input_size": [3, 331, 331], "mean": [0.5] * 3, "std": [0.5] * 3}
    config = {"architecture": "nasnetalarge", "num_classes": 2, "pretrained_cfg": fed}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert load_weights(ours, tmp_path).architecture == "nasnetalarge"
    with pytest.raises(RefusedError, match=r"count the zeros at the border: choose nasnet_a_large$"):
        load_weights(tiny(SAME), tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("theirs", "ours"), CADENE.items())
def test_every_tensor_has_its_place(theirs: str, ours: str) -> None:
    cadene = pytest.importorskip("pretrainedmodels")
    network = cadene.__dict__[theirs](num_classes=1000, pretrained=None)
    state = {key: tensor for key, tensor in network.state_dict().items() if not key.startswith("AuxLogits.")}
    loaded = load_weights(create_model(ours), state)
    assert (loaded.fresh, loaded.matched) == ((), len(without_offsets(state)))


# Their paddings are right for the size that each was made for, and for the other from which the stem makes its maps.
ANSWERS = {"nasnetalarge": 331, "nasnetamobile": 223, "pnasnet5large": 331, "fbresnet152": 223}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("theirs", "size"), ANSWERS.items())
def test_answers_are_theirs(theirs: str, size: int) -> None:
    torch.manual_seed(0)
    network = pytest.importorskip("pretrainedmodels").__dict__[theirs](num_classes=1000, pretrained=None)
    unsettle(network, size)
    ours = create_model(CADENE[theirs]).double().eval()
    assert "pretrainedmodels" in load_weights(ours, network.state_dict()).layout
    for side in (size, size + 1):
        assert distance(ours, network, side) < 1e-5
