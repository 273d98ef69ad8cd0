from __future__ import annotations

import contextlib
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2

from topfive.errors import UsageError
from topfive.train.autoaugment import CIFAR10, IMAGENET, SVHN, AutoAugment
from topfive.train.operations import IDENTITY, OPERATIONS, perform
from topfive.train.policies import POLICIES, Policy, RandAugment, as_printed, increasing, policy_from, wide
from topfive.train.randomness import generator

EVERY = (*POLICIES, "rand-m9-n2", "rand-m7-n3-mstd0.5-inc1-p0.5")


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator(0, "pixels"))


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (IMAGENET, v2.AutoAugmentPolicy.IMAGENET),
        (CIFAR10, v2.AutoAugmentPolicy.CIFAR10),
        (SVHN, v2.AutoAugmentPolicy.SVHN),
    ],
)
def test_autoaugment_tables_are_torchvisions(table, name):
    ours = AutoAugment(table)
    expected = v2.AutoAugment(name)._policies
    operations = [[OPERATIONS.index(operation) for operation, _, _ in pair] for pair in expected]
    assert ours.operations.tolist() == operations
    torch.testing.assert_close(ours.probabilities, torch.tensor([[p for _, p, _ in pair] for pair in expected]))
    torch.testing.assert_close(ours.strengths, torch.tensor([[(m or 0) / 9 for _, _, m in pair] for pair in expected]))


@pytest.mark.parametrize(
    ("space", "oracle", "bins"),
    [(increasing, v2.AutoAugment, 10), (increasing, v2.RandAugment, 31), (wide, v2.TrivialAugmentWide, 31)],
)
def test_ranges_are_torchvisions(space, oracle, bins):
    ours = space(40, 50)
    for name, (magnitudes, signed) in oracle._AUGMENTATION_SPACE.items():
        expected = magnitudes(bins, 40, 50)
        if expected is None:
            assert name not in ours
            continue
        start, end, mirrored = ours[name]
        amounts = start + (end - start) * torch.arange(bins) / (bins - 1)
        match name:
            case "Posterize":
                amounts = amounts.round()
            case "Solarize":
                amounts = amounts / 255
            case "Brightness" | "Color" | "Contrast" | "Sharpness":
                amounts = amounts - 1
        torch.testing.assert_close(amounts.double(), expected.double(), msg=name, atol=1e-5, rtol=0)
        assert mirrored == signed, name


def test_wide_translation_stays_within_a_small_image():
    assert wide(28, 224)["TranslateY"].end == 28
    assert wide(28, 224)["TranslateX"].end == 32


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("text", EVERY)
def test_a_batch_is_its_images_one_by_one(text, channels):
    policy = policy_from(text)
    images = noise(48, channels, 12, 15)
    together = policy(images, generator(3, text))
    operations, amounts = policy.plan(48, 12, 15, generator(3, text))
    for i in range(48):
        alone = images[i : i + 1]
        for step in range(operations.shape[1]):
            alone = perform(alone, operations[i : i + 1, step], amounts[i : i + 1, step])
        assert torch.equal(alone[0], together[i])
    assert sum(not torch.equal(*pair) for pair in zip(images, together, strict=True)) > 10


@pytest.mark.parametrize("text", EVERY)
def test_one_image_draws_as_the_images_of_a_batch(text):
    """Singly drawn plans and one plan of a batch have the same distribution of operations and of amounts."""
    policy = policy_from(text)
    batch = policy.plan(2000, 32, 32, generator(0, "batch"))
    single = [policy.plan(1, 32, 32, generator(0, "single", i)) for i in range(2000)]
    for step in range(batch[0].shape[1]):
        alone = torch.cat([operations[:, step] for operations, _ in single])
        shares = [torch.bincount(drawn, minlength=len(OPERATIONS)) / 2000 for drawn in (batch[0][:, step], alone)]
        assert float((shares[0] - shares[1]).abs().max()) < 0.06  # four standard deviations of a difference
    image = noise(3, 32, 32)
    assert torch.equal(policy(image, generator(1, "x")), policy(image[None], generator(1, "x"))[0])


