from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_sample_image
from torchvision.transforms.v2 import AutoAugment, InterpolationMode

from topfive.train.operations import GEOMETRIC, OPERATIONS, exchange, perform, rotate

ENHANCE = ("Brightness", "Color", "Contrast", "Sharpness")
AMOUNTS = dict.fromkeys(("ShearX", "ShearY"), (0.0, 0.3, -0.7))
AMOUNTS |= dict.fromkeys(("TranslateX", "TranslateY"), (0.0, 7.6, -30.0))
AMOUNTS |= dict.fromkeys(ENHANCE, (0.0, 0.9, -0.9))
AMOUNTS |= {"Rotate": (0.0, 30.0, -135.0), "Posterize": (8.0, 4.0, 2.0), "Solarize": (255.0, 100.0, 0.0)}


def pictures(channels: int) -> torch.Tensor:
    """Four pieces of a photograph, not square, uint8 [4, C, 45, 60]."""
    china = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)[:channels]
    return torch.stack([china[:, 45 * i + 90 : 45 * i + 135, 200:260] for i in range(4)])


def torchvisions(images: torch.Tensor, name: str, amount: float) -> torch.Tensor:
    magnitude = amount / 255 if name == "Solarize" else amount
    return AutoAugment()._apply_image_or_video_transform(
        images, name, magnitude, InterpolationMode.BILINEAR, {torch.Tensor: None}
    )


def ours(images: torch.Tensor, name: str, amount: float) -> torch.Tensor:
    factor = 1 + amount if name in ENHANCE else amount
    count = len(images)
    return perform(images, torch.full((count,), OPERATIONS.index(name)), torch.full((count,), float(factor)))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_torchvisions(name, channels):
    images = pictures(channels)
    for amount in AMOUNTS.get(name, (0.0,)):
        expected = torchvisions(images, name, amount)
        difference = (ours(images, name, amount).int() - expected.int()).abs()
        assert int(difference.max()) <= (2 if name == "Color" else 1), f"{amount}: torchvision cuts where we round"
        untouched = name == "Identity" or amount == AMOUNTS.get(name, (None,))[0] or (name, channels) == ("Color", 1)
        if not untouched and name != "AutoContrast":
            assert float((expected.int() - images.int()).abs().float().mean()) > 2, "the amount changes something"


def test_autocontrast_and_equalize_of_faint_images_are_torchvisions():
    faint = pictures(3) // 8 + 100
    flat = torch.full((1, 3, 45, 60), 7, dtype=torch.uint8)
    for name in ("AutoContrast", "Equalize"):
        expected = torchvisions(faint, name, 0)
        assert int((ours(faint, name, 0).int() - expected.int()).abs().max()) <= 1
        assert int(expected.amax()) == 255
        assert torch.equal(ours(flat, name, 0), flat)


def test_each_image_of_a_batch_gets_its_own_operation_and_amount():
    images = pictures(3).repeat(6, 1, 1, 1)[: len(OPERATIONS)]
    operations = torch.randperm(len(OPERATIONS), generator=torch.Generator().manual_seed(0))
    amounts = torch.linspace(1, 8, len(OPERATIONS)).round()
    together = perform(images, operations, amounts)
    alone = [perform(images[i : i + 1], operations[i : i + 1], amounts[i : i + 1]) for i in range(len(OPERATIONS))]
    assert torch.equal(together, torch.cat(alone))
    assert sum(not torch.equal(*pair) for pair in zip(together, images, strict=True)) > 10


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (8, 8)])
def test_the_smallest_images_pass_and_the_batch_given_stays(name, size):
    images = torch.arange(2 * size[0] * size[1]).view(2, 1, *size).byte()
    before = images.clone()
    assert ours(images, name, 1.0).shape == images.shape
    assert torch.equal(images, before)


def test_a_quarter_turn_is_exact():
    images = torch.randint(0, 256, (2, 3, 9, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(
        rotate(images, torch.tensor([90.0, -90.0])),
        torch.stack([i.rot90(k, (1, 2)) for i, k in zip(images, (1, -1), strict=True)]),
    )


def test_solarize_at_256_inverts_nothing():
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(ours(images, "Solarize", 256.0), images)


def test_exchange_replaces_the_images_at_their_places():
    images = torch.arange(5).view(5, 1)
    assert exchange(images, torch.tensor([3, 0]), torch.tensor([[30], [10]])).flatten().tolist() == [10, 1, 2, 30, 4]
    assert exchange(images, torch.tensor([], dtype=torch.int64), images[:0]).flatten().tolist() == [0, 1, 2, 3, 4]


def test_geometric_operations_come_first():
    assert OPERATIONS[: len(GEOMETRIC)] == GEOMETRIC  # `perform` tells them by their index
