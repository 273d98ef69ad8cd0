"""The names of pretrainedmodels, from torchvision's networks, from which it makes most of its own."""

from __future__ import annotations

import pytest
import torch
import torchvision

from topfive.models import create_model
from topfive.weights import load_weights
from topfive.weights.recognise import recognise

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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_network_that_is_here_and_there() -> None:
    """All names and answers; NASNet-A mobile is named otherwise there, and the rest is not here."""
    cadene = pytest.importorskip("pretrainedmodels")
    here = {
        "inceptionv3": "inception_v3",
        "inceptionv4": "inception_v4",
        "inceptionresnetv2": "inception_resnet_v2",
        "pnasnet5large": "pnasnet5_large",
        "nasnetalarge": "nasnet_a_large",
    }
    elsewhere = {"fbresnet152", "cafferesnet101", "nasnetamobile"}
    seen = 0
    for theirs in cadene.model_names:
        if theirs in elsewhere or theirs.startswith("dpn"):
            continue
        network = cadene.__dict__[theirs](num_classes=1000, pretrained=None)
        state = {key: tensor for key, tensor in network.state_dict().items() if not key.startswith("AuxLogits.")}
        ours = create_model(here.get(theirs, theirs))
        loaded = load_weights(ours, state)
        assert (loaded.fresh, loaded.matched) == ((), len(state)), theirs
        seen += 1
    assert seen >= 30
