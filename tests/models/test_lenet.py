from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from topfive.errors import UsageError
from topfive.models import create_model
from topfive.models.lenet import Codes, Squash, Subsampling, TableConv2d, code

# Table I as it is printed: row = map of S2, column = map of C3.
TABLE_I = """
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX
"""


def test_c3_sees_what_table_1_says() -> None:
    c3 = TableConv2d().double()
    base = torch.zeros(1, 6, 14, 14, dtype=torch.float64)
    for source, row in enumerate(TABLE_I.split()):
        changed = base.clone()
        changed[:, source] = torch.randn(14, 14, dtype=torch.float64)
        seen = (c3(changed) != c3(base)).flatten(2).any(2)[0]
        assert "".join("X" if sees else "." for sees in seen) == row


def test_connections_and_parameters_are_the_papers() -> None:
    """Sec. II-B states 340,908 connections and 60,000 trainable parameters."""
    model = create_model("lenet5_original")
    rows = "".join(TABLE_I.split()).count("X")
    connections = {
        "c1": 28 * 28 * 6 * (25 + 1),
        "s2": 14 * 14 * 6 * (4 + 1),
        "c3": 10 * 10 * (25 * rows + 16),
        "s4": 5 * 5 * 16 * (4 + 1),
        "c5": 120 * (16 * 25 + 1),
        "f6": 84 * (120 + 1),
        "output": 10 * 84,
    }
    assert sum(connections.values()) == 340_908
    counts = {name: sum(p.numel() for p in layer.parameters()) for name, layer in model.trunk.named_children()}
    assert {name: count for name, count in counts.items() if count} == {
        **{"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48_120},
    }
    assert sum(p.numel() for p in model.parameters()) == 60_000


@pytest.mark.parametrize("name", ["lenet5", "lenet5_original"])
def test_shapes_are_those_of_figure_2(name: str) -> None:
    model = create_model(name)
    shapes = {}
    x = torch.zeros(2, 1, 32, 32)
    for layer, module in model.trunk.named_children():
        x = module(x)
        shapes[layer] = tuple(x.shape[1:])
    assert {layer: shape for layer, shape in shapes.items() if "_" not in layer} == {
        "c1": (6, 28, 28),
        "s2": (6, 14, 14),
        "c3": (16, 10, 10),
        "s4": (16, 5, 5),
        "c5": (120, 1, 1),
    }


def test_subsampling_by_hand() -> None:
    part = Subsampling(2)
    x = torch.arange(16.0).reshape(1, 2, 2, 4)
    scale, bias = part.scale.weight.flatten(), part.scale.bias
    sums = torch.tensor([[[0 + 1 + 4 + 5, 2 + 3 + 6 + 7]], [[8 + 9 + 12 + 13, 10 + 11 + 14 + 15]]])
    torch.testing.assert_close(part(x)[0], torch.sigmoid(sums * scale[:, None, None] + bias[:, None, None]))


def test_squash_passes_through_one() -> None:
    torch.testing.assert_close(
        Squash()(torch.tensor([-1.0, 0.0, 1.0])), torch.tensor([-1.0, 0.0, 1.0]), atol=1e-4, rtol=0
    )


def test_logits_are_minus_the_squared_distances() -> None:
    model = create_model("lenet5_original").eval()
    images = torch.randn(5, 1, 32, 32)
    f6 = model.embed(images)
    distances = (f6[:, None, :] - model.head.codes).square().sum(2)
    torch.testing.assert_close(model(images), -distances, rtol=1e-4, atol=1e-3)
    assert torch.equal(model(images).argmax(1), distances.argmin(1))


def test_a_code_is_its_own_nearest() -> None:
    head = Codes(84, 10)
    logits = head(head.codes)
    torch.testing.assert_close(logits.diagonal(), torch.zeros(10))
    assert torch.equal(logits.argmax(1), torch.arange(10))


def test_codes_are_fixed_signs_and_far_apart() -> None:
    for num_classes, closest in ((10, 10), (1000, 10)):
        codes = Codes(84, num_classes).codes
        assert codes.shape == (num_classes, 84)
        assert set(codes.unique().tolist()) == {-1.0, 1.0}
        differing = (84 - codes @ codes.T) / 2
        differing.fill_diagonal_(84)
        assert differing.min() >= closest
    assert list(Codes(84, 10).parameters()) == []
    assert code(17) == code(17)


def test_digits_are_drawn_in_seven_by_twelve() -> None:
    """Ink only inside the frame, in one piece, and on every line between the first and the last."""
    for digit in range(10):
        picture = torch.tensor(code(digit)).reshape(12, 7) > 0
        lines = picture.any(1)
        assert lines[1:11].all()
        assert not lines[0]
        assert not lines[11]
        reached = torch.zeros_like(picture)
        reached[tuple(picture.nonzero()[0])] = True
        for _ in range(84):
            spread = F.max_pool2d(reached[None, None].float(), 3, 1, 1)[0, 0] > 0
            reached = spread & picture
        assert torch.equal(reached, picture), digit


@pytest.mark.parametrize(("height", "width"), [(28, 28), (32, 33), (64, 64)])
def test_any_other_size_is_refused_in_one_line(height: int, width: int) -> None:
    with pytest.raises(UsageError, match=f"{height}x{width}"):
        create_model("lenet5")(torch.zeros(1, 1, height, width))


def test_weights_start_within_the_papers_bounds() -> None:
    model = create_model("lenet5_original")
    for layer, fan_in in ((model.trunk.c1, 25), (model.trunk.c5, 400), (model.f6.linear, 120)):
        assert layer.weight.abs().max() <= 2.4 / fan_in
        assert layer.weight.abs().max() > 2.2 / fan_in * 0.9


def test_new_classes_get_new_codes() -> None:
    model = create_model("lenet5_original")
    model.reset_head(12)
    assert model.head.codes.shape == (12, 84)
    assert model(torch.zeros(1, 1, 32, 32)).shape == (1, 12)
