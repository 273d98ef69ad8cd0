from __future__ import annotations

from functools import partial

import pytest
import torch
import torchvision
from torch import nn

from topfive.models import create_model
from topfive.models.resnet import Basic, Bottleneck, PaperBottleneck, Residual, ResNet, Subsample, layer, projection
from topfive.nn.measure import count_params
from topfive.nn.squeeze_excite import SqueezeExcite


def option_a(x: torch.Tensor, out_channels: int) -> torch.Tensor:
    """Every second pixel into the first channels of a tensor of zeros."""
    batch, channels, height, width = x.shape
    y = torch.zeros(batch, out_channels, (height + 1) // 2, (width + 1) // 2, dtype=x.dtype)
    for row in range(y.shape[2]):
        for column in range(y.shape[3]):
            y[:, :channels, row, column] = x[:, :, 2 * row, 2 * column]
    return y


@pytest.mark.parametrize("size", [6, 7])
def test_option_a_by_hand(size: int) -> None:
    x = torch.randn(2, 3, size, size)
    assert torch.equal(Subsample(3, 8, 2)(x), option_a(x, 8))


@pytest.mark.parametrize("size", [8, 9])
def test_a_cifar_block_is_its_branch_plus_option_a(size: int) -> None:
    """Against torchvision's basic block with the shortcut written out above."""
    torch.manual_seed(0)
    ours = Basic(4, 8, 2, shortcut=Subsample).double().eval()
    theirs = torchvision.models.resnet.BasicBlock(4, 8, 2, downsample=nn.Identity()).double().eval()
    theirs.downsample.forward = partial(option_a, out_channels=8)
    for mine, tensor in zip(ours.parameters(), theirs.parameters(), strict=True):
        values = 0.5 + torch.rand_like(mine)
        mine.data.copy_(values)
        tensor.data.copy_(values)
    x = torch.randn(2, 4, size, size, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x))


def test_shortcuts_without_parameters_stand_where_stages_meet() -> None:
    model = create_model("resnet20_cifar")
    kinds = [type(block.shortcut).__name__ for stage in model.stages for block in stage]
    assert kinds == ["Identity"] * 3 + ["Subsample", "Identity", "Identity"] * 2
    assert not any("shortcut" in name for name, _ in model.named_parameters())


def test_stages_halve_and_double() -> None:
    with torch.device("meta"):
        model = create_model("resnet50")
        x = model.stem(torch.zeros(1, 3, 224, 224))
        shapes = [tuple(x.shape[1:])]
        for stage in model.stages:
            x = stage(x)
            shapes.append(tuple(x.shape[1:]))
    assert shapes == [(64, 56, 56), (256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7)]


@pytest.mark.parametrize(("name", "strides"), [("resnet50", [1, 2, 1]), ("resnet50_v1", [2, 1, 1])])
def test_where_a_bottleneck_strides(name: str, strides: list[int]) -> None:
    with torch.device("meta"):
        first = create_model(name).stages[1][0]
    assert [part.conv.stride[0] for part in first.branch] == strides


def test_v1_and_v15_hold_the_same_weights_and_disagree() -> None:
    torch.manual_seed(0)
    ours, paper = Bottleneck(8, 4, 2).eval(), PaperBottleneck(8, 4, 2).eval()
    paper.load_state_dict(ours.state_dict())
    x = torch.randn(1, 8, 8, 8)
    assert (ours(x) - paper(x)).abs().max() > 0.01


class SEBottleneck(Bottleneck):
    """Hu et al. 2017: the ancestor with a gate at the end of its branch."""

    def __init__(self, in_channels: int, width: int, stride: int):
        super().__init__(in_channels, width, stride)
        self.branch.append(SqueezeExcite(self.out_channels, self.out_channels // 16))


class GroupedBottleneck(Residual):
    """Xie et al. 2016, ResNeXt 32x4d."""

    def __init__(self, in_channels: int, width: int, stride: int):
        branch = nn.Sequential(
            layer(in_channels, 2 * width),
            layer(2 * width, 2 * width, 3, stride, groups=32),
            layer.linear(2 * width, 4 * width),
        )
        super().__init__(branch, in_channels, 4 * width, stride)


def pooled_projection(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """He et al. 2018, ResNet-D."""
    pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
    return nn.Sequential(pool, projection(in_channels, out_channels, 1))


def deep_stem(in_channels: int, width: int) -> nn.Module:
    half = width // 2
    return nn.Sequential(
        layer(in_channels, half, 3, 2), layer(half, half, 3), layer(half, width, 3), nn.MaxPool2d(3, 2, 1)
    )


@pytest.mark.parametrize(
    ("build", "params"),
    [
        (partial(ResNet, SEBottleneck), 28_088_024),
        (partial(ResNet, GroupedBottleneck), 25_028_904),
        (partial(ResNet, partial(Bottleneck, shortcut=pooled_projection), stem=deep_stem), 25_576_264),
    ],
    ids=["se_resnet50", "resnext50_32x4d", "resnet50d"],
)
def test_descendants_need_other_parts_and_no_change_here(build: partial[ResNet], params: int) -> None:
    with torch.device("meta"):
        model = build((3, 4, 6, 3), num_classes=1000, in_channels=3)
        assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)
    assert count_params(model) == params
