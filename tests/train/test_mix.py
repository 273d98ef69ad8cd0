from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from topfive.train.mix import mix, paste
from topfive.train.randomness import generator


def constants(count: int, height: int = 8, width: int = 8) -> torch.Tensor:
    """Image i has the value 1 in channel i and 0 elsewhere: its pixels' means are the shares of the images in it."""
    return torch.eye(count)[:, :, None, None].expand(count, count, height, width).contiguous()


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.8, 0.0), (0.0, 1.0), (0.2, 1.0)])
@pytest.mark.parametrize("seed", range(8))
def test_targets_are_the_shares_of_the_pixels(mixup, cutmix, seed):
    images, targets = mix(constants(5, 9, 7), torch.arange(5), 5, mixup, cutmix, generator(seed, "mix"))
    torch.testing.assert_close(images.mean((2, 3)), targets)
    assert targets.dtype == torch.float32
    assert targets.count_nonzero() <= 10, "two images a mixture"


def test_both_are_chosen_about_equally_often():
    mixtures = [mix(constants(2), torch.arange(2), 2, 1.0, 1.0, generator(i, "mix"))[0] for i in range(200)]
    blended = sum(float(images.max()) < 1 for images in mixtures)
    assert 70 < blended < 130


def test_shares_follow_the_beta_distribution():
    """Beta(a, a) has the mean 1/2 and the variance 1 / (8 a + 4)."""
    for alpha in (0.2, 1.0):
        drawn = [mix(constants(2), torch.arange(2), 2, alpha, 0.0, generator(i, "mix"))[1] for i in range(600)]
        shares = torch.stack(drawn)[:, 0, 0]
        assert abs(float(shares.mean()) - 0.5) < 0.06
        assert abs(float(shares.var()) - 1 / (8 * alpha + 4)) < 0.02


def test_rows_of_several_labels_are_mixed_as_rows():
    rows = torch.tensor([[1, 1, 0], [0, 0, 1]])
    images, targets = mix(constants(2), rows, 3, 1.0, 0.0, generator(0, "mix"))
    share = float(images[0, 0, 0, 0])
    assert 0 < share < 1
    torch.testing.assert_close(targets, torch.tensor([[share, share, 1 - share], [1 - share, 1 - share, share]]))


@given(height=st.integers(1, 40), width=st.integers(1, 40), share=st.floats(0, 1), seed=st.integers(0, 2**31))
@settings(max_examples=200, deadline=None)
def test_the_share_of_a_paste_is_exact(height, width, share, seed):
    images = constants(2, height, width)
    pasted, kept = paste(images, share, generator(seed, "paste"))
    own = pasted[0, 0]
    assert abs(float(own.mean()) - kept) < 1e-6
    assert int((own == 0).any(1).sum()) * int((own == 0).any(0).sum()) == int((own == 0).sum()), "one rectangle"
    assert torch.equal(images, constants(2, height, width))


def test_the_same_draws_give_the_same_mixture():
    first, second = (mix(constants(4), torch.arange(4), 4, 0.4, 1.0, generator(9, "mix")) for _ in range(2))
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))
