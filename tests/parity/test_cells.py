"""NASNet and PNASNet against timm: same tensors, same numbers, in double precision.

timm's NASNet counts the padding in its average pooling with a stride; no two libraries agree there.  For the form of
the authors' program timm's poolings are replaced by the formula, written another way than ours; all else is timm's own.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch
from timm.models import nasnet as timm_nasnet
from timm.models import pnasnet as timm_pnasnet
from torch import Tensor, nn
from torch.nn import functional as F

from parity.transplant import distance, unsettle
from topfive.models import create_model
from topfive.models.nasnet import COUNTING, NASNET_A, NASNet, plan_of_the_large
from topfive.models.pnasnet import CELL
from topfive.nn.cell import SAME, Cell, Maps, Parts
from topfive.nn.classifier import Classifier
from topfive.weights import load_weights
from topfive.weights.cells import PNASNET

TOLERANCE = 1e-5  # of the largest number
EVEN, ODD = 96, 107  # the stem makes 47 and 53 of them; in the cells both are even and odd by turns


def padded(x: Tensor, value: float) -> Tensor:
    """For a 3x3 with stride 2: the odd row and column go to the right and to the bottom."""
    height, width = (2 if size % 2 else 1 for size in x.shape[-2:])
    return F.pad(x, [width // 2, width - width // 2, height // 2, height - height // 2], value=value)


class AverageOfWhatIsThere(nn.Module):
    """Sum over number, each by a window of ones."""

    def forward(self, x: Tensor) -> Tensor:
        inside = torch.ones_like(x)
        return F.avg_pool2d(padded(x, 0), 3, 2) / F.avg_pool2d(padded(inside, 0), 3, 2)


def with_the_formulas_pools(oracle: nn.Module) -> nn.Module:
    replaced = 0
    for module in list(oracle.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.AvgPool2d) and child.kernel_size in (3, (3, 3)) and child.stride in (2, (2, 2)):
                setattr(module, name, AverageOfWhatIsThere())
                replaced += 1
    assert replaced == 4  # one in each reduction
    return oracle


def small_timms() -> nn.Module:
    """timm's network, 1/21 as wide."""
    torch.manual_seed(0)
    return timm_nasnet.NASNetALarge(stem_size=12, channel_multiplier=2, num_features=24 * 8, num_classes=20)


@pytest.fixture(scope="module")
def small_oracle() -> nn.Module:
    return unsettle(with_the_formulas_pools(small_timms()), EVEN)


def small_ours(oracle: nn.Module, parts: Parts = SAME) -> Classifier:
    steps = plan_of_the_large(NASNET_A, 6, 8)
    ours = NASNet(steps, num_classes=20, in_channels=3, stem_channels=12, parts=parts).double().eval()
    loaded = load_weights(ours, oracle.state_dict())
    assert loaded.fresh == ()
    return ours


def test_nasnet_equals_timms() -> None:
    oracle = unsettle(small_timms(), EVEN)
    ours = small_ours(oracle, COUNTING)
    assert distance(ours, oracle, EVEN) < TOLERANCE
    assert distance(ours, oracle, ODD) < TOLERANCE
    assert distance(small_ours(oracle), oracle, EVEN) > 10 * TOLERANCE


def test_the_authors_nasnet_equals_timms_but_for_its_pools(small_oracle: nn.Module) -> None:
    ours = small_ours(small_oracle)
    assert distance(ours, small_oracle, EVEN) < TOLERANCE
    assert distance(ours, small_oracle, ODD) < TOLERANCE


