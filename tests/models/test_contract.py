"""What every network promises, on the smallest members of each family."""

from __future__ import annotations

import pytest
import torch

from topfive.models import create_model, list_models, spec
from topfive.models.network_in_network import ClassMapper
from topfive.nn.classifier import Classifier

# name: (an input size, the length of the embedding)
MEMBERS = {
    "lenet5_original": (32, 84),
    "lenet5": (32, 84),
    "alexnet_paper": (67, 4096),
    "alexnet": (64, 4096),
    "zfnet": (63, 4096),
    "nin_cifar10": (17, 192),
    "sppnet_zf5": (33, 4096),
    "vgg11_bn": (32, 4096),
    "googlenet": (33, 1024),
    "googlenet_paper": (32, 1024),
    "bninception": (33, 1024),
    "inception_v2": (75, 2048),
    "inception_v3": (75, 2048),
    "inception_v4": (75, 1536),
    "inception_resnet_v1": (75, 1792),
    "squeezenet1_1": (33, 512),
    "xception": (24, 2048),
    "resnet18": (33, 512),
    "resnet50_v1": (32, 2048),
    "resnet20_cifar": (20, 64),
    "preresnet50": (32, 2048),
    "preresnet164_cifar": (16, 256),
    "wrn16_10_cifar": (16, 640),
    "densenet121": (33, 1024),
    "densenet_bc_100_12_cifar": (16, 342),
    "densenet_40_12_cifar": (16, 448),
    "resnext50_32x4d": (32, 2048),
    "darknet19": (32, 1024),
    "se_resnet50": (32, 2048),
    "se_resnext50_32x4d": (33, 2048),
    "se_bn_inception": (32, 1024),
    "mobilenet_v1": (32, 1024),
    "shufflenet_v1_x0_5_g3": (32, 480),
    "mobilenet_v2": (32, 1280),
    "nasnet_a_mobile": (33, 1056),
    "pnasnet5_mobile": (33, 1080),
    "shufflenet_v2_x0_5": (32, 1024),
    "mnasnet_small": (32, 1280),
    "mobilenet_v3_small": (33, 1024),
    "darknet53": (32, 1024),
    "resnet50d": (33, 2048),
    "regnety_002": (32, 368),
    "vit_s_16": (48, 384),
    "convnext_tiny": (33, 768),
    "efficientnet_b0": (33, 1280),
    "tf_efficientnet_b0": (32, 1280),
    "tf_efficientnet_lite0": (32, 1280),
    "efficientnet_v2_s": (32, 1280),
}

HEAVY = {"alexnet_paper", "alexnet", "zfnet", "sppnet_zf5", "vgg11_bn"}  # in starting weights


@pytest.fixture(scope="module", params=MEMBERS)
def model(request: pytest.FixtureRequest) -> Classifier:
    torch.manual_seed(0)
    return create_model(request.param, num_classes=3, in_channels=2)


@pytest.fixture
def images(model: Classifier, request: pytest.FixtureRequest) -> torch.Tensor:
    size, _ = MEMBERS[request.node.callspec.params["model"]]
    torch.manual_seed(1)
    return torch.randn(3, 2, size, size)


def test_every_family_is_here() -> None:
    assert {spec(name).family for name in MEMBERS} == {spec(name).family for name in list_models()}


def test_shapes(model: Classifier, images: torch.Tensor, request: pytest.FixtureRequest) -> None:
    _, length = MEMBERS[request.node.callspec.params["model"]]
    model.eval()
    with torch.no_grad():
        features = model.features(images)
        assert features.ndim == 4
        assert len(features) == 3
        assert model.embed(images).shape == (3, length)
        assert model(images).shape == (3, 3)
    assert model.auxiliary(images) == []


def test_the_head_on_the_embedding_is_the_whole(model: Classifier, images: torch.Tensor) -> None:
    model.eval()
    with torch.no_grad():
        logits, embedding = model.outputs(images)
        assert torch.equal(logits, model(images))
        assert torch.equal(embedding, model.embed(images))
        if isinstance(model, ClassMapper):  # it judges every place before it averages
            torch.testing.assert_close(model.head(model.features(images)), logits)
        else:
            assert torch.equal(model.head(embedding), logits)


def test_an_image_is_judged_alone(model: Classifier, images: torch.Tensor) -> None:
    model.eval()
    with torch.no_grad():
        together, alone = model(images), torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_every_parameter_gets_a_gradient(model: Classifier, images: torch.Tensor) -> None:
    model.train()
    model.zero_grad()
    torch.manual_seed(0)
    model(images).square().mean().backward()
    idle = [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    model.zero_grad(set_to_none=True)
    assert idle == []


def test_weights_travel_by_state_dict(model: Classifier, images: torch.Tensor, request: pytest.FixtureRequest) -> None:
    with torch.device("meta"):
        other = create_model(request.node.callspec.params["model"], num_classes=3, in_channels=2)
    other.load_state_dict(model.state_dict(), assign=True)
    model.eval()
    other.eval()
    with torch.no_grad():
        assert torch.equal(model(images), other(images))


def test_a_new_head_keeps_the_rest(model: Classifier, images: torch.Tensor) -> None:
    model.eval()
    old = model.head
    with torch.no_grad():
        before = model.embed(images)
        model.reset_head(5)
        assert model.num_classes == 5
        assert model(images).shape == (3, 5)
        assert torch.equal(model.embed(images), before)
        assert next(model.parameters()).dtype == torch.float32
    model.head, model.num_classes = old, 3


@pytest.mark.parametrize("name", [name for name in MEMBERS if name not in HEAVY])
def test_a_seed_decides_the_weights(name: str) -> None:
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(create_model(name).state_dict())
    first, again, other = states
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet20_cifar", "mobilenet_v2", "tf_efficientnet_b0", "efficientnet_lite0"]
)
def test_convolutional_networks_take_any_size(name: str) -> None:
    model = create_model(name, num_classes=3).eval()
    for height, width in ((1, 1), (31, 32), (47, 96)):
        with torch.no_grad():
            assert model(torch.zeros(1, 3, height, width)).isfinite().all()


@pytest.mark.parametrize("name", MEMBERS)
def test_a_new_head_on_the_meta_device(name: str) -> None:
    with torch.device("meta"):
        model = create_model(name, num_classes=12)
    model.reset_head(4)
    assert all(parameter.is_meta for parameter in model.parameters())
    facts = spec(name).facts
    images = torch.zeros(1, facts.in_channels, facts.input_size, facts.input_size, device="meta")
    assert model(images).shape == (1, 4)
