"""ResNet's descendants against timm, torchvision and pytorchcv: same tensors, same logits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
import timm
import torch
import torchvision
from torch import nn

from parity.transplant import distance, in_order, transplant, unsettle
from topfive.models import create_model, regnet
from topfive.models.bag_of_tricks import resnet_c, resnet_d
from topfive.models.darknet53 import Darknet53, slight_layer
from topfive.models.densenet import DenseLayer, DenseNet, bottleneck
from topfive.models.preresnet import PreActivated, PreBottleneck, PreResNet, bare_stem
from topfive.models.resnet import Residual, ResNet, imagenet_stem
from topfive.models.resnext import Aggregated
from topfive.models.senet import SE154, deep_stem, se_resnet, se_resnext
from topfive.models.wide_resnet import WideBasic, WideBottleneck
from topfive.nn.classifier import Classifier
from topfive.nn.squeeze_excite import SqueezeExcite
from topfive.weights import load_weights

TOLERANCE = 1e-5
EVEN, ODD = 64, 65
ONE_EACH = (1, 1, 1, 1)  # blocks a stage: every kind of block and shortcut once, in a hundredth of the time

Build = Callable[[], nn.Module]


def timm_preactivated(name: str) -> nn.Module:
    """timm's network with the normalisation and ReLU that its stem leaves out."""
    oracle = timm.create_model(name)
    conv, pool = oracle.stem.conv, oracle.stem.pool
    oracle.stem = nn.Sequential(
        OrderedDict(conv=conv, norm=nn.BatchNorm2d(conv.out_channels), activation=nn.ReLU(), pool=pool)
    )
    return oracle


def torchvision_resnet(**kinds: int) -> nn.Module:
    return torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, list(ONE_EACH), **kinds)


def torchvision_densenet() -> nn.Module:
    return torchvision.models.DenseNet(growth_rate=12, block_config=(2, 3, 2), num_init_features=24)


def small(build: Callable[..., Classifier]) -> Callable[[], Classifier]:
    return partial(build, num_classes=1000, in_channels=3)


def wrong_epsilon(ours: nn.Module) -> None:
    for norm in ours.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps = 1e-3


def other_activation(ours: nn.Module) -> None:
    for module in ours.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, nn.LeakyReLU(0.01))


def activation_after_the_sum(ours: nn.Module) -> None:
    block = next(module for module in ours.modules() if isinstance(module, PreActivated))
    block.register_forward_hook(lambda _, __, output: output.relu())


def no_activation_after_the_sum(ours: nn.Module) -> None:
    block = next(module for module in ours.modules() if isinstance(module, Residual))
    block.forward = lambda x: block.branch(x) + block.shortcut(x)  # type: ignore[method-assign]


def other_groups(ours: nn.Module) -> None:
    """The same channels, dealt out to the groups in another order."""
    block = next(module for module in ours.modules() if isinstance(module, Aggregated))
    block.branch[0].register_forward_hook(lambda _, __, output: output.roll(1, 1))


def new_maps_first(ours: nn.Module) -> None:
    layer = next(module for module in ours.modules() if isinstance(module, DenseLayer))
    layer.forward = lambda x: torch.cat([layer.composite(x), x], 1)  # type: ignore[method-assign]


def no_excitation(ours: nn.Module) -> None:
    part = next(module for module in ours.modules() if isinstance(module, SqueezeExcite))
    part.forward = nn.Identity().forward  # type: ignore[method-assign]


def stride_without_pooling(ours: nn.Module) -> None:
    """The shortcut of ResNet-C where that of D belongs."""
    pool = next(module for module in ours.modules() if isinstance(module, nn.AvgPool2d) and module.kernel_size == 2)
    pool.forward = lambda x: x[:, :, ::2, ::2]  # type: ignore[method-assign]


def other_slope(ours: nn.Module) -> None:
    for module in ours.modules():
        if isinstance(module, nn.LeakyReLU):
            module.negative_slope = 0.1


def timm_senet(block: str, **kinds: int | bool) -> nn.Module:
    senet = timm.models.senet
    return senet.SENet(getattr(senet, block), ONE_EACH, reduction=16, **kinds)


def timm_tricks(avg_down: bool) -> nn.Module:
    resnet = timm.models.resnet
    return resnet.ResNet(resnet.Bottleneck, ONE_EACH, stem_type="deep", stem_width=32, avg_down=avg_down)


@dataclass(frozen=True)
class Case:
    ours: str | Callable[[], Classifier]
    oracle: Build
    sabotages: tuple[Callable[[nn.Module], None], ...]
    as_defined: bool = False


