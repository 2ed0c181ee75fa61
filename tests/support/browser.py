"""The browser of the tests: Debian's Chromium, as people have it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from dev.toolchain import ensure_programs

# Chromium asks its vendor's servers for updates and the like unless it is told not to.
BROWSER: dict[str, Any] = {
    "executable_path": "/usr/bin/chromium",
    "args": [
        *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    ],
}
WINDOW = {"width": 1440, "height": 1000}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium without a window."""
    ensure_programs("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**BROWSER)
        yield browser
        browser.close()
