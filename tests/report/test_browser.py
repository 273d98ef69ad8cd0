"""The pages in a real browser: nothing is said on the console, nothing is asked of a network, nothing sticks out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from report.comparisons import answered, answered_labels, write_label_run, write_run
from report.samples import FASHION, Pictures, contents, evaluation, heat
from topfive.report import render, worst_labels
from topfive.report.compared import render_comparison
from topfive.report.comparison import compare

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDTHS = (1200, 390)
NOWHERE = "http://127.0.0.1:9/pixel.png"  # a port that nobody answers at


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


def complaints(browser: Any, path: Path, width: int, scheme: str = "light") -> list[str]:
    """What the browser has to say against a page."""
    found: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.on("console", lambda message: found.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on("request", lambda request: request.url == path.as_uri() or found.append(f"request: {request.url}"))
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.wait_for_load_state("networkidle")
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        found.append(f"overflow: {wide} pixels in {width}")
    broken = page.evaluate("[...document.images].filter(one => !one.complete || !one.naturalWidth).length")
    if broken:
        found.append(f"broken: {broken} pictures")
    page.close()
    return found


def ten(tmp_path: Path) -> str:
    return render(contents(evaluation(n=600)))


def three(tmp_path: Path) -> str:
    return render(contents(evaluation(("cat", "dog", "fox"), n=60), (3, 240, 320)))


def thousand(tmp_path: Path) -> str:
    names = tuple(f"a class with a rather long name, number {index:04}" for index in range(1000))
    return render(contents(evaluation(names, n=3000)))


def compared(tmp_path: Path) -> str:
    whole = evaluation(FASHION, n=400)
    folders = [write_run(tmp_path / f"seed {i}", answered(whole, 0.8, i), seed=i) for i in range(3)]
    folders.append(write_run(tmp_path / ("a run with quite a long name " * 3), answered(whole, 0.6, 9), lr=0.01))
    folders.append(write_run(tmp_path / "elsewhere", evaluation(FASHION, n=300, seed=4)))
    return render_comparison(compare(folders))


def several(tmp_path: Path) -> str:
    result = answered_labels(1, 0)
    mistakes = worst_labels(result, Pictures(result), heat=heat)
    return render(replace(contents(), evaluation=result, mistakes=mistakes, pairs=(), balance={}))


def several_compared(tmp_path: Path) -> str:
    folders = [write_label_run(tmp_path / f"run {i}", answered_labels(2 - i, i), seed=i) for i in range(3)]
    return render_comparison(compare(folders))


@pytest.mark.parametrize("made", [ten, three, thousand, compared, several, several_compared])
def test_a_browser_has_nothing_to_say(made: Callable[[Path], str], browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(made(tmp_path), encoding="utf-8")
    assert {width: complaints(browser, path, width) for width in WIDTHS} == {width: [] for width in WIDTHS}
    assert complaints(browser, path, WIDTHS[0], "dark") == []


@pytest.mark.parametrize(
    ("sabotage", "complaint"),
    [
        (f'<img src="{NOWHERE}" alt="">', "request: "),
        ("<script>console.log(1)</script>", "console: "),
        ("<script>nonsense()</script>", "error: "),
        ('<div style="width: 2000px">x</div>', "overflow: "),
        ('<img src="data:image/png;base64,AAAA" alt="">', "broken: "),
    ],
)
def test_the_test_would_notice(sabotage: str, complaint: str, browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    html = render(contents(evaluation(n=100)))
    policy = html[html.index("<meta http-equiv") : html.index("<meta name")]
    path.write_text(html.replace(policy, "").replace("</main>", f"{sabotage}</main>"), encoding="utf-8")
    assert any(one.startswith(complaint) for one in complaints(browser, path, 1200))


def test_the_pages_own_policy_stops_what_was_smuggled_in(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    smuggled = f'<img src="{NOWHERE}" alt=""><script>document.title = "taken"</script>'
    path.write_text(render(contents(evaluation(n=100))).replace("</main>", f"{smuggled}</main>"), encoding="utf-8")
    found = complaints(browser, path, 1200)
    assert sum("Content Security Policy" in one for one in found) >= 2
