"""The names of pretrainedmodels, from torchvision's networks, from which it makes most of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision

from parity.transplant import distance, unsettle
from topfive.errors import RefusedError
from topfive.models import create_model
from topfive.weights import load_weights
from topfive.weights.cells import NASNET_MOBILE
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("theirs", "ours"), CADENE.items())
def test_every_tensor_has_its_place(theirs: str, ours: str) -> None:
    cadene = pytest.importorskip("pretrainedmodels")
    network = cadene.__dict__[theirs](num_classes=1000, pretrained=None)
    state = {key: tensor for key, tensor in network.state_dict().items() if not key.startswith("AuxLogits.")}
    loaded = load_weights(create_model(ours), state)
    assert (loaded.fresh, loaded.matched) == ((), len(state))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_convolutions_with_biases_are_refused() -> None:
    cadene = pytest.importorskip("pretrainedmodels")
    state = cadene.__dict__["fbresnet152"](num_classes=1000, pretrained=None).state_dict()
    with pytest.raises(RefusedError, match=r"conv1\.bias"):
        load_weights(create_model("resnet152"), state)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_nasnet_mobile_answers_as_theirs_at_its_own_size() -> None:
    """Their pools are shifted by a pixel where a map is odd, and after the stem no map of 224 pixels is."""
    network = pytest.importorskip("pretrainedmodels").nasnetamobile(num_classes=1000, pretrained=None)
    unsettle(network, 224)
    ours = create_model("nasnet_a_mobile").double().eval()
    assert load_weights(ours, network.state_dict()).layout == "pretrainedmodels"
    assert distance(ours, network, 224) < 1e-5
