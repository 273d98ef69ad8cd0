"""The calibration section: what the temperature did, and the drawing of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from report.parsed import Page, section
from report.samples import contents, evaluation
from topfive.evaluate import measure
from topfive.evaluate.reliability import reliability
from topfive.predictor import softmax
from topfive.report import calibration, render


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_confidence_before_the_temperature_is_that_of_the_logits(temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 3, (5000, 7)), rng.integers(0, 7, 5000)
    shipped = measure(softmax(logits, temperature), labels, tuple("abcdefg"))
    found = calibration.confidence_without(shipped, temperature)
    assert np.abs(found - softmax(logits).max(axis=1)).max() < 1e-5


def test_both_errors_are_told_where_a_temperature_was_fitted() -> None:
    result = evaluation(n=900)
    page = Page(section(render(contents(result)), "calibration"))
    correct = result.probabilities.argmax(axis=1) == result.labels
    before = reliability(calibration.confidence_without(result, 1.137), correct).ece
    assert f"As trained calibration error {before:.2%}" in page.text
    assert f"As shipped calibration error {result.ece:.2%}" in page.text
    assert before != pytest.approx(result.ece, rel=1e-3)
    assert "too sure of itself" in page.text
    assert [one["role"] for one in page.all("svg")] == ["img", "img"]


def test_without_a_temperature_there_is_one_diagram() -> None:
    text = Page(section(render(contents(shipped=None)), "calibration")).text
    assert "As trained" not in text
    assert "too sure" not in text
    assert "As shipped" in text


def test_a_bar_is_as_high_as_its_accuracy_and_its_gap_reaches_the_confidence() -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.15])
    drawn = calibration.diagram("x", reliability(confidence, np.array([True, True, True, False, True]), bins=10))
    low, high = drawn.bars
    assert (high.height, high.gap) == (pytest.approx(calibration.SIDE * 0.75), "over")
    assert high.gap_height == pytest.approx(calibration.SIDE * 0.15)
    assert (low.height, low.gap) == (pytest.approx(calibration.SIDE * 0.15), "under")
    assert low.gap_height == pytest.approx(calibration.SIDE * 0.85)
    assert high.share == calibration.SHARE_SIDE
    assert low.share == pytest.approx(calibration.SHARE_SIDE / 4)
    assert low.left < high.left
    assert "4 images: confidence 90.00%, accuracy 75.00%" in high.told


def test_probabilities_of_some_classes_alone_are_not_judged() -> None:
    result = evaluation()
    assert (
        calibration.section(contents(replace(result, probabilities=result.probabilities[:, :3]), mistakes=())) is None
    )
