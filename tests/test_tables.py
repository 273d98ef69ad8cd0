"""The generated documentation: it is what the papers' files say now, and its drawings can be read."""

from __future__ import annotations

import shutil
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from importlib import import_module
from itertools import combinations
from pathlib import Path
from types import ModuleType

import pytest

from topfive.cli.lineage import ancestors, stem
from topfive.models import TIMELINE, list_models, spec

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"
PLOTS = ["models/top1_error.svg", "models/top5_error.svg"]
Box = tuple[float, float, float, float]


@pytest.fixture(scope="module")
def tables() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        yield import_module("build_tables")
    finally:
        sys.path.remove(str(ROOT / "scripts"))


@pytest.fixture(scope="module")
def documents(tables: ModuleType) -> dict[str, str]:
    return {place.as_posix(): text for place, text in tables.documents().items()}


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_the_documents_are_up_to_date(documents: dict[str, str]) -> None:
    stale = [place for place, text in documents.items() if (ROOT / "docs" / place).read_text("utf-8") != text]
    assert stale == [], "run: make tables"


def test_a_stale_document_is_found_and_written_anew(
    tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tables, "documents", lambda: {Path("models.md"): tables.page()})
    assert tables.main([], docs=tmp_path) == 0
    assert tables.main(["--check"], docs=tmp_path) == 0
    page = tmp_path / "models.md"
    text = page.read_text("utf-8")
    assert "25,557,032" in text
    page.write_text(text.replace("25,557,032", "25,557,033"), encoding="utf-8")
    capsys.readouterr()
    assert tables.main(["--check"], docs=tmp_path) == 1
    assert capsys.readouterr().out == "stale: models.md\n"
    assert tables.main([], docs=tmp_path) == 0
    assert page.read_text("utf-8") == text
    shutil.rmtree(tmp_path)
    assert tables.main(["--check"], docs=tmp_path) == 1


def test_every_network_and_paper_is_on_the_page(documents: dict[str, str]) -> None:
    page = documents["models.md"]
    for name in list_models():
        facts = spec(name).facts
        assert f"| `{name}` | {facts.in_channels}x{facts.input_size}x{facts.input_size} | {facts.params:,} |" in page
    for module in TIMELINE:
        assert module.PAPER.title in page
        assert page.count(f"(../src/topfive/models/{stem(module)}.py)") >= 1


def test_every_link_of_the_page_leads_somewhere(tables: ModuleType, documents: dict[str, str]) -> None:
    page = documents["models.md"]
    targets = [part.split(")")[0] for part in page.split("](")[1:]]
    headings = {tables._anchor(line.lstrip("# ")) for line in page.splitlines() if line.startswith("#")}
    assert len(targets) > 2 * len(TIMELINE)
    for target in targets:
        if target.startswith("#"):
            assert target[1:] in headings
        elif not target.startswith("https://arxiv.org/abs/"):
            assert target in documents or (ROOT / "docs" / target).exists()


def test_what_is_said_in_figures_and_names(tables: ModuleType) -> None:
    assert [tables._percent(value) for value in (0.17, 0.4064, 0.0095, 0.2)] == ["17.0%", "40.64%", "0.95%", "20.0%"]
    assert tables._prose("as resnet50_v1, not `a_b`, tf_ or c.") == "as `resnet50_v1`, not `a_b`, `tf_` or c"
    assert tables._anchor("ResNet-B, -C and -D") == "resnet-b--c-and--d"