def test_rand_draws_14_operations_evenly_and_leaves_out_by_probability():
    operations, strengths = RandAugment(level=7, steps=2, deviation=0.5)(7000, generator(0, "x"))
    counts = torch.bincount(operations.flatten(), minlength=len(OPERATIONS))
    assert counts[OPERATIONS.index("Invert")] == 0
    assert all(850 < count < 1150 for count in counts[:-1].tolist())
    assert math.isclose(float(strengths.mean()), 0.7, abs_tol=0.005)
    assert math.isclose(float(strengths.std()), 0.05, abs_tol=0.005)
    half, _ = RandAugment(probability=0.5)(7000, generator(0, "x"))
    assert 0.5 < float((half == IDENTITY).float().mean()) < 0.57
    assert float(RandAugment(level=9, deviation=9)(1000, generator(0, "x"))[1].max()) == 1


def test_amounts_go_both_ways_where_they_are_mirrored():
    def constant(count: int, draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.arange(len(OPERATIONS)).repeat(count, 1), torch.full((count, len(OPERATIONS)), 0.5)

    def amounts(space):
        return dict(zip(OPERATIONS, Policy(constant, space).plan(64, 331, 331, generator(0, "x"))[1].T, strict=True))

    found = {name: sorted(set(column.round(decimals=3).tolist())) for name, column in amounts(increasing).items()}
    assert found["Rotate"] == [-15, 15]
    assert found["TranslateX"] == [-75, 75]
    assert found["Color"] == pytest.approx([0.55, 1.45])
    assert found["Posterize"] == [6]
    assert found["Invert"] == [0]
    printed = {name: sorted(set(column.round(decimals=3).tolist())) for name, column in amounts(as_printed).items()}
    assert printed["Color"] == [1]  # half-way from 0.1 to 1.9
    assert printed["Solarize"] == [128]


def test_threads_draw_what_one_thread_draws():
    policy, image = policy_from("rand-m9-n2"), noise(3, 32, 32)

    def vary(i: int) -> torch.Tensor:
        return policy(image, generator(0, "x", i))

    with ThreadPoolExecutor(4) as pool:
        assert all(torch.equal(a, b) for a, b in zip(pool.map(vary, range(64)), map(vary, range(64)), strict=True))


def test_the_global_generator_is_left_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for text in EVERY:
        policy_from(text)(noise(8, 3, 16, 16), generator(0, text))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rand", RandAugment(10, 2)),
        ("rand-m7", RandAugment(7, 2)),
        ("rand-n3-m4.5-mstd0.5-inc1-p0.25", RandAugment(4.5, 3, 0.5, 0.25)),
    ],
)
def test_rand_is_spelt_as_in_timm(text, expected):
    policy = policy_from(text)
    assert policy.choose == expected
    assert policy.space is (increasing if "inc1" in text else as_printed)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("trivail", "did you mean 'trivial'?"),
        ("autoaugment-cifar100", "did you mean 'autoaugment-cifar10'?"),
        ("none", "There are trivial"),
        ("rand-m11", "'m11' is not a number from 0 to 10"),
        ("rand-m7-n2.5", "'n2.5' is not a whole number from 1 to 14"),
        ("rand-m7-n0", "'n0' is not a whole number from 1 to 14"),
        ("rand-m7-q3", "'q3' is no setting"),
        ("rand-m7-", "'' is no setting"),
        ("rand-m-7", "'m' is no setting"),
        ("rand-m7-p2", "'p2' is not a number from 0 to 1"),
    ],
)
def test_what_cannot_be_meant_is_said(text, says):
    with pytest.raises(UsageError) as caught:
        policy_from(text)
    assert says in str(caught.value)
    assert text in str(caught.value)
    assert caught.value.exit_code == 2


@given(st.text(max_size=30) | st.from_regex(r"rand(-[a-z]{1,4}[0-9.]{0,4}){0,4}", fullmatch=True))
@settings(deadline=None)
def test_any_text_is_a_policy_or_a_usage_error(text):
    with contextlib.suppress(UsageError):
        assert policy_from(text)(noise(2, 1, 8, 8), generator(0, "x")).shape == (2, 1, 8, 8)
