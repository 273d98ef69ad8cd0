"""Data check finds every planted fault and no other, and each of its detectors is needed for it."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from faults.datasets import good, picture, write
from faults.planted import Planted, plant
from topfive.data import survey as survey_module
from topfive.data.embed import embedder
from topfive.data.findings import DETECTORS, Detector, Finding, find
from topfive.data.survey import Survey, survey
from topfive.predictor import Predictor


@dataclass(frozen=True)
class Case:
    root: Path
    planted: list[Planted]
    survey: Survey


def silent(what: str):  # type: ignore[no-untyped-def]
    return lambda done, total: None


def looked_at(root: Path, count: int, cache: Path) -> Case:
    planted = plant(root, count)
    found = survey(str(root), silent, embedder(Predictor.load(threads=1), cache))
    return Case(root, planted, found)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    pytest.importorskip("skimage")
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("planted")
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    yield looked_at(folder / "data", 400, folder / "cache.sqlite")
    patch.undo()


def keys(findings: tuple[Finding, ...]) -> set[tuple[str, frozenset[str]]]:
    return {(each.kind, frozenset({each.path or each.label, each.other} - {""})) for each in findings}


def wanted(planted: list[Planted]) -> set[tuple[str, frozenset[str]]]:
    return {each.key for each in planted}


def test_forty_faults_in_four_hundred_pictures_are_found_and_nothing_else(case: Case) -> None:
    assert len(wanted(case.planted)) == 40
    assert keys(find(case.survey)) == wanted(case.planted)


@pytest.mark.slow
def test_two_hundred_faults_in_two_thousand_pictures_are_found_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    large = looked_at(tmp_path / "data", 2000, tmp_path / "cache.sqlite")
    assert len(large.survey) + sum(each.kind == "imbalance" for each in large.planted) >= 1990
    assert len(wanted(large.planted)) == 200
    assert keys(find(large.survey)) == wanted(large.planted)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.__name__)
def test_without_any_one_detector_something_is_missed(case: Case, detector: Detector) -> None:
    others = [each for each in DETECTORS if each is not detector]
    missed = wanted(case.planted) - keys(find(case.survey, others))
    assert missed, f"{detector.__name__} finds nothing that others do not"
    assert {kind for kind, _ in missed} == {each.kind for each in detector(case.survey)}


@pytest.mark.parametrize(
    ("switched_off", "missed"),
    [
        ({"near_hashes": lambda these, those, radius=0: survey_module.np.empty((0, 2), int)}, {"re-encoded"}),
        ({"near_embeddings": lambda embeddings: survey_module.np.empty((0, 2), int)}, {"cropped"}),
        ({"_ROUGH": survey_module.np.array([[0.0, 1.0]]), "_WORTH": 2.0}, {"cropped"}),
    ],
    ids=["hashes", "embeddings", "alignment"],
)
def test_without_any_one_search_some_copies_are_missed(
    switched_off: dict[str, object], missed: set[str], case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in switched_off.items():
        monkeypatch.setattr(f"topfive.data.likeness.{name}", value)
    alike = survey_module._alike(
        case.survey, silent, embedder(Predictor.load(threads=1), case.root.parent / "cache.sqlite")
    )
    found = keys(find(replace(case.survey, alike=alike)))
    hows = {each.how for each in case.planted if each.key not in found}
    assert missed <= hows
    assert len(hows) < 6, "most copies are still found by the other ways"


def test_without_likeness_different_pictures_are_taken_for_one(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topfive.data.likeness.ALIKE", 0.6)
    alike = survey_module._alike(
        case.survey, silent, embedder(Predictor.load(threads=1), case.root.parent / "cache.sqlite")
    )
    assert len(alike) > 2 * len(case.survey.alike)


def test_the_pictures_are_not_touched(case: Case) -> None:
    before = tree(case.root)
    survey(str(case.root), silent, None)
    assert tree(case.root) == before


def tree(root: Path) -> str:
    digest = hashlib.sha256()
    for folder, folders, files in sorted(os.walk(root)):
        for name in sorted(folders + files):
            status = os.lstat(os.path.join(folder, name))
            digest.update(f"{folder}/{name} {status.st_size} {status.st_mtime_ns} {status.st_mode}".encode())
    return digest.hexdigest()


def test_a_sound_folder_gives_nothing(tmp_path: Path) -> None:
    found = survey(str(good(tmp_path)), silent, None)
    assert find(found) == ()


def test_grey_pictures_among_grey_ones_are_none(tmp_path: Path) -> None:
    from PIL import Image

    good(tmp_path)
    for path in list(tmp_path.rglob("*.png"))[:12]:
        Image.open(path).convert("L").save(path)
    assert [each for each in find(survey(str(tmp_path), silent, None)) if each.kind == "grey"] == []


def test_of_a_pair_the_picture_in_the_part_that_judges_stays(tmp_path: Path) -> None:
    content = picture(7, side=40)
    for part, name in (("train", "b"), ("test", "a"), ("train", "c")):
        for index in range(11):
            for label in ("cat", "dog"):
                write(
                    tmp_path / part / label / f"{name}{index}.png",
                    picture(zlib.crc32(f"{part}{name}{label}{index}".encode())),
                )
        write(tmp_path / part / "cat" / f"{name}.png", content)
    leaks = [each for each in find(survey(str(tmp_path), silent, None)) if each.kind == "leak"]
    assert {(each.path, each.other) for each in leaks} == {
        ("train/cat/b.png", "test/cat/a.png"),
        ("train/cat/c.png", "test/cat/a.png"),
    }


def test_a_file_under_two_classes_is_a_conflict_even_beside_its_own_copies(tmp_path: Path) -> None:
    good(tmp_path)
    content = picture(31, side=40)
    for path in ("cat/x.png", "cat/y.png", "dog/z.png"):
        write(tmp_path / path, content)
    kinds = {(each.kind, each.path) for each in find(survey(str(tmp_path), silent, None))}
    assert ("label-conflict", "cat/y.png") in kinds
    assert ("label-conflict", "dog/z.png") in kinds


def test_a_named_set_is_checked_too() -> None:
    found = survey("digits", silent, None)
    assert len(found) == 1797
    assert found.listing is None
    kinds = {each.kind for each in find(found)}
    assert kinds <= {"duplicate", "leak", "label-conflict"}, "small and grey is what digits are"
    assert found.paths[len(found) - 1].startswith("digits/test/")
