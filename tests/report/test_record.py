"""The shipped file with its speed, the recipe and the environment."""

from __future__ import annotations

from report.parsed import Page, section
from report.samples import contents
from topfive.report import Shipped, render


def test_the_shipped_file_and_its_parity() -> None:
    text = Page(section(render(contents(mistakes=())), "file")).text
    assert "File252 kB" in text
    assert "temperature 1.137" in text
    assert "at most 1.2e-6 of the largest value, where 1e-4 is allowed" in text


def test_its_size_and_speed() -> None:
    text = Page(section(render(contents(mistakes=())), "file")).text
    for words in (
        "Parameters61.7K61,706 trainable",
        "Multiply-accumulates417K416,520 an image",
        "Latency310 \N{MICRO SIGN}s",
        "95% within 420 \N{MICRO SIGN}s",
        "Throughput8,123images a second, 16 at a time, on 1 thread",
        "on x86_64",
    ):
        assert words in text


def test_a_file_whose_speed_is_unknown_says_nothing_of_it() -> None:
    text = Page(section(render(contents(shipped=Shipped("m.onnx", 10, 0.0, 1e-4, 1, 1.0))), "file")).text
    assert "Latency" not in text
    assert "Speed" not in text
    assert "Parameters" not in text


def test_recipe_and_environment_as_they_are() -> None:
    page = Page(render(contents(mistakes=())))
    rows = dict(zip(page.texts, page.texts[1:], strict=False))
    for key, value in {"weight_decay": "0.0005", "amp": "no", "scale": "0.35, 1", "torch": "2.14.1"}.items():
        assert rows[key] == value
