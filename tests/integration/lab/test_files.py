"""Files on S3 in the file browser: deleted, restored, named by their addresses, downloaded a folder at a time, and shared with others."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Locator, expect

from tests.integration.lab.conftest import BUCKET, PATIENCE, PREFIX, Home, Tab, notebook
from tests.support.jupyter import Jupyter
from tests.support.s3_proxy import Fault, S3Proxy

OpenTab = Callable[[str], Tab]


def item(tab: Tab, name: str) -> Locator:
    return tab.page.locator(".jp-DirListing-item", has_text=name)


def choose(tab: Tab, name: str, command: str) -> None:
    """From the menu of a file or folder."""
    item(tab, name).click(button="right")
    tab.page.locator(".lm-Menu").get_by_text(command).click()


def is_in_clipboard(tab: Tab, text: str) -> None:
    tab.page.wait_for_function("wanted => navigator.clipboard.readText().then(text => text === wanted)", arg=text)


def open_trash(tab: Tab) -> None:
    tab.page.get_by_role("menuitem", name="File", exact=True).click()
    tab.page.locator(".lm-Menu").get_by_text("Restore from Trash…").click()


def test_a_folder_with_content_is_deleted_and_restored(open_tab: OpenTab, home: Home, artifacts: Path) -> None:
    home.write("stay.txt", "here")
    home.write("measured/run 1/data.csv", "1,2,3")
    tab = open_tab("stay.txt")
    choose(tab, "measured", "Move to Trash")
    expect(tab.dialog).to_contain_text("move to trash: measured?")
    tab.dialog.locator(".jp-mod-accept").click()
    expect(item(tab, "measured")).to_have_count(0)
    open_trash(tab)
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
    is_in_clipboard(tab, f"s3://{BUCKET}/{PREFIX}/my data.txt")


@pytest.mark.long
def test_a_folder_is_downloaded_as_a_zip(open_tab: OpenTab, home: Home, artifacts: Path, tmp_path: Path) -> None:
    home.write("start.txt", "here")
    home.write("results/ä 1.csv", "1,2,3")
    home.write("results/raw/", "")
    home.write("results/deep/er/b.txt", "b" * 3_000_000)
    home.write("results/.hidden", "not shown, not sent")
    tab = open_tab("start.txt")
    item(tab, "results").click(button="right")
    tab.page.screenshot(path=artifacts / "folder-menu.png", animations="disabled")
    with tab.page.expect_download() as started:
        tab.page.locator(".lm-Menu").get_by_text("Download as Zip").click()
    assert started.value.suggested_filename == "results.zip"
    started.value.save_as(tmp_path / "results.zip")
    with zipfile.ZipFile(tmp_path / "results.zip") as found:
        assert sorted(found.namelist()) == ["results/deep/er/b.txt", "results/raw/", "results/ä 1.csv"]
        assert found.read("results/ä 1.csv") == b"1,2,3"
        assert found.read("results/deep/er/b.txt") == b"b" * 3_000_000
    item(tab, "start.txt").click(button="right")
    expect(tab.page.locator(".lm-Menu").get_by_text("Download as Zip")).to_have_count(0)
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("menuitem", name="File", exact=True).click()
    with tab.page.expect_download() as started:
        tab.page.locator(".lm-Menu").get_by_text("Download Current Folder as Zip").click()
    assert started.value.suggested_filename == "files.zip"


@pytest.mark.long
def test_the_renaming_of_a_large_folder_shows_how_far_it_is(
    open_tab: OpenTab, home: Home, proxy: S3Proxy, artifacts: Path
) -> None:
    home.write("start.txt", "here")
    for number in range(100):
        home.write(f"measured in spring/{number}.txt", str(number))
    tab = open_tab("start.txt")
    proxy.delay = 1.0
    item(tab, "measured in spring").click()
    tab.page.keyboard.press("F2")
    tab.page.locator(".jp-DirListing-editor").fill("measured in May")
    tab.page.keyboard.press("Enter")
    notice = tab.page.locator(".jp-Notification-Toast-Message, .Toastify__toast").first
    expect(notice).to_contain_text(re.compile(r"Renaming measured in spring: \d+ of 100 files"), timeout=PATIENCE)
    tab.page.screenshot(path=artifacts / "renaming.png", animations="disabled")
    expect(item(tab, "measured in May")).to_have_count(1, timeout=PATIENCE)
    expect(notice).to_have_count(0, timeout=PATIENCE)
    assert home.read("measured in May/99.txt") == "99"


def archive(jupyter: Jupyter, path: str) -> requests.Response:
    return jupyter.call("GET", "s3-contents/api/archive", params={"path": path})


def test_an_archive_of_everything_has_no_trash_and_no_checkpoints(jupyter: Jupyter, home: Home) -> None:
    home.write("whole/a.txt", "1")
    assert jupyter.contents("POST", "whole/a.txt/checkpoints").status_code == 201
    with zipfile.ZipFile(io.BytesIO(archive(jupyter, "").content)) as found:
        names = found.namelist()
    assert "files/whole/a.txt" in names
    assert not [name for name in names if "s3_contents" in name]


@pytest.mark.parametrize("path", ["no such folder", ".s3_contents", ".s3_contents/trash", "../other"])
def test_there_is_no_archive_of_what_is_no_folder(jupyter: Jupyter, path: str) -> None:
    answer = archive(jupyter, path)
    assert answer.status_code in {400, 404}
    assert "message" in answer.json()


def test_a_stranger_gets_no_archive(jupyter: Jupyter) -> None:
    address = f"{jupyter.url}/s3-contents/api/archive?path="
    assert requests.get(address, timeout=10).status_code == 403


def test_an_archive_that_s3_cannot_finish_is_cut_off(jupyter: Jupyter, home: Home, proxy: S3Proxy) -> None:
    """What has arrived then cannot be mistaken for all of it."""
    home.write("cut/a.txt", "a")
    home.write("cut/b.txt", "b" * 3_000_000)
    proxy.fault = lambda request: Fault.TRUNCATE if request.key.endswith("b.txt") else None
    with pytest.raises(requests.RequestException):
        archive(jupyter, "cut")


def test_what_a_cell_reads_and_writes_is_what_the_file_browser_shows(
    open_tab: OpenTab, home: Home, artifacts: Path
) -> None:
    home.write("survey/answers.csv", "person,age\nAda,36\nGrace,44\n")
    home.write("survey/tools.py", "def double(number):\n    return 2 * number\n")
    source = (
        "import csv, tools\n"
        "rows = list(csv.DictReader(open('answers.csv')))\n"
        "with open('doubled.csv', 'w') as file:\n"
        "    file.writelines(f\"{row['person']},{tools.double(int(row['age']))}\\n\" for row in rows)\n"
        "rows[1]"
    )
    home.write("survey/doubling.ipynb", notebook(source))
    tab = open_tab("survey/doubling.ipynb")
    expect(tab.page.locator("#jp-main-statusbar").get_by_text("| Idle")).to_be_visible(timeout=PATIENCE)
    tab.editor.click()
    tab.page.keyboard.press("Shift+Enter")
    expect(tab.page.locator(".jp-OutputArea-output").first).to_contain_text("'Grace'", timeout=PATIENCE)
    expect(item(tab, "doubled.csv")).to_have_count(1, timeout=PATIENCE)
    assert home.read("survey/doubled.csv") == "Ada,72\nGrace,88\n"
    item(tab, "doubled.csv").dblclick()
    expect(tab.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text="doubled.csv")).to_be_visible()
    tab.page.screenshot(path=artifacts / "written-by-a-cell.png", animations="disabled")


@pytest.mark.long
def test_a_shared_folder_is_as_safe_as_ones_own(open_tab: OpenTab, home: Home, artifacts: Path) -> None:
    """What others have saved there is not overwritten, and what is deleted comes back."""
    flights = Home(home.server, "groups/flights")
    flights.write("plan.txt", "one")
    flights.write("measured/data.csv", "1,2,3")
    tab = open_tab("shared/flights/plan.txt")
    tab.page.screenshot(path=artifacts / "shared-folder.png", animations="disabled")
    flights.write("plan.txt", "theirs")
    tab.type(" mine")
    tab.save()
    expect(tab.dialog).to_contain_text("File Changed")
    tab.answer("Revert")
    expect(tab.editor).to_have_text("theirs")
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(tab, "plan.txt", "Copy S3 Path")
    is_in_clipboard(tab, f"s3://{BUCKET}/groups/flights/plan.txt")
    choose(tab, "measured", "Move to Trash")
    tab.dialog.locator(".jp-mod-accept").click()
    expect(item(tab, "measured")).to_have_count(0)
    open_trash(tab)
    expect(tab.dialog).to_contain_text("shared/flights/measured (folder, 1 file, 5 B), deleted ")
    tab.page.screenshot(path=artifacts / "shared-trash.png", animations="disabled")
    tab.answer("Restore")
    expect(item(tab, "measured")).to_have_count(1)


def test_what_is_shared_for_reading_is_not_changed_and_says_so(open_tab: OpenTab, home: Home, artifacts: Path) -> None:
    course = Home(home.server, "courses/2026")
    course.write("lesson.ipynb", notebook("one"))
    tab = open_tab("shared/course/lesson.ipynb")
    expect(tab.page.get_by_text("notebook is read-only")).to_be_visible(timeout=PATIENCE)
    tab.type(" mine")
    tab.save()
    told = tab.page.get_by_role("alert").filter(has_text='is read-only. Use "Save as…" instead.')
    expect(told).to_be_visible(timeout=PATIENCE)
    tab.page.screenshot(path=artifacts / "shared-for-reading.png", animations="disabled")
    tab.is_dirty()
    choose(tab, "lesson.ipynb", "Duplicate")
    expect(tab.dialog).to_contain_text("is shared with you for reading only")
    tab.page.screenshot(path=artifacts / "shared-refusal.png", animations="disabled")
    assert course.read("lesson.ipynb") == notebook("one")
