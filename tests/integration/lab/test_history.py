"""The History panel: versions, opened beside the document and restored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.integration.lab.conftest import PATIENCE, Home, Tab, notebook
from tests.support.s3_proxy import Fault, S3Proxy

pytestmark = pytest.mark.long

OpenTab = Callable[[str], Tab]


def panel(tab: Tab) -> Locator:
    return tab.page.get_by_role("region", name="History of a file")


def versions(tab: Tab) -> Locator:
    return panel(tab).get_by_role("listitem")


def show_history(tab: Tab) -> None:
    """From the menu of the file in the file browser."""
    tab.page.locator(".jp-DirListing-item", has_text=tab.path).click(button="right")
    tab.page.locator(".lm-Menu").get_by_text("History…").click()
    expect(panel(tab)).to_contain_text(tab.path)


def use_theme(tab: Tab, name: str) -> None:
    tab.page.get_by_role("menuitem", name="Settings", exact=True).click()
    tab.page.get_by_text("Theme", exact=True).hover()
    tab.page.get_by_role("menuitemradio", name=name, exact=True).or_(
        tab.page.locator(".lm-Menu-item", has_text=name)
    ).last.click()
    light = "true" if name.endswith("Light") else "false"
    expect(tab.page.locator("body")).to_have_attribute("data-jp-theme-light", light)


def test_an_earlier_version_is_looked_at_and_restored(open_tab: OpenTab, home: Home, artifacts: Path) -> None:
    path = "report.txt"
    for content in ("one", "one two", "one two three"):
        home.write(path, content)
    tab = open_tab(path)
    show_history(tab)
    expect(versions(tab)).to_have_count(3)
    expect(versions(tab).first).to_contain_text("current")
    expect(versions(tab).first.get_by_role("button")).to_have_count(0)
    expect(versions(tab).last).to_contain_text("3 B")
    tab.page.screenshot(path=artifacts / "history-light.png", animations="disabled")

    tab.type(" four")
    tab.save()
    tab.is_saved()
    expect(versions(tab)).to_have_count(4)

    versions(tab).last.get_by_role("button", name="Open").click()
    beside = tab.page.locator("#jp-main-dock-panel .cm-content:visible")
    expect(beside).to_have_count(2)
    expect(beside.nth(1)).to_have_text("one")
    use_theme(tab, "JupyterLab Dark")
    tab.page.screenshot(path=artifacts / "history-dark.png", animations="disabled")

    versions(tab).last.get_by_role("button", name="Restore").press("Enter")
    expect(tab.dialog).to_contain_text("The present one stays in the history")
    tab.answer("Restore")
    expect(beside.nth(0)).to_have_text("one")
    expect(versions(tab)).to_have_count(5)
    assert home.read(path) == "one"
    tab.type(" again")
    tab.save()
    tab.is_saved()
    expect(tab.dialog).to_have_count(0)
    assert home.read(path) == "one again"


def test_an_earlier_version_of_a_notebook_opens_and_closes_without_questions(
    open_tab: OpenTab, home: Home, artifacts: Path
) -> None:
    path = "analysis.ipynb"
    for source in ("one", "two"):
        home.write(path, notebook(source))
    tab = open_tab(path)
    tab.page.get_by_role("button", name="Show the versions of this file").click()
    expect(versions(tab)).to_have_count(2)
    versions(tab).last.get_by_role("button", name="Open").click()
    opened = tab.page.locator(".jp-NotebookPanel:visible", has=tab.page.locator(".cm-content", has_text="one"))
    expect(opened).to_have_count(1)
    expect(tab.dialog).to_have_count(0)
    tab.page.screenshot(path=artifacts / "history-notebook.png", animations="disabled")
    title = tab.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text="analysis (20")
    expect(title).not_to_contain_class("jp-mod-dirty")
    title.locator(".lm-TabBar-tabCloseIcon").click()
    expect(title).to_have_count(0)
    expect(tab.dialog).to_have_count(0)


def test_a_history_that_cannot_be_read_says_why(open_tab: OpenTab, home: Home, proxy: S3Proxy, artifacts: Path) -> None:
    home.write("away.txt", "one")
    tab = open_tab("away.txt")
    proxy.fault = lambda request: Fault.SLOW_DOWN if "versions" in request.query else None
    show_history(tab)
    expect(panel(tab)).to_contain_text(
        "The versions of this file cannot be shown: Cannot list versions", timeout=PATIENCE
    )
    tab.page.screenshot(path=artifacts / "history-error.png", animations="disabled")
    proxy.fault = lambda _request: None
    panel(tab).get_by_role("button", name="Try again").click()
    expect(versions(tab)).to_have_count(1)


def test_history_has_something_to_say_before_a_file_is_chosen(open_tab: OpenTab, home: Home) -> None:
    home.write("chosen.txt", "one")
    tab = open_tab("chosen.txt")
    tab.page.locator(".lm-TabBar-tab[title='History of a file']").click()
    expect(panel(tab)).to_contain_text("Choose History… in the File menu")
    tab.page.get_by_role("menuitem", name="File", exact=True).click()
    tab.page.locator(".lm-Menu").get_by_text("History…").click()
    expect(versions(tab)).to_have_count(1)
