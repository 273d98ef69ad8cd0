"""The whole page: it parses, needs nothing beside it, says what the evaluation says, and stays small."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from report.parsed import Page
from report.samples import FASHION, Pictures, contents, curve, evaluation
from topfive.data import Skipped
from topfive.errors import ResourceError, UsageError
from topfive.evaluate import ClassScore, Evaluation, Interval
from topfive.report import Contents, Mistake, Pair, Shipped, page, render, worst_mistakes, write_report

HOSTILE = (
    "<script>alert(1)</script>",
    '" onload="alert(1)',
    "' onmouseover='alert(1)",
    "--><img src=x onerror=alert(1)>",
    "</style><script src=https://evil.example/x.js></script>",
    "</title><base href=//evil.example>",
    "{{ 7*7 }}{% raw %}",
    "\x1b[31mred\x07",
    "\u202egnp.exe\u2066",
    "lone \ud800",
    "\udcff.jpg",
    "line\nbreak\u2028\0",
    "a" * 1_000_000,
    "&lt;b&gt;&amp;",
    "https://evil.example/pixel.png",
)


def test_a_whole_page_parses_and_has_every_section() -> None:
    parsed = Page(render(contents()))
    sections = [attributes["id"] for attributes in parsed.all("section")]
    assert sections == [
        *("result", "learning", "classes", "confusion", "pairs", "mistakes", "calibration", "data", "file", "recipe"),
    ]
    assert [attributes["href"] for attributes in parsed.all("a")] == [f"#{key}" for key in sections]
    assert parsed.all("html") == [{"lang": "en"}]


def test_the_page_asks_for_nothing_beside_it() -> None:
    html = render(contents())
    parsed = Page(html)
    addresses = [
        value
        for _, attributes in parsed.elements
        for name, value in attributes.items()
        if name in ("href", "src", "srcset", "action", "data", "xlink:href")
    ]
    assert len(addresses) > 20
    assert [address for address in addresses if not address.startswith(("#", "data:"))] == []
    assert re.findall(r"https?:|url\(|@import|javascript:", html) == []


def test_the_policy_forbids_all_but_this_style_and_needs_no_exception() -> None:
    html = render(contents())
    parsed = Page(html)
    policy = next(meta["content"] for meta in parsed.all("meta") if meta.get("http-equiv"))
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert len(style[1]) > 1000
    tags = {tag for tag, _ in parsed.elements}
    names = {name for _, attributes in parsed.elements for name in attributes}
    assert not tags & {"script", "iframe", "object", "embed", "form", "base"}
    assert not {name for name in names if name == "style" or name.startswith("on")}


def test_the_figures_are_those_of_the_evaluation() -> None:
    result = evaluation(n=733)
    text = Page(render(contents(result))).text
    for fraction in (result.top1, result.top5, result.ece):
        assert f"{fraction:.2%}" in text
    assert f"{result.nll:.4f}" in text
    for interval in (result.top1_interval, result.top5_interval):
        assert f"95% interval {interval.low:.2%} to {interval.high:.2%}" in text
    assert f"Measured on {result.n} test images" in text
    assert "54,000 train, 6,000 val, 10,000 test" in text


def test_a_page_is_a_function_of_its_contents() -> None:
    assert render(contents()) == render(contents())


@pytest.mark.parametrize(("split", "warning"), [("val", "a little less on new ones"), ("train", "much less on new")])
def test_a_figure_on_images_the_run_has_seen_says_so(split: str, warning: str) -> None:
    assert warning in Page(render(contents(split=split))).text
    assert warning not in Page(render(contents())).text


def test_top5_is_left_out_where_it_is_always_right() -> None:
    text = Page(render(contents(evaluation(FASHION[:5])))).text
    assert "Top-5" not in text
    assert "Top-5" in Page(render(contents(evaluation(FASHION[:6])))).text


def test_the_least_contents_make_a_page() -> None:
    result = evaluation(("cat", "dog"), n=3)
    bare = contents(
        result,
        **{"curve": (), "best_epoch": None, "mistakes": (), "skipped": (), "shipped": None, "recipe": {}},
        **{"environment": {}, "counts": {}, "balance": {}},
    )
    parsed = Page(render(bare))
    assert [attributes["id"] for attributes in parsed.all("section")] == [
        "result",
        "classes",
        "confusion",
        "mistakes",
        "calibration",
        "data",
    ]


def test_without_a_mistake_the_page_says_so() -> None:
    classes = ("a", "b", "c")
    labels = np.arange(30) % 3
    result = evaluation(classes, n=30)
    result = replace(
        result,
        probabilities=np.eye(3, dtype=np.float32)[labels],
        labels=labels,
        confusion=np.eye(3, dtype=np.int64) * 10,
        top1=1.0,
    )
    assert worst_mistakes(result, Pictures(result)) == ()
    text = Page(render(contents(result))).text
    assert "None: all 30 answers are right." in text
    assert "Nothing was taken for anything else." in text
    assert "Most frequent confusions" not in text


def hostile_contents(names: list[str]) -> Contents:
    """A report in which everything a user can name is one of `names`."""
    name = names[0]
    result = evaluation(tuple(names), n=40 * len(names))
    result = replace(result, names=tuple(f"{names[i % len(names)]}/{i}" for i in range(result.n)))
    mistakes = [
        Mistake(names[i % len(names)], name, names[-1], 0.9, 0.1, np.zeros((1, 4, 4), np.uint8)) for i in range(6)
    ]
    return contents(
        result,
        title=name,
        model=name,
        paper=name,
        data=name,
        counts={name: 1},
        split=name,
        mistakes=mistakes,
        pairs=[Pair(name, names[-1], 3, 4, tuple(mistakes))],
        balance={name: np.arange(len(names)) + 1},
        skipped=tuple(Skipped(each, f"why {each}") for each in names),
        shipped=Shipped(name, 1, 0.0, 1e-4, 1, 1.0),
        recipe={each: each for each in names},
        environment={each: [each, {each: each}] for each in names},
        notes=names,
    )


def assert_harmless(names: list[str]) -> None:
    plain = [f"class {index:02}" for index in range(len(names))]
    html, expected = render(hostile_contents(names)), render(hostile_contents(plain))
    html.encode("utf-8")
    parsed = Page(html)
    # Only keys of mappings may coincide, and classes of cells are numbers: the same elements, the same attributes.
    assert parsed.shape == Page(expected).shape
    assert all(c.isprintable() or c == "\n" for c in html)
    assert len(html) < 1_000_000


def test_hostile_names_add_no_element_and_no_attribute() -> None:
    assert_harmless(list(HOSTILE))
    shown = Page(render(hostile_contents(list(HOSTILE)))).text
    for text in ("<script>alert(1)</script>", "{{ 7*7 }}{% raw %}", "\\x1b[31mred\\x07", "\\u202egnp.exe", "\\udcff"):
        assert text in shown


def test_the_hostile_test_would_notice_unescaped_names(monkeypatch: pytest.MonkeyPatch) -> None:
    careless = page._environment().overlay(autoescape=False)
    monkeypatch.setattr(page, "_environment", lambda: careless)
    with pytest.raises(AssertionError):
        assert_harmless(list(HOSTILE))


@given(st.lists(st.text(st.characters(), max_size=40), min_size=2, max_size=6, unique=True))
@settings(max_examples=25, deadline=None)
def test_any_names_are_harmless(names: list[str]) -> None:
    assert_harmless([f"{name} class {index}" for index, name in enumerate(names)])


def test_safe_marks_only_what_this_package_draws() -> None:
    folder = Path(page.__file__).parent
    marked = [
        mark for file in sorted(folder.glob("*.html")) for mark in re.findall(r"{{([^}]*)\|\s*safe", file.read_text())
    ]
    names = {mark.strip().rpartition(".")[2] for mark in marked}
    assert names == {"path", "uri", "style"}
    unquoted = [found for file in folder.glob("*.html") for found in re.findall(r"=\s*{{", file.read_text())]
    assert unquoted == []


def large(classes: int, n: int) -> Evaluation:
    """An evaluation as large as ImageNet's, made without its 200 MB of probabilities."""
    rng = np.random.default_rng(0)
    names = tuple(f"a class with a rather long name, number {index:04}" for index in range(classes))
    labels = rng.integers(0, classes, n)
    guesses = np.where(rng.random(n) < 0.7, labels, rng.integers(0, classes, n))
    counts = np.bincount(labels * classes + guesses, minlength=classes * classes).reshape(classes, classes)
    probabilities = np.zeros((n, 1), np.float32)
    return Evaluation(
        classes=names,
        n=n,
        top1=0.7,
        top5=0.9,
        nll=1.0,
        ece=0.02,
        top1_interval=Interval(0.69, 0.71),
        top5_interval=Interval(0.89, 0.91),
        confusion=counts,
        per_class=tuple(ClassScore(name, 50, 0.7, 0.7, 0.7) for name in names),
        probabilities=probabilities,
        labels=labels,
        names=tuple(f"val/{index:08}.JPEG" for index in range(n)),
        skipped=tuple(Skipped(f"val/{index:08}.JPEG", "truncated") for index in range(n, n + 5000)),
    )


