"""The page of a search."""

from __future__ import annotations

import base64

import pytest

from report.comparisons import answered, write_run
from report.parsed import Page
from report.samples import evaluation
from topfive.report.comparison import compare
from topfive.search.diagrams import diagrams
from topfive.search.drawing import svg
from topfive.search.page import OPEN, Contents, render, verdict
from topfive.search.plots import history_chart
from topfive.search.trial import Failure, Measurement, Trial

MODEL = "pnas:n1-f16-s28-c1:separable_3x3@0+max_3x3@1"


def trial(number, accuracy, *, latency=None, copy_of=None):
    measured = None if accuracy is None else Measurement(accuracy, 12_345, 6_780_000, 1.0, latency=latency)
    outcome = measured or Failure("diverged <script>")
    return Trial(number, number // 8, (number,), str(number), MODEL, outcome, accuracy, copy_of)


def contents(comparison=None, trials=None, again=()):
    trials = [trial(number, 0.5 + number / 100) for number in range(30)] if trials is None else trials
    return Contents(
        title="night",
        data="fashion-mnist, 55,000 training images of 10 classes",
        space="pnas-small",
        strategy="evolution",
        winner=trials[-1],
        trials=trials,
        again=again,
        drawings={title: svg(diagram, title) for title, diagram in diagrams(MODEL).items()},
        charts=[history_chart(trials)],
        comparison=comparison,
        genotype="runs/night/genotype.json",
        settings={"seed": 0},
        environment={"cores": 2},
    )


@pytest.fixture
def compared(tmp_path):
    """Of two runs of the given accuracies, on the same images."""

    def pair(first, second):
        images = evaluation()
        folders = [tmp_path / f"winner-{first}", tmp_path / f"rival-{second}"]
        for folder, rate in zip(folders, (first, second), strict=True):
            write_run(folder, answered(images, rate, seed=1))
        return compare(folders)

    return pair


def test_a_search_by_itself_has_no_result(compared):
    page = Page(render(contents()))
    assert [attributes["id"] for attributes in page.all("section")] == ["network", "history", "trials", "settings"]
    with_result = Page(render(contents(compared(0.9, 0.5))))
    keys = [attributes["id"] for attributes in with_result.all("section")]
    assert keys == ["result", "network", "history", "costs", "trials", "settings"]


def test_a_second_look_stands_beside_the_first():
    looked = [trial(29, 0.85), trial(28, 0.9), trial(27, None)]
    html = render(contents(again=looked))
    assert "Second look" in html
    assert html.index('78.00%</td><td class="number">90.00%') < html.index('79.00%</td><td class="number">85.00%')
    assert '77.00%</td><td class="number">diverged &lt;script&gt;' in html
    assert "its second training, at its whole size" in html


def test_the_page_needs_nothing_beside_it_and_draws_the_cell():
    page = Page(render(contents()))
    (image,) = page.all("img")
    drawing = base64.b64decode(image["src"].removeprefix("data:image/svg+xml;base64,")).decode()
    assert "separable 3" in drawing
    addresses = [
        value for _, attributes in page.elements for key, value in attributes.items() if key in ("src", "href")
    ]
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert page.all("script") == []


def test_every_measured_network_is_listed_and_failures_are_counted():
    trials = [trial(number, 0.5) for number in range(OPEN + 5)]
    trials += [trial(90, None), trial(91, 0.6), trial(92, 0.5, copy_of=0), trial(93, 0.9)]
    html = render(contents(trials=trials))
    assert f"{OPEN + 8} networks, {OPEN + 7} of them measured" in html
    assert "; 1 proposed again and answered from the journal" in html
    assert "diverged &lt;script&gt;" in html
    assert html.count(MODEL) >= OPEN + 7
    assert "7 more" in html


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (0.9, 0.5, "The found network is better by"),
        (0.5, 0.9, "The hand-made network is better by"),
        (0.7, 0.7, "Both answer equally many rightly"),
        (0.71, 0.7, "which chance explains as well"),
    ],
)
def test_the_verdict_says_who_won_and_whether_that_is_chance(compared, first, second, said):
    told = verdict(compared(first, second))
    assert said in told
    assert "95% interval" in told
    assert "another seed may change it" in told