CASES = {
    "preresnet50": Case(
        "preresnet50", partial(timm_preactivated, "resnetv2_50"), (wrong_epsilon, activation_after_the_sum)
    ),
    "wide basic blocks": Case(
        small(partial(PreResNet, partial(WideBasic, widening=1), (2, 2, 2, 2))),
        partial(timm_preactivated, "resnetv2_18"),
        (activation_after_the_sum,),
    ),
    "wide bottlenecks": Case(
        small(partial(ResNet, WideBottleneck, ONE_EACH)),
        partial(torchvision_resnet, width_per_group=128),
        (wrong_epsilon, no_activation_after_the_sum),
    ),
    "aggregated": Case(
        small(partial(ResNet, Aggregated, ONE_EACH)),
        partial(torchvision_resnet, groups=32, width_per_group=4),
        (other_groups, no_activation_after_the_sum),
    ),
    "dense": Case(
        small(
            partial(DenseNet, bottleneck, (2, 3, 2), growth=12, compression=0.5, stem=imagenet_stem, stem_channels=24)
        ),
        torchvision_densenet,
        (wrong_epsilon, other_activation, new_maps_first),
    ),
    "se_resnet": Case(
        small(se_resnet(ONE_EACH)), partial(timm_senet, "SEResNetBottleneck", groups=1), (no_excitation,), True
    ),
    "se_resnext": Case(
        small(se_resnext(ONE_EACH)), partial(timm_senet, "SEResNeXtBottleneck", groups=32), (no_excitation,), True
    ),
    "senet154": Case(
        small(partial(ResNet, SE154, ONE_EACH, stem=deep_stem, width=128, dropout=0.2)),
        partial(
            timm_senet,
            "SEBottleneck",
            groups=64,
            inplanes=128,
            input_3x3=True,
            downsample_kernel_size=3,
            downsample_padding=1,
        ),
        (no_excitation,),
        True,
    ),
    "resnet_c": Case(small(resnet_c(ONE_EACH)), partial(timm_tricks, False), (no_activation_after_the_sum,)),
    "resnet_d": Case(small(resnet_d(ONE_EACH)), partial(timm_tricks, True), (stride_without_pooling,)),
    "darknet": Case(
        small(partial(Darknet53, slight_layer, (1, 1, 1, 1, 1))),
        partial(timm.create_model, "darknet17"),
        (wrong_epsilon, other_slope),
    ),
    "regnety_002": Case(
        "regnety_002", partial(timm.create_model, "regnety_002"), (no_excitation, no_activation_after_the_sum)
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_logits_equal_the_oracles_and_no_others(case: Case) -> None:
    torch.manual_seed(0)
    oracle = unsettle(case.oracle(), EVEN)
    ours = transplant(oracle, case.ours, EVEN, as_defined=case.as_defined)
    assert distance(ours, oracle, EVEN) < TOLERANCE
    assert distance(ours, oracle, ODD) < TOLERANCE
    for sabotage in case.sabotages:
        sabotaged = transplant(oracle, case.ours, EVEN, as_defined=case.as_defined)
        sabotage(sabotaged)
        assert distance(sabotaged, oracle, EVEN) > 10 * TOLERANCE, sabotage.__name__


TORCHVISION = (
    *("wide_resnet50_2", "wide_resnet101_2", "resnext50_32x4d", "resnext101_64x4d"),
    *(f"densenet{depth}" for depth in (121, 161, 169, 201)),
)
TIMM = {
    "resnext101_32x4d": "resnext101_32x4d",
    "se_resnet50": "legacy_seresnet50",
    "se_resnet101": "legacy_seresnet101",
    "se_resnet152": "legacy_seresnet152",
    "se_resnext50_32x4d": "legacy_seresnext50_32x4d",
    "se_resnext101_32x4d": "legacy_seresnext101_32x4d",
    "senet154": "legacy_senet154",
    "resnet50b": "resnet50",
    "resnet50c": "resnet50c",
    "resnet50d": "resnet50d",
    "resnet101d": "resnet101d",
    "resnet152d": "resnet152d",
    "darknet53": "darknet53",
    **{spec.name: spec.name for spec in regnet.VARIANTS},
}
PREACTIVATED = ("preresnet101", "preresnet152")  # by timm's resnetv2
PYTORCHCV = {
    "preresnet50": "preresnet50b",
    "preresnet200": "preresnet200b",
    "preresnet164_cifar": "preresnet164bn_cifar10",
    "preresnet1001_cifar": "preresnet1001_cifar10",
    "wrn16_10_cifar": "wrn16_10_cifar10",
    "wrn28_10_cifar": "wrn28_10_cifar10",
    "wrn40_8_cifar": "wrn40_8_cifar10",
    "densenet_bc_100_12_cifar": "densenet100_k12_bc_cifar10",
    "darknet19": "darknet19",
    "darknet53_paper": "darknet53",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TORCHVISION, *TIMM, *PREACTIVATED])
def test_every_member_equals_torchvisions_or_timms(name: str) -> None:
    torch.manual_seed(0)
    if name in PREACTIVATED:
        oracle = timm_preactivated(name.replace("preresnet", "resnetv2_"))
    else:
        oracle = torchvision.models.get_model(name) if name in TORCHVISION else timm.create_model(TIMM[name])
    unsettle(oracle, EVEN)
    ours = transplant(oracle, name, EVEN, as_defined=name.startswith("se"))
    assert distance(ours, oracle, EVEN) < TOLERANCE
    assert distance(ours, oracle, ODD) < TOLERANCE


def shortcuts_early(oracle: nn.Module, size: int) -> list[nn.Module]:
    """pytorchcv's layers as they run, but each shortcut right after the activation that feeds it, as ours."""
    order = in_order(oracle, torch.zeros(1, 3, size, size, dtype=torch.float64))
    for unit in oracle.modules():
        if hasattr(unit, "identity_conv"):
            order.remove(unit.identity_conv)
            order.insert(order.index(unit.body.conv1.bn) + 1, unit.identity_conv)
    return order


@pytest.mark.slow
@pytest.mark.parametrize("name", PYTORCHCV)
def test_every_member_equals_pytorchcvs(name: str) -> None:
    """Its last pooling is fixed: only sizes that end in as many pixels as the usual one pass."""
    provider = pytest.importorskip("pytorchcv.model_provider")
    even = 32 if name.endswith("_cifar") else 224
    torch.manual_seed(0)
    oracle = unsettle(provider.get_model(PYTORCHCV[name], pretrained=False), even)
    ours = transplant(oracle, name, even, layers=shortcuts_early(oracle, even))
    assert distance(ours, oracle, even) < TOLERANCE
    if not name.startswith(("densenet", "darknet19")):  # whose poolings round down, to another number of pixels
        assert distance(ours, oracle, even - 1) < TOLERANCE


def dense_by_hand(x: torch.Tensor, network: DenseNet) -> torch.Tensor:
    """The plain DenseNet of sec. 3 written out with functions alone, from the tensors of `network`."""
    tensors = network.state_dict()

    def normalised(name: str, x: torch.Tensor) -> torch.Tensor:
        mean, variance = tensors[f"{name}.running_mean"], tensors[f"{name}.running_var"]
        return nn.functional.batch_norm(x, mean, variance, tensors[f"{name}.weight"], tensors[f"{name}.bias"]).relu()

    x = nn.functional.conv2d(x, tensors["stem.weight"], padding=1)
    for stage in range(3):
        maps = [x]
        for layer in range(12):
            name = f"stages.{stage}.{layer}.composite.0"
            hidden = normalised(f"{name}.norm", torch.cat(maps, 1))
            maps.append(nn.functional.conv2d(hidden, tensors[f"{name}.conv.weight"], padding=1))
        x = torch.cat(maps, 1)
        if stage < 2:
            name = f"stages.{stage}.transition"
            x = nn.functional.conv2d(normalised(f"{name}.norm", x), tensors[f"{name}.conv.weight"])
            x = nn.functional.avg_pool2d(x, 2)
    x = normalised("last.norm", x).mean((2, 3))
    return x @ tensors["head.weight"].T + tensors["head.bias"]


@pytest.mark.parametrize("size", [16, 17])
def test_the_plain_dense_network_by_hand(size: int) -> None:
    """No library has it: pytorchcv's has another stem and transitions that halve."""
    torch.manual_seed(0)
    model = create_model("densenet_40_12_cifar")
    unsettle(model, size)
    images = torch.randn(2, 3, size, size, dtype=torch.float64)
    with torch.no_grad():
        expected = dense_by_hand(images, model)
        assert (expected[0] - expected[1]).abs().max() > 0.01 * expected.abs().max()
        torch.testing.assert_close(model(images), expected)


def test_the_cifar_stem_of_the_preactivated_is_a_convolution_alone() -> None:
    assert isinstance(bare_stem(3, 16), nn.Conv2d)
    with torch.device("meta"):
        model = PreResNet(PreBottleneck, (1, 1, 1), num_classes=10, in_channels=3, stem=bare_stem, width=16)
    assert [name for name, _ in model.stem.named_parameters()] == ["weight"]


TORCHVISION_REGNETS = {
    "regnety_004": "regnet_y_400mf",
    "regnety_016": "regnet_y_1_6gf",
    "regnety_032": "regnet_y_3_2gf",
    "regnety_160": "regnet_y_16gf",
    "regnety_320": "regnet_y_32gf",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCHVISION_REGNETS)
def test_every_regnet_that_torchvision_has(name: str) -> None:
    """By name: it runs its shortcuts first."""
    torch.manual_seed(0)
    oracle = unsettle(torchvision.models.get_model(TORCHVISION_REGNETS[name]), EVEN)
    ours = create_model(name).double().eval()
    assert load_weights(ours, oracle.state_dict()).fresh == ()
    assert distance(ours, oracle, EVEN) < TOLERANCE
    assert distance(ours, oracle, ODD) < TOLERANCE
