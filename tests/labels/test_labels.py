from __future__ import annotations

from collections import Counter
from importlib import resources

import pytest

from topfive.labels import Labels, imagenet, imagenet_lemmas


def test_imagenet_order_is_that_of_timm():
    listed = resources.files("timm").joinpath("data/_info/imagenet_synsets.txt").read_text().split()
    assert list(imagenet().synsets) == listed
    assert listed == sorted(listed)


def test_imagenet_lemmas_agree_with_timm():
    text = resources.files("timm").joinpath("data/_info/imagenet_synset_to_lemma.txt").read_text(encoding="utf-8")
    known = dict(line.split("\t") for line in text.splitlines())
    ours = dict(zip(imagenet().synsets, imagenet_lemmas(), strict=True))
    differing = {s: (ours[s], known[s]) for s in ours if ", ".join(ours[s]) != known[s]}
    assert not differing


@pytest.mark.parametrize(("index", "name"), [(0, "tench"), (281, "tabby"), (999, "toilet tissue")])
def test_imagenet_names(index, name):
    assert imagenet().names[index] == name


def test_names_repeat_and_synsets_do_not():
    repeated = {name for name, count in Counter(imagenet().names).items() if count > 1}
    assert "crane" in repeated
    assert len(set(imagenet().synsets)) == len(imagenet()) == 1000


def test_no_name_has_an_underscore():
    assert not [name for lemmas in imagenet_lemmas() for name in lemmas if "_" in name or not name]


def test_labels_without_synsets():
    assert Labels(("a", "b")).synset(1) is None


@pytest.mark.parametrize("synsets", [("n1",), ("n1", "n1")])
def test_labels_refuse_synsets_that_cannot_be(synsets):
    with pytest.raises(ValueError, match="synset"):
        Labels(("a", "b"), synsets)