def wrong_padding(ours: Classifier) -> None:
    for module in ours.modules():
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2) and module.groups > 1:
            module.__class__, module.padding = nn.Conv2d, tuple(kernel // 2 for kernel in module.kernel_size)


def wrong_epsilon(ours: Classifier) -> None:
    for module in ours.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5


def another_previous(ours: Classifier) -> None:
    """The last cell's state 0 is another cell's output of the same shape."""
    assert isinstance(ours, NASNet)
    ours.back[-1] = 3


def pools_that_count_the_padding(ours: Classifier) -> None:
    for module in ours.modules():
        if isinstance(module, nn.AvgPool2d) and module.stride == 2:
            module.forward = lambda x: F.avg_pool2d(padded(x, 0), 3, 2)  # type: ignore[method-assign]


def swapped_edges(ours: Classifier) -> None:
    """In one cell two nodes take each other's inputs."""
    pair = ours.get_submodule("cells.3.nodes.0")
    pair.sources = pair.sources[::-1]


@pytest.mark.parametrize(
    "sabotage", [wrong_padding, wrong_epsilon, another_previous, pools_that_count_the_padding, swapped_edges]
)
def test_a_sabotaged_network_is_seen(small_oracle: nn.Module, sabotage: Callable[[Classifier], None]) -> None:
    ours = small_ours(small_oracle)
    sabotage(ours)
    assert distance(ours, small_oracle, EVEN) > 10 * TOLERANCE


PNASNET_CELLS: dict[str, tuple[Callable[[], nn.Module], Maps, int]] = {
    "normal": (lambda: timm_pnasnet.Cell(10, 6, 15, 6, "same"), Maps(10, 2), 1),
    "reduction": (lambda: timm_pnasnet.Cell(10, 6, 15, 6, "same", is_reduction=True), Maps(10, 2), 2),
    "after a reduction": (lambda: timm_pnasnet.Cell(10, 6, 15, 6, "same", match_prev_layer_dims=True), Maps(10, 1), 1),
}


@pytest.mark.parametrize("kind", PNASNET_CELLS)
@pytest.mark.parametrize("size", [12, 13])
def test_cells_of_pnasnet_equal_timms(kind: str, size: int) -> None:
    torch.manual_seed(0)
    make, previous, stride = PNASNET_CELLS[kind]
    left = torch.randn(3, 10, *[size * 2 // previous.reduction] * 2, dtype=torch.float64)
    right = torch.randn(3, 15, size, size, dtype=torch.float64)
    theirs = unsettled_cell(make(), left, right)
    ours = Cell(CELL, previous, Maps(15, 2), 6, stride).double().eval()
    fill(ours, theirs)
    with torch.no_grad():
        expected, given = theirs(left, right), ours(left, right)
    assert given.shape[1] == ours.maps.channels
    assert (given - expected).abs().max() < TOLERANCE * expected.abs().max()


def test_the_first_cell_of_pnasnet_equals_timms() -> None:
    """Its state 0 is the stem as it is, not squeezed."""
    torch.manual_seed(0)
    images = torch.randn(3, 10, 13, 13, dtype=torch.float64)
    theirs = unsettled_cell(timm_pnasnet.CellStem0(10, 6, 10, 6, "same"), images)
    ours = Cell(CELL, None, Maps(10, 2), 6, 2).double().eval()
    fill(ours, theirs)
    with torch.no_grad():
        expected, given = theirs(images), ours(images, images)
    assert (given - expected).abs().max() < TOLERANCE * expected.abs().max()


def test_another_padding_of_a_cell_is_seen() -> None:
    torch.manual_seed(0)
    _, previous, stride = PNASNET_CELLS["reduction"]
    left, right = torch.randn(3, 10, 12, 12).double(), torch.randn(3, 15, 12, 12).double()
    theirs = unsettled_cell(timm_pnasnet.Cell(10, 6, 15, 6, is_reduction=True), left, right)  # symmetric
    ours = Cell(CELL, previous, Maps(15, 2), 6, stride).double().eval()
    fill(ours, theirs)
    with torch.no_grad():
        expected, given = theirs(left, right), ours(left, right)
    assert (given - expected).abs().max() > 0.01 * expected.abs().max()


def unsettled_cell(cell: nn.Module, *maps: Tensor) -> nn.Module:
    with torch.no_grad():
        for name, parameter in cell.double().named_parameters():
            if parameter.ndim == 1:
                parameter.uniform_(0.5, 1.5) if name.endswith("weight") else parameter.uniform_(-0.2, 0.2)
        for module in cell.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None
        cell.train()(*maps)
    return cell.eval()


def fill(ours: Cell, theirs: nn.Module) -> None:
    """By the names of the layout, as those of one cell of a network."""
    names = PNASNET.names([f"cells.2.{name}" for name in ours.state_dict()])
    assert names is not None
    state = theirs.state_dict()
    ours.load_state_dict({own[len("cells.2.") :]: state.pop(name[len("cell_0.") :]) for own, name in names.items()})
    assert not state


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nasnet_a_large", "pnasnet5_large"])
def test_the_large_networks_equal_timms(name: str) -> None:
    torch.manual_seed(0)
    oracle = timm.create_model({"nasnet_a_large": "nasnetalarge", "pnasnet5_large": "pnasnet5large"}[name])
    unsettle(oracle, EVEN)
    with torch.device("meta"):
        ours = create_model(name)
    ours = ours.to_empty(device="cpu").double().eval()
    load_weights(ours, oracle.state_dict())
    assert distance(ours, oracle, EVEN) < TOLERANCE
    assert distance(ours, oracle, ODD) < TOLERANCE