@pytest.mark.parametrize("place", PLOTS)
def test_labels_of_a_plot_cover_no_label_and_no_point(place: str, documents: dict[str, str]) -> None:
    scatter = sys.modules["scatter"]
    root = ElementTree.fromstring(documents[place])
    names = set(list_models())
    labels = {
        text.text: (float(text.get("x", "")), float(text.get("y", "")) + 3 - scatter.LINE)
        for text in root.iter(f"{SVG}text")
        if text.text in names
    }
    circles = [circle for circle in root.iter(f"{SVG}circle") if circle.find(f"{SVG}title") is not None]
    assert len(labels) == len(circles) > 20
    boxes = {
        str(name): (x, y, x + len(str(name)) * scatter.ADVANCE, y + scatter.LINE) for name, (x, y) in labels.items()
    }
    assert [(a, b) for a, b in combinations(boxes, 2) if overlap(boxes[a], boxes[b])] == []
    points = [(float(circle.get("cx", "")), float(circle.get("cy", ""))) for circle in circles]
    dots = [(x - scatter.RADIUS, y - scatter.RADIUS, x + scatter.RADIUS, y + scatter.RADIUS) for x, y in points]
    assert [name for name, box in boxes.items() for dot in dots if overlap(box, dot)] == []
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    assert all(box[0] > 0 and box[2] < width and box[1] > 0 and box[3] < height for box in boxes.values())


def test_a_crowd_of_labels_is_told_apart(tables: ModuleType) -> None:
    scatter = sys.modules["scatter"]
    places = [(600.0 + 5 * index, 500.0 + 3 * index) for index in range(8)]
    boxes = scatter._labels([f"network_{index}" for index in range(8)], places, [])
    assert [pair for pair in combinations(boxes, 2) if overlap(*pair)] == []


def test_the_tree_has_a_box_for_each_paper_and_a_line_for_each_import(documents: dict[str, str]) -> None:
    root = ElementTree.fromstring(documents["models/family_tree.svg"])
    rects = [rect for group in root.iter(f"{SVG}g") for rect in group.iter(f"{SVG}rect")]
    assert len(rects) == len(TIMELINE)
    boxes = []
    for rect in rects:
        x, y, width, height = (float(rect.get(key, "")) for key in ("x", "y", "width", "height"))
        boxes.append((x, y, x + width, y + height))
    assert [pair for pair in combinations(boxes, 2) if overlap(*pair)] == []
    years = [module.PAPER.year for module in TIMELINE]
    tops = [box[1] for box in boxes]
    assert all(tops[a] < tops[b] for a, b in combinations(range(len(tops)), 2) if years[a] < years[b])
    lines = list(root.iter(f"{SVG}path"))
    assert len(lines) == sum(len(ancestors(module)) for module in TIMELINE)
    for line in lines:  # a vertical stretch passes a layer, where the boxes are
        for x, start, end in _verticals(line.get("d", "")):
            assert not [box for box in boxes if overlap(box, (x, start, x, end))]


def _verticals(path: str) -> Iterator[tuple[float, float, float]]:
    """(x, top, bottom) of each V in "M1,2C3,4 5,6 7,8V9C...": it starts where the curve before it ends."""
    for curve in path.split("C")[1:]:
        ends, *down = curve.split("V")
        x, y = map(float, ends.split(" ")[-1].split(","))
        for end in down:
            yield x, y, float(end)


def test_a_child_stands_below_its_parents_and_what_is_implied_is_known(tables: ModuleType) -> None:
    tree = sys.modules["family_tree"]

    def person(name: str, year: int, *parents: str) -> object:
        return tree.Person(name, name, year, parents, name)

    people = [person("a", 2015), person("b", 2016, "a"), person("c", 2016, "b", "a"), person("d", 2015)]
    assert tree._rows(people) == [(2015, ["a", "d"]), (2016, ["b"]), (2016, ["c"])]
    assert tree._implied(people) == {("a", "c")}
    assert tree._families(people) == [["a", "b", "c"], ["d"]]


def test_the_order_of_a_layer_saves_crossings(tables: ModuleType) -> None:
    tree = sys.modules["family_tree"]
    links = [("a", "z"), ("b", "y"), ("c", "x")]
    layers = [["a", "b", "c"], ["x", "y", "z"]]
    assert tree._crossings(layers, links) == 3
    assert tree._crossings(tree._ordered(layers, links), links) == 0