def test_a_thousand_classes_and_fifty_thousand_images_stay_small() -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (3, 600, 800), dtype=np.uint8)  # noise: nothing compresses worse
    mistakes = [Mistake(f"val/{i}.JPEG", "a", "b", 0.9, 0.1, photo) for i in range(100)]
    html = render(contents(large(1000, 50_000), mistakes=mistakes, curve=curve(5000)))
    parsed = Page(html)
    assert len(html) < 5_000_000
    assert len(parsed.all("img")) == 60
    text = parsed.text
    assert "The other 970 classes" in text
    assert "5,002 files were left out" in text
    assert "The first 200" in text
    assert "102 of 5,000 epochs" in text  # every fiftieth, the best and the last
    (matrix,) = parsed.images("image", "href")
    assert matrix.size == (250, 250)


def test_the_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    write_report(path, contents())
    assert path.read_text("utf-8") == render(contents())
    assert os.listdir(tmp_path) == ["report.html"]
    with pytest.raises(ResourceError):
        write_report(tmp_path / "absent" / "report.html", contents())


def test_without_jinja2_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    page._environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UsageError, match=r"topfive\[train\]"):
        render(contents())


def test_importing_the_report_brings_neither_torch_nor_jinja2() -> None:
    code = (
        "import sys, topfive.report; print(sorted({'torch', 'jinja2', 'onnxruntime', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
