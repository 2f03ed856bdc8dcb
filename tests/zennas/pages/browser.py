"""A browser for the slow tests of pages: Chromium, driven by Playwright, set up here where it is absent."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 300
"""For each way to install it."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium; the calling test is skipped, with the reason, where there is none and none can be had."""
    if find_spec("playwright") is None:
        pytest.skip("Playwright is not installed: pip install 'zennas[dev]'")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        place = _found(playwright) or _installed(playwright)
        if place is None:
            pytest.skip(
                "no Chromium: neither `playwright install chromium` nor apt-get could install one here; install it, so "
                "that it is on the PATH"
            )
        browser = playwright.chromium.launch(executable_path=place, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        try:
            yield browser
        finally:
            browser.close()


def _found(playwright: Any) -> str | None:
    own = playwright.chromium.executable_path
    return own if Path(own).is_file() else next(filter(None, map(shutil.which, NAMES)), None)


def _installed(playwright: Any) -> str | None:
    """The browser after an attempt to install it: Playwright's own, or that of Debian and Ubuntu for root."""
    if _done(sys.executable, "-m", "playwright", "install", "chromium") and _found(playwright):
        return _found(playwright)
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _done("apt-get", "update")
        _done("apt-get", "install", "--yes", "--no-install-recommends", "chromium")
    return _found(playwright)


def _done(*command: str) -> bool:
    try:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        return subprocess.run(command, capture_output=True, timeout=SECONDS, env=environment).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
