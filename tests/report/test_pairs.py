"""The hardest pairs, and the evidence beside each mistake."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from report.parsed import Page, section
from report.samples import Pictures, contents, evaluation
from topfive.evaluate import measure
from topfive.images import ImageError
from topfive.report import hardest_pairs, render, worst_mistakes


def confused(errors: dict[tuple[int, int], int], classes: tuple[str, ...] = ("ant", "bee", "cow", "doe")):
    """Twenty right answers of each class, and these wrong ones, (truth, answer): each surer than the one before."""
    pairs = [(index, index) for index in range(len(classes)) for _ in range(20)]
    pairs += [pair for pair, count in errors.items() for _ in range(count)]
    labels, guesses = np.array(pairs).T
    sureness = np.linspace(0.5, 0.9, len(pairs))
    probabilities = np.tile(((1 - sureness) / (len(classes) - 1))[:, None], (1, len(classes)))
    probabilities[np.arange(len(pairs)), guesses] = sureness
    result = measure(probabilities, labels, classes)
    object.__setattr__(result, "names", tuple(f"{index}.png" for index in range(len(pairs))))
    return result


def test_both_ways_count_together_and_the_more_frequent_is_told_first() -> None:
    result = confused({(0, 1): 2, (1, 0): 3, (2, 3): 4, (0, 2): 1})
    found = hardest_pairs(result, Pictures(result))
    assert [(one.first, one.second, one.first_as_second, one.second_as_first) for one in found] == [
        ("bee", "ant", 3, 2),
        ("cow", "doe", 4, 0),
    ]


def test_the_examples_are_of_the_pair_the_surest_first() -> None:
    result = confused({(0, 1): 2, (1, 0): 3, (2, 3): 1})
    (pair,) = hardest_pairs(result, Pictures(result), examples=4)
    assert [(one.truth, one.guess) for one in pair.examples] == [("bee", "ant")] * 3 + [("ant", "bee")]
    assert [one.probability for one in pair.examples] == sorted(
        (one.probability for one in pair.examples), reverse=True
    )
    for one in pair.examples:
        assert one.pixels is not None
        assert (one.pixels == Pictures(result)[result.names.index(one.name)][0]).all()


def test_a_single_mistake_makes_no_pair() -> None:
    result = confused({(0, 1): 1, (2, 3): 1})
    assert hardest_pairs(result, Pictures(result)) == ()
    assert 'id="pairs"' not in render(contents(result, pairs=()))


def test_the_page_shows_pairs_with_their_pictures() -> None:
    result = confused({(0, 1): 2, (1, 0): 1})
    page = Page(section(render(contents(result)), "pairs"))
    assert "ant and bee" in page.text
    assert "2 images of ant taken for bee, 1 the other way." in page.text
    assert sorted(one["alt"] for one in page.all("img")) == ["ant, taken for bee"] * 2 + ["bee, taken for ant"]


def marked(pictures: Sequence[np.ndarray], guesses: Sequence[int]) -> list[np.ndarray]:
    """Evidence that can be recognised: the picture's mean and the class."""
    return [np.array([[[picture.mean(), guess]]], np.uint8) for picture, guess in zip(pictures, guesses, strict=True)]


def test_each_mistake_gets_the_evidence_for_its_own_answer() -> None:
    result = evaluation(n=300)
    found = worst_mistakes(result, Pictures(result), count=9, heat=marked)
    assert len(found) == 9
    for one in found:
        assert one.pixels is not None
        assert one.heat is not None
        assert one.heat.ravel().tolist() == [int(one.pixels.mean()), result.classes.index(one.guess)]


def test_a_picture_that_is_gone_has_no_evidence_and_shifts_none() -> None:
    result = evaluation(n=300)
    gone = worst_mistakes(result, Pictures(result), count=3)[1].name

    class Gone(Pictures):
        def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
            if self.name(index) == gone:
                raise ImageError("image", gone, "no such file")
            return super().__getitem__(index)

    first, second, third = worst_mistakes(result, Gone(result), count=3, heat=marked)
    assert second.pixels is None
    assert second.heat is None
    for one in (first, third):
        assert one.heat is not None
        assert one.heat.ravel()[1] == result.classes.index(one.guess)


def test_the_gallery_shows_the_evidence_beside_the_picture() -> None:
    result = evaluation(n=300)
    with_heat = worst_mistakes(result, Pictures(result), count=2, heat=marked)
    page = Page(section(render(contents(result, mistakes=with_heat)), "mistakes"))
    assert [one["alt"] for one in page.all("img")][1::2] == ["where the network looked"] * 2
    assert "Grad-CAM" in page.text
    plain = worst_mistakes(result, Pictures(result), count=2)
    page = Page(section(render(contents(result, mistakes=plain)), "mistakes"))
    assert len(page.all("img")) == 2
    assert "Grad-CAM" not in page.text
