"""Opens the pages of a Spark UI in a browser and notes all that goes wrong on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, Request, Response, expect

PATIENCE = 120_000
"""Milliseconds: a machine that runs other tests is slow, and no test is about time."""
expect.set_options(timeout=PATIENCE)

TABS = ("jobs", "stages", "storage", "environment", "executors", "SQL")


@dataclass
class Trouble:
    """Requests that failed and messages of scripts, while pages were open."""

    found: list[str] = field(default_factory=list)

    def on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.found.append(f"{response.status} {response.request.method} {response.url}")

    def on_failed(self, request: Request) -> None:
        # A page that is left while it loads gives up what it has asked for.
        if request.failure and "ERR_ABORTED" not in request.failure:
            self.found.append(f"{request.failure} {request.url}")

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.found.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def on_error(self, error: Any) -> None:
        self.found.append(f"script: {error}")


@contextlib.contextmanager
def no_trouble(page: Page) -> Iterator[None]:
    """Everything that is opened inside works, to the last request."""
    trouble = Trouble()
    listeners = {
        "response": trouble.on_response,
        "requestfailed": trouble.on_failed,
        "console": trouble.on_console,
        "pageerror": trouble.on_error,
    }
    for event, listener in listeners.items():
        page.on(event, listener)  # type: ignore[call-overload]
    try:
        yield
    finally:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
    assert trouble.found == []


def open_tab(page: Page, prefix: str, tab: str) -> None:
    """Opens a tab of the UI and waits until its tables are there."""
    page.goto(f"{prefix}/{tab}/", wait_until="networkidle")
    assert page.url.startswith(prefix), page.url
    expect(page.locator(".navbar .nav-item.active")).to_have_count(1)
    expect(page.locator("#loading-overlay")).to_be_hidden()


def executor_ids(page: Page) -> set[str]:
    """The first column of the table of executors on the page of executors."""
    rows = page.locator("#active-executors-table tbody tr")
    expect(rows.first).to_be_visible()
    return set(page.locator("#active-executors-table tbody tr td:first-child").all_inner_texts())
