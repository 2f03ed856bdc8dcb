"""The page of a run: its size, how long it takes to make, and the pictures of it in docs/images."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import zennas
from benchmarks.common import print_machine, seconds

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
MOST = 1_000_000
"""Bytes of a page."""


def main() -> None:
    print_machine()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        searched = zennas.search(budget_params="1M", max_layers=18, save_dir=folder / "large")
        tell(f"a search of {searched.counts['tried']:,} iterations", searched.folder)
        latency = zennas.search(
            budget_latency_ms=0.3,
            resolution=224,
            num_classes=1000,
            max_layers=16,
            iterations=100_000,
            save_dir=folder / "latency-0.3ms",
        )
        tell("a search of 100,000 iterations under a predicted latency, at 224×224", latency.folder)
        demo = zennas.search(
            budget_params="200k", budget_flops="30M", max_layers=12, iterations=100_000, save_dir=folder / "mine"
        )
        zennas.train(demo.folder, dataset="digits", epochs=12)
        zennas.export(demo.folder, "onnx-int8", dataset="digits", allow_loss=5)
        tell("the run of make demo, with an INT8 export", demo.folder)
        chip = zennas.search(target="stm32f746", resolution=96, iterations=5000, save_dir=folder / "chip")
        tell("a search of 5,000 iterations for a chip, at 96×96", chip.folder)
        pictures(demo.folder / "report.html", chip.folder / "report.html")


def tell(what: str, run: Path) -> None:
    """Print the size of the page of a run and the time to make it."""
    middle, least, most = seconds(lambda: zennas.page(run), repeats=3)
    size = zennas.page(run).bytes
    print(
        f"{what}: {size / 1000:.0f} kB ({'less' if size < MOST else 'MORE'} than {MOST / 1e6:g} MB), made in "
        f"{middle:.2f} s ({least:.2f} to {most:.2f})"
    )


DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 1010}}
LOW: dict[str, Any] = {"viewport": {"width": 1280, "height": 520}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 1010}, "color_scheme": "dark"}


def pictures(page: Path, chip: Path) -> None:
    """Write what a browser shows to docs/images: on a desk and on a phone, in light and dark. chip: a page with RAM."""
    shoot(page, "page-found", "found", DESK, "#found .plot .strong-dot")
    shoot(page, "page-network", "network", DESK)
    shoot(page, "page-phone", "network", PHONE)
    shoot(chip, "page-ram", "network", LOW, "#network .arena .peak .level", begin=".arena")


def shoot(
    page: Path, name: str, section: str, options: dict[str, Any], hover: str | None = None, begin: str = ""
) -> None:
    """Write a picture of a section of a page to docs/images.

    hover: what is under the mouse, the middle one. begin: the part of the section with which the picture begins.
    """
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None or find_spec("playwright") is None:
        print(f"no picture {name}: it needs Chromium, and Playwright from zennas[dev]")
        return
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=arguments)
        tab = chromium.new_page(**options)
        tab.goto(page.as_uri())
        tab.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
        tab.locator(f"#{section} {begin}").evaluate("(one) => one.scrollIntoView()")
        if hover is not None:
            dots = tab.locator(hover)
            dots.nth(dots.count() // 2).hover(force=True)
        tab.screenshot(path=str(IMAGES / f"{name}.png"))
        chromium.close()
    print(f"picture: {name}.png")


if __name__ == "__main__":
    main()
