"""The page of data check: it parses, asks for nothing, shows the pictures, and no name can do anything on it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faults.datasets import FAULTS, good, picture, write
from report.parsed import Page
from topfive.data.findings import DETECTORS, Finding, find
from topfive.data.survey import Survey, survey
from topfive.report.findings import MAXIMUM_SHOWN, ORDER, TITLES, render


def looked_at(root: Path) -> Survey:
    return survey(str(root), lambda what: lambda done, total: None, None)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    root = FAULTS["truncated"].make(tmp_path_factory.mktemp("data"))
    write(root / "cat" / "copy.png", (root / "cat" / "000.png").read_bytes())
    write(root / "cat" / "two.png", picture(77, side=40))
    write(root / "dog" / "two.png", picture(77, side=40))
    return looked_at(root)


def test_every_kind_has_its_section_the_gravest_first(found: Survey) -> None:
    parsed = Page(render("pets", found, find(found)))
    sections = [attributes["id"] for attributes in parsed.all("section")]
    assert sections == ["found", "unreadable", "label-conflict", "duplicate", "classes"]
    assert {attributes["href"] for attributes in parsed.all("a")} == {f"#{key}" for key in sections}
    assert "cat/x.jpg" in parsed.text
    assert "truncated" in parsed.text
    assert len(parsed.all("img")) == 4


def test_every_kind_that_a_detector_names_has_a_title() -> None:
    import inspect

    from topfive.data import findings, manifest

    source = inspect.getsource(findings) + inspect.getsource(manifest)
    kinds = set(re.findall(r'(?:Finding\(|index, |pair, )"([a-z-]+)"', source))
    assert len(kinds) > len(DETECTORS)
    assert kinds == set(TITLES)


def test_the_page_asks_for_nothing_beside_it(found: Survey) -> None:
    html = render("pets", found, find(found), [("topfive train x", "Train")])
    parsed = Page(html)
    addresses = [
        value for _, attributes in parsed.elements for name, value in attributes.items() if name in ("href", "src")
    ]
    assert len(addresses) > 5
    assert [address for address in addresses if not address.startswith(("#", "data:"))] == []
    assert re.findall(r"https?:|url\(|@import|javascript:|<script|style=", html) == []
    assert "topfive train x" in parsed.text


def test_thumbnails_are_the_pictures(found: Survey) -> None:
    finding = next(each for each in find(found) if each.kind == "duplicate")
    (left, right) = Page(render("pets", found, [finding])).images()
    assert left.size == right.size == (12, 12)
    assert left.tobytes() == right.tobytes()


def test_a_sound_set_says_so(tmp_path: Path) -> None:
    sound = looked_at(good(tmp_path))
    parsed = Page(render("pets", sound, find(sound)))
    assert "Nothing: every file is a picture of its own" in parsed.text
    assert parsed.all("img") == []


def test_a_page_of_rubble_stays_small(found: Survey) -> None:
    one = Finding("grey", "cat/000.png", "cat", "no colour", "note")
    few, many = (len(render("pets", found, [one] * count)) for count in (MAXIMUM_SHOWN, 5000))
    assert many < few + 60_000
    assert "4" in Page(render("pets", found, [one] * 5000)).text


@settings(max_examples=25)
@given(st.text(max_size=40), st.sampled_from(sorted(TITLES)), st.sampled_from(sorted(ORDER)))
def test_no_text_becomes_markup(found: Survey, text: str, kind: str, severity: str) -> None:
    hostile = f"<img src=x onerror=alert(1)>{text}"
    renamed = replace(found, classes=(hostile, "dog"), notes=(hostile,))
    finding = Finding(kind, "cat/000.png", hostile, hostile, severity)  # type: ignore[arg-type]
    plain = replace(finding, label="cat", why="why")
    parsed, expected = (
        Page(render(name, survey, [each]))
        for name, survey, each in ((hostile, renamed, finding), ("p", replace(found, notes=("n",)), plain))
    )
    assert parsed.shape == expected.shape
    assert "onerror" in parsed.text


def test_a_picture_that_is_gone_leaves_a_gap(tmp_path: Path) -> None:
    root = good(tmp_path)
    seen = looked_at(root)
    (root / "cat" / "000.png").unlink()
    parsed = Page(render("pets", seen, [Finding("grey", "cat/000.png", "cat", "grey", "note")]))
    assert "cannot be read any more" in parsed.text
