from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.data.likeness import ALIKE, distances, hashes, likeness, look_alikes, near_embeddings, near_hashes


def lumas(count: int, seed: int = 0) -> np.ndarray:
    """Smooth pictures with detail, each another."""
    field = np.random.default_rng(seed).normal(size=(count, 36, 36))
    for axis in (1, 2):
        field = sum(np.roll(field, shift, axis) for shift in range(5))
    return (128 + field[:, 4:, 4:] * 9).clip(0, 255).astype(np.uint8)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=40), st.integers(0, 20), st.randoms())
def test_bands_find_exactly_the_near_hashes(values: list[int], radius: int, random: object) -> None:
    near = [value ^ (1 << (value % 64)) ^ (1 << (value % 13)) for value in values]
    these = np.array([*values, *near], np.uint64)
    expected = {
        (i, j)
        for i in range(len(these))
        for j in range(i + 1, len(these))
        if (int(these[i]) ^ int(these[j])).bit_count() <= radius
    }
    assert {(int(i), int(j)) for i, j in near_hashes(these, these, radius)} == expected


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_distances_count_bits(one: int, other: int) -> None:
    assert distances(np.array([one], np.uint64), np.array([other], np.uint64))[0] == (one ^ other).bit_count()


@pytest.mark.parametrize("count", [1, 2, 9, 1500])
def test_near_embeddings_are_the_nearest(count: int) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(count, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = {(int(i), int(j)) for i, j in near_embeddings(vectors, cosine=0.9, neighbours=count)}
    cosines = vectors @ vectors.T
    sure, possible = (set(zip(*np.nonzero(np.triu(cosines > 0.9 + at, 1)), strict=True)) for at in (1e-4, -1e-4))
    assert {(int(i), int(j)) for i, j in sure} <= found <= {(int(i), int(j)) for i, j in possible}


def test_of_many_neighbours_the_nearest_are_proposed() -> None:
    vectors = np.array([[1, 0], [0.99, 0.14], [0.96, 0.28], [0.92, 0.39]], np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert near_embeddings(vectors, cosine=0.5, neighbours=1).tolist() == [[0, 1], [2, 3]]
    assert near_embeddings(vectors, cosine=0.5, neighbours=2).tolist() == [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]


def test_a_hash_does_not_hear_light_and_contrast() -> None:
    pictures = lumas(20)
    darker = (pictures * 0.6 + 20).astype(np.uint8)
    assert distances(hashes(pictures), hashes(darker)).max() <= 4
    others = distances(hashes(pictures)[:, None], hashes(pictures)[None])
    assert others[~np.eye(20, dtype=bool)].min() > 12


def test_a_picture_is_like_itself_and_unlike_others() -> None:
    one, other = lumas(2)
    assert likeness(one, one) == pytest.approx(1, abs=1e-5)
    assert likeness(one, other) < 0.8
    assert likeness(one, other) == pytest.approx(likeness(other, one))


def test_a_part_is_like_its_whole() -> None:
    rng = np.random.default_rng(3)
    large = np.kron(rng.normal(128, 50, (8, 8)), np.ones((40, 40))).clip(0, 255)
    whole = large.reshape(32, 10, 32, 10).mean(axis=(1, 3)).astype(np.uint8)
    part = large[16:304, 24:312].reshape(32, 9, 32, 9).mean(axis=(1, 3)).astype(np.uint8)
    assert likeness(whole, part) > ALIKE


def test_a_flat_picture_is_like_nothing() -> None:
    flat = np.full((32, 32), 90, np.uint8)
    assert likeness(flat, lumas(1)[0]) < 0.5


def test_mirrored_pictures_are_said_to_be() -> None:
    pictures = lumas(6)
    pictures[4] = pictures[1, :, ::-1]
    pictures[5] = pictures[2]
    found = list(look_alikes(pictures, None))
    assert [(pair.first, pair.second, pair.is_mirrored) for pair in found] == [(1, 4, True), (2, 5, False)]
    assert all(pair.likeness > 0.99 for pair in found)


def test_progress_ends_at_the_number_of_pairs() -> None:
    pictures = np.concatenate([lumas(3), lumas(3)])
    seen: list[tuple[int, int]] = []
    list(look_alikes(pictures, None, lambda done, total: seen.append((done, total))))
    assert seen == [(1, 3), (2, 3), (3, 3)]
