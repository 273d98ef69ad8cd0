"""ConvNeXt and the vision transformers against timm and torchvision: same tensors by name, same logits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import timm
import torch
import torchvision
from torch import nn

from parity.transplant import distance
from topfive.models import convnext, create_model, vit
from topfive.models.convnext import ConvNeXt
from topfive.models.vit import VisionTransformer
from topfive.nn.classifier import Classifier
from topfive.weights import load_weights

TOLERANCE = 1e-5
DEPTHS, WIDTHS = (1, 2, 1, 1), (16, 32, 48, 64)


def unsettle(oracle: nn.Module) -> nn.Module:
    """Every tensor random, none close to idle: layer scales start at 1e-6, tokens at 0."""
    oracle.double().eval()
    with torch.no_grad():
        for name, parameter in oracle.named_parameters():
            if parameter.ndim == 1 or parameter[0].numel() == 1:
                start, spread = (0.5, 1.0) if name.endswith(("weight", "gamma", "layer_scale")) else (-0.2, 0.4)
                parameter.copy_(start + spread * torch.rand_like(parameter))
            elif len(parameter) == 1:  # the class token and the positions
                parameter.normal_(std=0.5)
            else:
                parameter.normal_(std=parameter[0].numel() ** -0.5)
    return oracle


def timm_convnext() -> nn.Module:
    return timm.models.convnext.ConvNeXt(depths=DEPTHS, dims=WIDTHS)


def torchvision_convnext() -> nn.Module:
    library = torchvision.models.convnext
    outputs = (*WIDTHS[1:], None)
    stages = [library.CNBlockConfig(*row) for row in zip(WIDTHS, outputs, DEPTHS, strict=True)]
    return library.ConvNeXt(stages)


def timm_vit() -> nn.Module:
    return timm.models.vision_transformer.VisionTransformer(
        img_size=64, embed_dim=48, depth=2, num_heads=3, dynamic_img_size=True
    )


def torchvision_vit() -> nn.Module:
    return torchvision.models.VisionTransformer(
        image_size=64, patch_size=16, num_layers=2, num_heads=3, hidden_dim=48, mlp_dim=192
    )


small_convnext = partial(ConvNeXt, DEPTHS, WIDTHS, 0.3)
small_vit = partial(VisionTransformer, 48, 2, 3, grid=4, dropout=0.1, drop_rate=0.3)

CASES = {
    "convnext, timm": (small_convnext, timm_convnext, (64, 65)),
    "convnext, torchvision": (small_convnext, torchvision_convnext, (64, 65)),
    "vit, timm, at other sizes too": (small_vit, timm_vit, (64, 80, 48)),
    "vit, torchvision": (small_vit, torchvision_vit, (64,)),
}


def given(ours: Classifier, oracle: nn.Module) -> Classifier:
    loaded = load_weights(ours, oracle.state_dict())
    assert loaded.fresh == ()
    assert loaded.matched == len(oracle.state_dict())
    return ours.eval()


@pytest.mark.parametrize(("build", "make", "sizes"), CASES.values(), ids=CASES)
def test_logits_equal_the_oracles(
    build: Callable[..., Classifier], make: Callable[[], nn.Module], sizes: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    oracle = unsettle(make())
    ours = given(build(num_classes=1000, in_channels=3).double(), oracle)
    for size in sizes:
        assert distance(ours, oracle, size) < TOLERANCE


def wrong_epsilon(ours: nn.Module) -> None:
    for module in ours.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-3


def approximate_gelu(ours: nn.Module) -> None:
    for module in ours.modules():
        if isinstance(module, nn.GELU):
            module.approximate = "tanh"


def skipped_block(ours: nn.Module) -> None:
    block = next(module for module in ours.modules() if isinstance(module, convnext.Block | vit.Block))
    block.forward = nn.Identity().forward  # type: ignore[method-assign]


def heads_mixed_up(ours: nn.Module) -> None:
    next(module for module in ours.modules() if isinstance(module, vit.Attention)).heads = 1


@pytest.mark.parametrize(
    ("case", "sabotages"),
    [
        ("convnext, timm", (wrong_epsilon, approximate_gelu, skipped_block)),
        ("vit, timm, at other sizes too", (wrong_epsilon, approximate_gelu, skipped_block, heads_mixed_up)),
    ],
)
def test_a_sabotaged_network_is_seen(case: str, sabotages: tuple[Callable[[nn.Module], None], ...]) -> None:
    torch.manual_seed(0)
    build, make, (size, *_) = CASES[case]
    oracle = unsettle(make())
    for sabotage in sabotages:
        ours = given(build(num_classes=1000, in_channels=3).double(), oracle)
        sabotage(ours)
        assert distance(ours, oracle, size) > 10 * TOLERANCE, sabotage.__name__


CONVNEXTS = ("convnext_tiny", "convnext_small", "convnext_base")


@pytest.mark.slow
@pytest.mark.parametrize("name", CONVNEXTS)
@pytest.mark.parametrize("library", [timm.create_model, torchvision.models.get_model])
def test_every_convnext(name: str, library: Callable[[str], nn.Module]) -> None:
    torch.manual_seed(0)
    oracle = unsettle(library(name))
    ours = given(create_model(name).double(), oracle)
    assert distance(ours, oracle, 64) < TOLERANCE
    assert distance(ours, oracle, 65) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "library", "theirs"),
    [
        ("vit_s_16", timm.create_model, "vit_small_patch16_224"),
        ("vit_b_16", timm.create_model, "vit_base_patch16_224"),
        ("vit_b_16", torchvision.models.get_model, "vit_b_16"),
    ],
)
def test_every_vision_transformer(name: str, library: Callable[[str], nn.Module], theirs: str) -> None:
    torch.manual_seed(0)
    oracle = unsettle(library(theirs))
    ours = given(create_model(name).double(), oracle)
    assert distance(ours, oracle, 224) < TOLERANCE
