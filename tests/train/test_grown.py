"""Runs whose time is over while their images still grow."""

import dataclasses

import pytest

from topfive import artifact
from topfive.data import ArrayDataset, open_data
from topfive.evaluate import evaluate
from topfive.predictor import Predictor
from topfive.preprocess import Preprocess
from topfive.train import Run, Silent, Surroundings, fit, grown, loop, recipe_from

RECIPE = recipe_from(
    {"model": "resnet20_cifar", "epochs": 5, "batch_size": 40, "img_size": 24, "start_size": 12, "time": 60.0}
)  # of 12, 16, 20, 24 and 24 pixels
STEPS = 4  # an epoch


class Notes(Silent):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def digits(val=40):
    whole = open_data("digits")
    counts = {"train": STEPS * RECIPE.batch_size, "val": val, "test": 30}
    cut = {
        name: ArrayDataset(part.images[: counts[name]], part.labels[: counts[name]], part.classes, part.prefix)
        for name, part in whole.parts()
    }
    return dataclasses.replace(whole, **cut)


@pytest.fixture
def cut(monkeypatch, tmp_path):
    """A run that has time for so many steps: its report, and what was noted."""

    def go(steps, splits):
        over = iter([False] * (steps - 1) + [True])
        monkeypatch.setattr(loop, "for_steps", lambda seconds: -1.0 if next(over) else 1e9)
        watch = Notes()
        with Run(tmp_path / "run") as run:
            around = Surroundings(threads=1, channels_last=False, workers=1, watch=watch)
            report = fit(RECIPE, splits, run, surroundings=around)
        assert next(over, None) is None, "the time was not over when it should have been"
        return report, watch.notes

    return go


@pytest.mark.parametrize("best", [12, 16])
def test_the_file_sees_images_of_the_size_that_its_weights_know_best(cut, monkeypatch, best):
    asked = []

    def score(state, work, side):
        asked.append(side)
        return 1.0 if side == best else 0.5

    monkeypatch.setattr(grown, "_score", score)
    splits = digits()
    report, notes = cut(STEPS + 1, splits)
    assert asked == [12, 16]
    assert artifact.read(report.artifact).preprocess.side == best
    predictor = Predictor.load(report.artifact)
    assert report.evaluation.top1 == evaluate(predictor, splits.test).top1, "measured as shipped"
    assert [note for note in notes if "grew" in note] == [
        f"its time was over while the images still grew: the file sees them at {best} pixels, not 24"
    ]


def test_the_score_is_that_of_the_log(cut, monkeypatch):
    """Weights that have seen nothing but 12 pixels, scored as the end of their epoch did."""
    scores = []
    score = grown._score
    monkeypatch.setattr(grown, "_score", lambda *those: scores.append(score(*those)) or scores[-1])
    report, _ = cut(STEPS, digits())
    with Run(report.run) as run:
        (entry,) = run.logged()
    assert entry["side"] == artifact.read(report.artifact).preprocess.side == 12
    assert scores == [entry["val_top1"]]


def test_without_validation_images_the_last_size_counts(cut):
    report, _ = cut(STEPS + 1, digits(val=0))
    assert artifact.read(report.artifact).preprocess.side == 16


@pytest.mark.parametrize("best", [20, 24])
def test_whole_images_of_which_it_saw_few_are_one_size_of_several(cut, monkeypatch, best):
    monkeypatch.setattr(grown, "_score", lambda state, work, side: float(side == best))
    report, notes = cut(3 * STEPS + 1, digits())
    assert artifact.read(report.artifact).preprocess.side == best
    assert len([note for note in notes if "grew" in note]) == (best != 24)


@pytest.mark.parametrize(("steps", "val"), [(4 * STEPS, 40), (4 * STEPS + 1, 40), (3 * STEPS + 1, 0)])
def test_whole_images_that_it_knows_stay_whole(cut, monkeypatch, steps, val):
    monkeypatch.setattr(grown, "_score", lambda state, work, side: -float(side))
    report, notes = cut(steps, digits(val))
    assert artifact.read(report.artifact).preprocess.side == 24
    assert not [note for note in notes if "grew" in note]


@pytest.mark.parametrize(
    ("whole", "side", "size", "pad"), [(Preprocess(size=28, pad=2), 16, 14, 1), (Preprocess(size=224), 128, 128, 0)]
)
def test_the_padding_keeps_its_share(whole, side, size, pad):
    smaller = grown.at_side(whole, side)
    assert (smaller.size, smaller.pad, smaller.side) == (size, pad, side)
    assert (smaller.crop, smaller.mean) == (whole.crop, whole.mean)
