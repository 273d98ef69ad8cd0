"""A page as a browser's parser sees it."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from html.parser import HTMLParser

from PIL import Image

VOID = {"meta", "link", "img", "col", "br"}


class Page(HTMLParser):
    """Fails on a tag that closes nothing; collects elements, attributes and text."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice: {names}"
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another"

    def handle_data(self, data: str) -> None:
        if not (self.open and self.open[-1] == "style"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.texts))

    @property
    def shape(self) -> Counter[tuple[str, tuple[str, ...]]]:
        """How often each element with each set of attributes is there."""
        return Counter((tag, tuple(sorted(attributes))) for tag, attributes in self.elements)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def images(self, tag: str = "img", attribute: str = "src") -> list[Image.Image]:
        images = []
        for attributes in self.all(tag):
            kind, _, data = attributes[attribute].partition(";base64,")
            assert kind in ("data:image/png", "data:image/jpeg")
            images.append(Image.open(io.BytesIO(base64.b64decode(data, validate=True))))
        return images


def section(html: str, key: str) -> str:
    """One section of the page."""
    start = html.index(f'<section id="{key}"')
    return html[start : html.index("</section>", start) + len("</section>")]
