"""Some images of a data set, and a division of the training images alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import shapes
from topfive.data import open_data
from topfive.data.part import part, within_training
from topfive.errors import DataError


def test_training_is_divided_and_nothing_else_is_touched() -> None:
    whole = open_data("digits")
    splits = within_training(whole, 500, 200)
    assert (len(splits.train), len(splits.val)) == (500, 200)
    assert splits.test is whole.test
    pool = {image.tobytes() for image in whole.train.images}  # type: ignore[attr-defined]
    train, val = ({image.tobytes() for image in one.images} for one in (splits.train, splits.val))  # type: ignore[attr-defined]
    assert train | val <= pool
    assert not train & val
    for one, count in ((splits.train, 50), (splits.val, 20)):
        assert np.abs(np.bincount(one.labels) - count).max() <= 2
    again = within_training(whole, 500, 200)
    assert np.array_equal(again.val.labels, splits.val.labels)


def test_all_that_validation_leaves_may_be_training() -> None:
    whole = open_data("digits")
    splits = within_training(whole, None, 200)
    assert len(splits.train) + len(splits.val) == len(whole.train)


def test_more_images_than_there_are_is_refused() -> None:
    whole = open_data("digits")
    for training, validation in ((len(whole.train), 1), (None, len(whole.train))):
        with pytest.raises(DataError, match="images are wanted, it has"):
            within_training(whole, training, validation)


def test_files_of_several_labels_keep_their_names_and_labels(tmp_path: Path) -> None:
    whole = open_data(shapes.write(tmp_path / "shapes", 60))
    splits = within_training(whole, None, 12)
    labels = {whole.train.name(i): whole.train.labels[i].tolist() for i in range(len(whole.train))}
    for one in (splits.train, splits.val):
        for i in range(len(one)):
            assert labels[one.name(i)] == one.labels[i].tolist()
            assert one[i][0].shape == (3, 24, 24)
    names = [{one.name(i) for i in range(len(one))} for one in (splits.train, splits.val)]
    assert not names[0] & names[1]
    assert names[0] | names[1] == set(labels)


def test_places_may_come_in_any_order() -> None:
    whole = open_data("digits").test
    some = part(whole, np.array([5, 2, 9]))
    assert some.labels.tolist() == whole.labels[[5, 2, 9]].tolist()
    assert np.array_equal(some[1][0], whole[2][0])
