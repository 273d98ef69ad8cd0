"""The gallery shows the images themselves, the surest mistake first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from report.parsed import Page
from report.samples import Pictures, contents, evaluation
from topfive.data import ArrayDataset
from topfive.images import ImageError
from topfive.report import Mistake, render, worst_mistakes
from topfive.report.picture import THUMBNAIL, data_uri


def mistake(pixels: np.ndarray | None, probability: float = 0.9, name: str = "a.png") -> Mistake:
    return Mistake(name, "cat", "dog", probability, 0.05, pixels)


def test_the_surest_wrong_answers_are_found_with_their_pictures() -> None:
    result = evaluation(n=400)
    dataset = Pictures(result)
    found = worst_mistakes(result, dataset, count=7)
    guesses, confidence = result.probabilities.argmax(axis=1), result.probabilities.max(axis=1)
    wrong = [row for row in range(400) if guesses[row] != result.labels[row]]
    wrong.sort(key=lambda row: -confidence[row])
    assert [one.name for one in found] == [result.names[row] for row in wrong[:7]]
    for one, row in zip(found, wrong, strict=False):
        assert one.truth == result.classes[result.labels[row]]
        assert one.guess == result.classes[guesses[row]]
        assert one.probability == confidence[row]
        assert one.truth_probability == result.probabilities[row, result.labels[row]]
        assert one.pixels is not None
        assert (one.pixels == dataset[row][0]).all()


def test_skipped_images_do_not_shift_the_pictures() -> None:
    whole = evaluation(n=300)
    dataset = Pictures(whole)
    kept = np.arange(300) % 3 != 1
    result = replace(
        whole,
        n=int(kept.sum()),
        probabilities=whole.probabilities[kept],
        labels=whole.labels[kept],
        names=tuple(name for name, keep in zip(whole.names, kept, strict=True) if keep),
    )
    found = worst_mistakes(result, dataset)
    assert found
    for one in found:
        assert one.pixels is not None
        assert (one.pixels == dataset[whole.names.index(one.name)][0]).all()


def test_an_image_that_has_gone_leaves_its_words() -> None:
    class Gone(Pictures):
        def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
            raise ImageError("image", self.name(index), "no such file")

    result = evaluation(n=100)
    found = worst_mistakes(result, Gone(result))
    assert found
    assert all(one.pixels is None for one in found)
    parsed = Page(render(contents(result, mistakes=found)))
    assert parsed.all("img") == []
    assert parsed.text.count("cannot be read any more") == len(found)


def test_names_may_be_missing() -> None:
    result = replace(evaluation(n=50), names=())
    dataset = ArrayDataset(np.zeros((50, 1, 8, 8), np.uint8), result.labels, result.classes, "digits")
    assert all(one.name.startswith("digits/") for one in worst_mistakes(result, dataset))


def test_the_gallery_is_ordered_by_confidence() -> None:
    mistakes = [mistake(None, probability, f"{probability}.png") for probability in (0.5, 0.99, 0.7)]
    text = Page(render(contents(mistakes=mistakes))).text
    assert text.index("0.99.png") < text.index("0.7.png") < text.index("0.5.png")


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 1, 1), (3, THUMBNAIL, 7)])
def test_small_pictures_are_embedded_exactly_and_scaled_crisply(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    parsed = Page(render(contents(mistakes=[mistake(pixels)])))
    (image,) = parsed.images()
    found = np.asarray(image)
    assert image.format == "PNG"
    assert (found.reshape(*shape[1:], shape[0]).transpose(2, 0, 1) == pixels).all()
    assert parsed.all("img")[0]["class"] == "crisp"
    assert parsed.all("img")[0]["alt"] == "cat, taken for dog"


@pytest.mark.parametrize("shape", [(3, 375, 500), (1, 1000, 200), (3, 1, 5000), (3, THUMBNAIL + 1, 10)])
def test_large_pictures_become_thumbnails(shape: tuple[int, int, int]) -> None:
    pixels = np.full(shape, 90, np.uint8)
    parsed = Page(render(contents(mistakes=[mistake(pixels)])))
    (image,) = parsed.images()
    assert max(image.size) == THUMBNAIL
    assert image.width / image.height == pytest.approx(shape[2] / shape[1], rel=0.02) or min(image.size) == 1
    assert abs(int(np.asarray(image.convert("L")).mean()) - 90) <= 2
    assert parsed.all("img")[0]["class"] == "photo"


def test_a_picture_with_opacity_keeps_it() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (250, 250, 4), dtype=np.uint8)
    image = Page(f'<img src="{data_uri(pixels)}">').images()[0]
    assert (np.asarray(image) == pixels).all()
    assert isinstance(image, Image.Image)


@pytest.mark.parametrize(
    "pixels", [np.zeros((1, 4, 4), np.float32), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint8)]
)
def test_pixels_of_another_kind_are_a_bug(pixels: np.ndarray) -> None:
    with pytest.raises(AssertionError):
        mistake(pixels)
