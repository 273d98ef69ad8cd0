"""Draws docs/report.png: parts of a run's report, as Chromium shows them, side by side.

    topfive train fashion-mnist --model lenet5 --epochs 8
    python scripts/picture_report.py runs/fashion-mnist-lenet5 docs/report.png

Needs playwright and a Chromium of the system.
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

WIDTH = 1060  # CSS pixels of the page
SCALE = 0.62  # of what is kept
GAP = 28  # pixels between the columns
# The sections of each column, and how much of each is kept: a gallery says enough with its first rows.
COLUMNS = (
    (("header", 400), ("#result", 400), ("#learning", 560), ("#classes", 640), ("#confusion", 700)),
    (("#pairs", 645), ("#mistakes", 870), ("#calibration", 660)),
)


def part(page: Page, selector: str, height: int) -> Image.Image:
    """The top of an element, with its margins."""
    box = page.locator(selector).first.bounding_box()
    assert box is not None, f"the report has no {selector}"
    clip = {"x": 0.0, "y": box["y"], "width": float(WIDTH), "height": min(box["height"] + 24, height)}
    return Image.open(io.BytesIO(page.screenshot(clip=clip, full_page=True))).convert("RGB")


def stacked(parts: list[Image.Image], paper: tuple[int, int, int]) -> Image.Image:
    column = Image.new("RGB", (parts[0].width, sum(one.height for one in parts)), paper)
    top = 0
    for one in parts:
        column.paste(one, (0, top))
        top += one.height
    return column


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        page.goto((arguments.run / "report.html").resolve().as_uri())
        columns = [[part(page, *one) for one in column] for column in COLUMNS]
        browser.close()
    paper = columns[0][0].getpixel((0, 0))
    drawn = [stacked(column, paper) for column in columns]
    whole = Image.new("RGB", (sum(one.width for one in drawn) + GAP, max(one.height for one in drawn) + 40), paper)
    left = 0
    for one in drawn:
        whole.paste(one, (left, 20))
        left += one.width + GAP
    small = whole.resize((round(whole.width * SCALE), round(whole.height * SCALE)), Image.Resampling.LANCZOS)
    few = small.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
    few.save(arguments.out, optimize=True)
    print(f"{arguments.out}: {small.width} x {small.height}, {arguments.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
