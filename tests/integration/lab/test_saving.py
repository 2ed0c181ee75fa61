"""What JupyterLab saves: two tabs, a writer outside, and a storage that is away."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Response, expect

from tests.integration.lab.conftest import PATIENCE, Home, Tab, notebook
from tests.support.s3_proxy import Fault, Request, S3Proxy

OpenTab = Callable[[str], Tab]


@pytest.fixture
def path(request: pytest.FixtureRequest, home: Home) -> str:
    """A file for this test alone."""
    path = f"{request.node.name.removeprefix('test_')[:30]}.txt"
    home.write(path, "one")
    return path


def before(proxy: S3Proxy, method: str, key: str, act: Callable[[], None]) -> None:
    """Do something once, just before a request reaches S3."""
    pending = [act]

    def fault(request: Request) -> None:
        if pending and (request.method, request.key) == (method, key):
            pending.pop()()

    proxy.fault = fault


def test_of_two_tabs_the_second_is_asked(open_tab: OpenTab, home: Home, path: str, artifacts: Path) -> None:
    first, second = open_tab(path), open_tab(path)
    second.type(" second")
    second.save()
    second.is_saved()
    first.type(" first")
    first.save()
    expect(first.dialog).to_contain_text("File Changed")
    first.page.screenshot(path=artifacts / "conflict.png")
    assert home.read(path) == "one second"
    first.answer("Revert")
    expect(first.editor).to_have_text("one second")
    first.type(" third")
    first.save()
    first.is_saved()
    assert home.read(path) == "one second third"


@pytest.mark.long
def test_overwriting_a_notebook_overwrites_it(open_tab: OpenTab, home: Home) -> None:
    path = "overwritten.ipynb"
    home.write(path, notebook("one"))
    first, second = open_tab(path), open_tab(path)
    for tab, text in ((second, " second"), (first, " first")):
        tab.type(text)
        tab.save()
        if tab is second:
            tab.is_saved()
    expect(first.dialog).to_contain_text("File Changed")
    first.answer("Overwrite")
    first.is_saved()
    assert json.loads(home.read(path))["cells"][0]["source"] == ["one first"]


def test_a_writer_outside_who_comes_between_look_and_save(
    open_tab: OpenTab, home: Home, proxy: S3Proxy, path: str
) -> None:
    """JupyterLab has seen the old version a moment before it saves: S3 refuses, and JupyterLab asks."""
    tab = open_tab(path)
    before(proxy, "PUT", home.key(path), lambda: home.write(path, "theirs"))
    tab.type(" mine")
    tab.save()
    expect(tab.dialog).to_contain_text("File Changed")
    expect(tab.dialog).not_to_contain_text("Error")
    assert home.read(path) == "theirs"
    before(proxy, "PUT", home.key(path), lambda: home.write(path, "theirs again"))
    tab.dialog.get_by_role("button", name="Overwrite").click()
    expect(tab.dialog).to_contain_text("File Changed")
    assert home.read(path) == "theirs again", "not the version that was to be overwritten"
    tab.answer("Overwrite")
    tab.is_saved()
    assert home.read(path) == "one mine"


def test_a_writer_outside_who_comes_just_after_a_save(open_tab: OpenTab, home: Home, path: str) -> None:
    """JupyterLab goes on from the version that it has saved, and does not ask again which that was."""
    tab = open_tab(path)
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.method) if f"/{path}?" in request.url else None)
    tab.type(" mine")
    tab.save()
    tab.is_saved()
    assert asked == ["GET", "PUT"], "a look and the save"
    home.write(path, "theirs")
    tab.type(" more")
    tab.save()
    expect(tab.dialog).to_contain_text("File Changed")
    tab.answer("Cancel")
    tab.is_dirty()
    assert home.read(path) == "theirs"


def upload(tab: Tab, name: str, content: bytes) -> None:
    tab.upload({"name": name, "mimeType": "text/plain", "buffer": content})


def test_an_upload_does_not_overwrite_what_nobody_saw(open_tab: OpenTab, home: Home, proxy: S3Proxy, path: str) -> None:
    tab = open_tab(path)
    name = f"uploaded-{path}"
    before(proxy, "PUT", home.key(name), lambda: home.write(name, "theirs"))
    upload(tab, name, b"mine")
    expect(tab.dialog).to_contain_text("was created by someone else")
    tab.answer("Close")
    assert home.read(name) == "theirs"


@pytest.mark.long
def test_an_upload_in_parts_replaces_what_it_was_to_replace(open_tab: OpenTab, home: Home, path: str) -> None:
    tab = open_tab(path)
    home.write(path, "changed since this tab has read it")
    content = b"0123456789abcde\n" * 3 * 2**16  # three parts of JupyterLab's size
    upload(tab, path, content)
    expect(tab.dialog).to_contain_text("Overwrite")
    parts: list[int] = []

    def is_last(response: Response) -> bool:
        if response.request.method == "PUT" and re.search("/api/(contents|chunk)", response.url):
            parts.append(response.status)
        return len(parts) == 3

    with tab.page.expect_response(is_last):
        tab.answer("Overwrite")
    assert parts == [200, 204, 200]
    assert home.read(path).encode() == content


def test_what_cannot_be_saved_now_is_saved_later(
    open_tab: OpenTab, home: Home, proxy: S3Proxy, path: str, artifacts: Path
) -> None:
    tab = open_tab(path)
    tab.type(" mine")
    proxy.fault = lambda _request: Fault.REFUSE
    tab.save()
    notice = tab.page.locator(".jp-toastContainer")
    expect(notice).to_contain_text(f"{path} is not saved yet", timeout=PATIENCE)
    tab.page.screenshot(path=artifacts / "storage-away.png", animations="disabled")
    expect(tab.dialog).to_have_count(0)
    tab.is_dirty()
    tab.type(" more")
    expect(notice).to_contain_text("Next try in 4 s", timeout=PATIENCE)
    assert home.read(path) == "one"
    proxy.fault = lambda _request: None
    tab.is_saved()
    expect(notice).to_contain_text(f"{path} is saved.")
    assert home.read(path) == "one mine more"
