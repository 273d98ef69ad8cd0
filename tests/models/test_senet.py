from __future__ import annotations

import pytest
import torch
from torch import nn

from topfive.models import create_model
from topfive.models.senet import se_bn_inception, se_resnet, se_resnext
from topfive.nn.measure import count_params
from topfive.nn.squeeze_excite import SqueezeExcite

FIFTY = (3, 4, 6, 3)


@pytest.mark.parametrize(("reduction", "millions"), [(2, 45.7), (4, 35.7), (8, 30.7), (16, 28.1), (32, 26.9)])
def test_the_reductions_that_the_paper_compares(reduction: int, millions: float) -> None:
    with torch.device("meta"):
        model = se_resnet(FIFTY, reduction)(num_classes=1000, in_channels=3)
    assert count_params(model) / 1e6 == pytest.approx(millions, abs=0.12)


@pytest.mark.parametrize("build", [se_resnet((1, 1), 7), se_resnext((1, 1), 1000), se_bn_inception(3)])
def test_any_reduction_builds_and_runs(build: object) -> None:
    with torch.device("meta"):
        model = build(num_classes=2, in_channels=1)  # type: ignore[operator]
        assert model(torch.zeros(1, 1, 64, 64)).shape == (1, 2)
    assert all(part.reduce.out_channels >= 1 for part in model.modules() if isinstance(part, SqueezeExcite))


def test_bn_inception_is_weighed_after_each_of_its_ten_modules() -> None:
    """No library has it: with every gate held open it is the network without gates, tensor by tensor."""
    torch.manual_seed(0)
    gated = create_model("se_bn_inception").double().eval()
    plain = create_model("bninception").double().eval()
    gates = [module for module in gated.modules() if isinstance(module, SqueezeExcite)]
    assert [gate.reduce.in_channels for gate in gates] == [256, 320, 576, 576, 576, 608, 608, 1056, 1024, 1024]
    assert [gate.reduce.out_channels for gate in gates] == [16, 20, 36, 36, 36, 38, 38, 66, 64, 64]
    for gate in gates:
        nn.init.zeros_(gate.expand.weight)
        nn.init.constant_(gate.expand.bias, 100.0)
    layers = [module for module in gated.modules() if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.Linear)]
    inside = {id(layer) for gate in gates for layer in gate.modules()}
    theirs = [module for module in plain.modules() if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.Linear)]
    for source, target in zip((one for one in layers if id(one) not in inside), theirs, strict=True):
        target.load_state_dict({**target.state_dict(), **source.state_dict()})
        if isinstance(target, nn.Conv2d) and source.bias is None:
            nn.init.zeros_(target.bias)
    images = torch.randn(2, 3, 96, 96, dtype=torch.float64)
    with torch.no_grad():
        expected = plain(images)
        torch.testing.assert_close(gated(images), expected)
        nn.init.constant_(gates[4].expand.bias, 0.0)
        assert (gated(images) - expected).abs().max() > 0.01 * expected.abs().max()


def test_senet154_strides_its_shortcuts_with_3x3() -> None:
    with torch.device("meta"):
        model = create_model("senet154")
    kernels = [stage[0].shortcut.conv.kernel_size for stage in model.stages]
    assert kernels == [(1, 1), (3, 3), (3, 3), (3, 3)]
    assert [stage[0].branch[0].conv.out_channels for stage in model.stages] == [128, 256, 512, 1024]
    assert isinstance(model.dropout, nn.Dropout)
