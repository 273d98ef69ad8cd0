"""The matrix as numbers, as shades, and as the list of what is confused most."""

from __future__ import annotations

import re

import numpy as np
import pytest

from report.parsed import Page, section
from report.samples import FASHION, contents, evaluation
from topfive.report import confusion, render
from topfive.report.neighbours import blocks


def classes(count: int) -> tuple[str, ...]:
    return tuple(f"class {index:04}" for index in range(count))


def test_the_table_holds_the_counts() -> None:
    result = evaluation(n=2000)
    html = render(contents(result))
    table = html[html.index('<table class="matrix"') :]
    table = table[: table.index("</table>")]
    numbers = re.findall(r'<td class="([\w-]+)">([\d,]+)</td>', table)
    found = np.array([int(number.replace(",", "")) for _, number in numbers]).reshape(10, 10)
    assert (found == result.confusion).all()
    assert {shade for shade, number in numbers if number == "0"} == {"none"}
    diagonal = [numbers[index * 11][0] for index in range(10)]
    assert all(shade.startswith("right-") for shade in diagonal)


def test_every_shade_of_the_table_is_in_the_style() -> None:
    html = render(contents())
    for kind in ("right", "wrong"):
        assert all(f".{kind}-{level} {{" in html for level in range(1, confusion.SHADES + 1))
    shades = {confusion._shade(share, right=True) for share in np.linspace(0, 1, 1001)}
    assert shades == {"", *(f"right-{level}" for level in range(1, confusion.SHADES + 1))}


@pytest.mark.parametrize("count", [1, 2, confusion.MAXIMUM_COUNTED])
def test_few_classes_are_counted(count: int) -> None:
    parsed = Page(render(contents(evaluation(classes(count), n=60))))
    assert any(attributes.get("class") == "matrix" for attributes in parsed.all("table"))
    assert parsed.all("image") == []


@pytest.mark.parametrize("count", [confusion.MAXIMUM_COUNTED + 1, confusion.MAXIMUM_NAMED])
def test_more_classes_are_shaded_with_their_names(count: int) -> None:
    html = section(render(contents(evaluation(classes(count), n=600))), "confusion")
    assert 'aria-label="Confusion matrix"' in html
    assert "<table class" not in html[: html.index('aria-label="Block A"') - len('<table class="matrix" ')]
    parsed = Page(html)
    (image,) = parsed.images("image", "href")
    assert image.size == (count, count)
    labels = [text for text in parsed.texts if text.startswith("class 00")]
    assert set(classes(count)) <= set(labels)


@pytest.mark.parametrize(("count", "side", "together"), [(61, 61, 1), (250, 250, 1), (251, 126, 2), (1000, 250, 4)])
def test_many_classes_share_pixels(count: int, side: int, together: int) -> None:
    alone = [(index,) for index in range(count)]
    drawn = confusion.picture(np.eye(count, dtype=np.int64), classes(count), alone)
    assert drawn.together == together
    pixels = confusion.shades(np.eye(count, dtype=np.int64), together)
    assert pixels.shape == (side, side, 4)
    assert not drawn.named


def test_the_worst_blocks_are_shown_as_tables() -> None:
    counts = np.diag(np.full(100, 20))
    counts[[3, 97, 50], [97, 3, 51]] = 9, 2, 4
    counts[97, 10] = 1
    drawn = confusion.picture(counts, classes(100), found := blocks(counts, confusion.BLOCK))
    worst, *others = confusion.worst_blocks(counts, classes(100), found, drawn)
    assert {"class 0003", "class 0097", "class 0010"} == set(worst.classes)
    assert (worst.letter, worst.wrong, worst.elsewhere) == ("A", 12, 0)
    cells = {
        (row, column): cell.count for row, line in worst.rows for column, cell in zip(worst.classes, line, strict=True)
    }
    assert cells["class 0003", "class 0097"] == 9
    assert cells["class 0097", "class 0003"] == 2
    assert cells["class 0097", "class 0010"] == 1
    assert [(block.letter, block.wrong) for block in others] == [("B", 4)]
    place = [index for chain in found for index in chain].index(
        min(found[found.index(next(c for c in found if 3 in c))])
    )
    assert 0 <= worst.start <= drawn.side * place / 100 <= worst.start + worst.side


def test_without_an_error_there_is_no_block() -> None:
    counts = np.eye(30, dtype=np.int64)
    found = blocks(counts, confusion.BLOCK)
    assert confusion.worst_blocks(counts, classes(30), found, confusion.picture(counts, classes(30), found)) == []


def test_a_shade_tells_right_from_wrong_and_how_much() -> None:
    counts = np.array([[75, 25, 0], [0, 0, 0], [0, 100, 0]])
    pixels = confusion.shades(counts)
    right, wrong = pixels[0, 0], pixels[0, 1]
    assert tuple(right[:3]) != tuple(wrong[:3])
    assert right[3] == round(255 * 0.75**0.5)
    assert wrong[3] == round(255 * 0.5)
    assert pixels[1, :, 3].tolist() == [0, 0, 0]
    assert pixels[2, :, 3].tolist() == [0, 255, 0]


def test_a_single_confusion_is_seen_where_classes_share_a_pixel() -> None:
    counts = np.eye(1000, dtype=np.int64) * 50
    counts[123, 877] = counts[123, 123] = 25
    counts[40, 40], counts[40, 41] = 5, 45
    pixels = confusion.shades(counts, 4)
    expected = np.zeros((250, 250), bool)
    np.fill_diagonal(expected, True)
    expected[123 // 4, 877 // 4] = True
    assert ((pixels[:, :, 3] > 0) == expected).all()
    assert pixels[123 // 4, 877 // 4, 3] == round(255 * 0.5**0.5)
    assert tuple(pixels[10, 10, :3]) == tuple(pixels[0, 0, :3])  # its other three classes are all right


def test_the_commonest_confusions_come_first() -> None:
    counts = np.array([[90, 10, 0], [3, 7, 0], [1, 0, 5]])
    found = confusion.commonest(counts, ("a", "b", "c"))
    assert [(one.truth, one.guess, one.count, one.share) for one in found] == [
        ("a", "b", 10, 0.1),
        ("b", "a", 3, 0.3),
        ("c", "a", 1, pytest.approx(1 / 6)),
    ]
    assert counts.tolist() == [[90, 10, 0], [3, 7, 0], [1, 0, 5]]


def test_confusions_are_bounded_and_not_told_twice_for_two_classes() -> None:
    result = evaluation(classes(30), n=5000)
    assert len(confusion.commonest(result.confusion, result.classes)) == confusion.CONFUSIONS
    assert "Most frequent" not in render(contents(evaluation(("cat", "dog"), n=100)))
    assert "Most frequent" in render(contents(evaluation(FASHION[:3], n=100)))
