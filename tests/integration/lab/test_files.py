"""Files on S3 in the file browser: deleted, restored, and named by their addresses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.integration.lab.conftest import BUCKET, PREFIX, Home, Tab

OpenTab = Callable[[str], Tab]


def item(tab: Tab, name: str) -> Locator:
    return tab.page.locator(".jp-DirListing-item", has_text=name)


def choose(tab: Tab, name: str, command: str) -> None:
    """From the menu of a file or folder."""
    item(tab, name).click(button="right")
    tab.page.locator(".lm-Menu").get_by_text(command).click()


def test_a_folder_with_content_is_deleted_and_restored(open_tab: OpenTab, home: Home, artifacts: Path) -> None:
    home.write("stay.txt", "here")
    home.write("measured/run 1/data.csv", "1,2,3")
    tab = open_tab("stay.txt")
    choose(tab, "measured", "Move to Trash")
    expect(tab.dialog).to_contain_text("move to trash")
    tab.dialog.locator(".jp-mod-accept").click()
    expect(item(tab, "measured")).to_have_count(0)
    tab.page.get_by_role("menuitem", name="File", exact=True).click()
    tab.page.locator(".lm-Menu").get_by_text("Restore from Trash…").click()
    expect(tab.dialog).to_contain_text("deleted in the last 30 days")
    expect(tab.dialog).to_contain_text("measured (folder, 1 file, 5 B), deleted ")
    tab.page.screenshot(path=artifacts / "trash.png", animations="disabled")
    tab.answer("Restore")
    expect(item(tab, "measured")).to_have_count(1)
    assert home.read("measured/run 1/data.csv") == "1,2,3"


def test_the_address_of_a_file_is_copied(open_tab: OpenTab, home: Home, artifacts: Path) -> None:
    home.write("my data.txt", "1")
    home.write("other.txt", "2")
    tab = open_tab("other.txt")
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    item(tab, "my data.txt").click(button="right")
    tab.page.screenshot(path=artifacts / "file-menu.png", animations="disabled")
    tab.page.locator(".lm-Menu").get_by_text("Copy S3 Path").click()
    tab.page.wait_for_function(
        "wanted => navigator.clipboard.readText().then(text => text === wanted)",
        arg=f"s3://{BUCKET}/{PREFIX}/my data.txt",
    )
