from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from report.parsed import Page, section
from report.samples import Pictures, contents, heat
from topfive.evaluate import LabelEvaluation, fit_thresholds, measure_labels
from topfive.report import Contents, data, render, several, worst_labels

CLASSES = ("cat", "dog", "tree", "unicorn")


def evaluation(classes: tuple[str, ...] = CLASSES, n: int = 200) -> LabelEvaluation:
    """Answers that grow worse from class to class; no image shows the last."""
    rng = np.random.default_rng(0)
    truth = rng.random((n, len(classes))) < 0.3
    truth[:, -1] = False
    probabilities = 1 / (1 + np.exp(-(4 * truth - 2 + rng.normal(0, np.arange(1, len(classes) + 1), truth.shape))))
    result = measure_labels(probabilities, truth, classes, fit_thresholds(probabilities, truth))
    return replace(result, names=tuple(f"{row:05}.png" for row in range(n)))


def page_of(result: LabelEvaluation) -> Contents:
    balance = {"train": np.arange(len(result.classes)) + 7, "test": result.labels.sum(axis=0)}
    return replace(
        contents(),
        evaluation=result,
        mistakes=worst_labels(result, Pictures(result), heat=heat),
        pairs=(),
        balance=balance,
        counts={"train": 9, "test": result.n},
    )


def test_only_what_means_something_is_told() -> None:
    result = evaluation()
    parsed = Page(render(page_of(result)))
    keys = [attributes["id"] for attributes in parsed.all("section")]
    assert keys == ["result", "learning", "classes", "mistakes", "data", "file", "recipe"]
    for figure in (result.mean_average_precision, result.micro_f1, result.macro_f1):
        assert f"{figure:.2%}" in parsed.text
    assert "1 class is on no image here" in parsed.text
    assert "temperature" not in parsed.text


def test_images_are_counted_and_not_their_labels() -> None:
    section = data.section(page_of(evaluation()))
    assert section is not None
    assert [(part.name, part.images, part.classes) for part in section.view["parts"]] == [
        ("train", 9, 4),
        ("test", evaluation().n, 3),
    ]


def test_the_worst_come_first_and_the_unknown_last() -> None:
    rows = several.worst_first(evaluation())
    assert [row.name for row in rows] == ["tree", "dog", "cat", "unicorn"]
    assert rows[-1].average_precision == rows[-1].recall == rows[-1].f1 == "\N{EN DASH}"
    assert rows[0].bar == round(100 * evaluation().per_class[2].average_precision, 1)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=30), min_size=2, max_size=5, unique=True))
def test_any_names_are_harmless(names: list[str]) -> None:
    def elements(classes: tuple[str, ...]) -> list[str]:
        return [name for name, _ in Page(render(page_of(evaluation(classes, 50)))).elements]

    plain = tuple(f"c{index}" for index in range(len(names)))
    assert elements(tuple(names)) == elements(plain)


def test_the_test_above_would_see_an_element() -> None:
    found = render(page_of(evaluation(("<b>", "dog"), 50)))
    assert "&lt;b&gt;" in found
    assert len(Page(found.replace("&lt;b&gt;", "<b></b>")).elements) > len(Page(found).elements)


def test_the_surest_of_both_kinds_are_shown_with_their_pictures() -> None:
    result = evaluation()
    dataset = Pictures(result)
    found = worst_labels(result, dataset, count=10, heat=heat)
    claimed = result.probabilities >= [score.threshold for score in result.per_class]
    for claim, kept in ((True, found[:5]), (False, found[5:])):
        wrong = np.argwhere((claimed == claim) & (result.labels != claim)).tolist()
        wrong.sort(key=lambda pair: result.probabilities[tuple(pair)], reverse=claim)
        assert [(one.name, one.label) for one in kept] == [(result.names[r], CLASSES[c]) for r, c in wrong[:5]]
        for one, (row, column) in zip(kept, wrong, strict=False):
            assert (one.claimed, one.probability) == (claim, result.probabilities[row, column])
            assert one.threshold == result.per_class[column].threshold
            assert one.truth == tuple(np.array(CLASSES)[result.labels[row]])
            assert one.pixels is not None
            assert (one.pixels == dataset[row][0]).all()
            assert one.heat is not None


def test_images_that_were_skipped_do_not_shift_the_pictures() -> None:
    whole = evaluation()
    kept = np.arange(whole.n) % 3 != 1
    names = tuple(name for name, keep in zip(whole.names, kept, strict=True) if keep)
    result = replace(
        whole, n=len(names), probabilities=whole.probabilities[kept], labels=whole.labels[kept], names=names
    )
    dataset = Pictures(whole)
    for one in worst_labels(result, dataset):
        assert one.pixels is not None
        assert (one.pixels == dataset[whole.names.index(one.name)][0]).all()


def test_the_gallery_says_what_is_wrong() -> None:
    result = evaluation()
    text = Page(section(render(page_of(result)), "mistakes")).text
    claimed = result.probabilities >= [score.threshold for score in result.per_class]
    for words, count in (
        ("Said, but not labelled", (claimed & ~result.labels).sum()),
        ("Labelled, but not said", (~claimed & result.labels).sum()),
    ):
        assert words in text
        assert f"probable of {count}." in text
    bare = replace(page_of(result), mistakes=())
    assert text.count("their pictures were not kept") == 0
    assert Page(section(render(bare), "mistakes")).text.count("their pictures were not kept") == 2


def test_where_nothing_is_wrong_nothing_is_shown() -> None:
    truth = evaluation().labels
    result = measure_labels(truth.astype(np.float32), truth, CLASSES, (0.5,) * 4)
    assert worst_labels(result, Pictures(evaluation())) == ()
    assert Page(section(render(page_of(result)), "mistakes")).text.count("None.") == 2
