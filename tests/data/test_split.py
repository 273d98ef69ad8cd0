from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from topfive.data.split import TEST, TRAIN, VAL, hold_out, rarest, stratified_split

NAMED_LABELS = st.dictionaries(st.text(min_size=1, max_size=20), st.integers(0, 3), min_size=1, max_size=60)
FRACTIONS = st.floats(0, 0.45)


def split(images: dict[str, int], val: float, test: float, seed: int) -> dict[str, int]:
    parts = stratified_split(list(images), np.array(list(images.values()), np.int64), val, test, seed)
    return dict(zip(images, parts.tolist(), strict=True))


@settings(deadline=None)
@given(NAMED_LABELS, FRACTIONS, FRACTIONS, st.integers(0, 2**63))
def test_each_class_gives_its_share_and_always_trains(
    images: dict[str, int], val: float, test: float, seed: int
) -> None:
    parts = split(images, val, test, seed)
    assert set(parts) == set(images)
    for label, size in Counter(images.values()).items():
        counts = Counter(parts[name] for name in images if images[name] == label)
        assert counts[TRAIN] >= 1
        held = min(size - 1, max(1, int(size * test + 0.5)) if test else 0)
        assert counts[TEST] == held
        assert counts[VAL] == min(size - 1 - held, max(1, int(size * val + 0.5)) if val else 0)


@settings(deadline=None)
@given(NAMED_LABELS, FRACTIONS, FRACTIONS, st.text(min_size=21, max_size=22), st.integers(0, 3))
def test_a_new_image_moves_at_most_one_other_across_each_border(
    images: dict[str, int], val: float, test: float, name: str, label: int
) -> None:
    before, after = split(images, val, test, 0), split(images | {name: label}, val, test, 0)
    moved = [other for other in images if before[other] != after[other]]
    assert all(images[other] == label for other in moved)
    assert len(moved) <= 2


@settings(deadline=None)
@given(NAMED_LABELS, FRACTIONS, FRACTIONS, st.randoms(use_true_random=False))
def test_the_order_of_listing_does_not_matter(images: dict[str, int], val: float, test: float, random: object) -> None:
    shuffled = list(images.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert split(dict(shuffled), val, test, 5) == split(images, val, test, 5)


def test_the_seed_decides() -> None:
    images = {f"cat/{index}.jpg": 0 for index in range(100)}
    assert split(images, 0.1, 0.1, 0) == split(images, 0.1, 0.1, 0)
    assert split(images, 0.1, 0.1, 0) != split(images, 0.1, 0.1, 1)


def test_the_split_of_a_seed_never_changes_between_releases() -> None:
    parts = split({f"cat/{index}.jpg": 0 for index in range(10)}, 0.2, 0.2, 0)
    assert {part: [name for name in parts if parts[name] == part] for part in (VAL, TEST)} == GOLDEN


GOLDEN = {VAL: ["cat/1.jpg", "cat/5.jpg"], TEST: ["cat/2.jpg", "cat/6.jpg"]}


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=40))
def test_equal_contents_of_a_class_stay_together(images: list[tuple[int, int]]) -> None:
    labels = np.array([label for label, _ in images], np.int64)
    contents = [bytes([content]) for _, content in images]
    parts = stratified_split([str(index) for index in range(len(images))], labels, 0.3, 0.3, 0, contents)
    together: dict[tuple[int, int], set[int]] = {}
    for pair, part in zip(images, parts, strict=True):
        together.setdefault(pair, set()).add(int(part))
    assert all(len(found) == 1 for found in together.values())
    assert set(labels[parts == TRAIN]) == set(labels)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=300), st.data())
def test_hold_out_is_exact_and_in_proportion(listed: list[int], data: st.DataObject) -> None:
    labels = np.array(listed, np.int64)
    count = data.draw(st.integers(0, len(listed)))
    held = hold_out([str(index) for index in range(len(listed))], labels, count, "set")
    assert held.sum() == count
    for label in np.unique(labels):
        share = (labels == label).sum() * count / len(listed)
        assert abs((held & (labels == label)).sum() - share) < 1


ROWS = st.integers(1, 5).flatmap(
    lambda classes: st.lists(st.lists(st.booleans(), min_size=classes, max_size=classes), min_size=1, max_size=60)
)


@settings(deadline=None)
@given(ROWS)
def test_the_rarest_label_is_one_of_the_image(rows: list[list[bool]]) -> None:
    labels = np.array(rows, np.uint8)
    counts = labels.sum(axis=0)
    for row, found in zip(labels, rarest(labels), strict=True):
        shown = np.flatnonzero(row)
        assert found in shown if len(shown) else found == labels.shape[1]
        assert all(counts[found] <= counts[label] for label in shown)


@settings(deadline=None)
@given(ROWS, FRACTIONS, st.integers(0, 99))
def test_several_labels_split_as_their_rarest(rows: list[list[bool]], fraction: float, seed: int) -> None:
    labels, names = np.array(rows, np.uint8), [str(index) for index in range(len(rows))]
    parts = stratified_split(names, labels, fraction, fraction, seed)
    assert parts.tolist() == stratified_split(names, rarest(labels), fraction, fraction, seed).tolist()


def test_every_class_of_several_labels_reaches_every_part_near_its_fraction() -> None:
    draw = np.random.default_rng(0)
    frequent = np.array([0.5, 0.3, 0.1, 0.02])
    labels = (draw.random((2000, 4)) < frequent).astype(np.uint8)
    names = [str(index) for index in range(len(labels))]
    parts = stratified_split(names, labels, 0.1, 0.2, 0)
    assert parts.tolist() != stratified_split(names, labels, 0.1, 0.2, 1).tolist()
    for part, fraction in ((VAL, 0.1), (TEST, 0.2)):
        held = labels[parts == part].sum(axis=0)
        expected = labels.sum(axis=0) * fraction
        assert (abs(held - expected) <= 0.2 * expected + 2).all()
        assert (labels[parts == part].sum(axis=1) == 0).any()
