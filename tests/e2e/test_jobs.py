"""Jobs in JupyterLab: run from the menu of a file, looked at and repeated in the panel. A real browser, hub and cluster; the tests run in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, Locator, expect

from tests.e2e import lab
from tests.e2e.conftest import Running, Visitor, visit
from tests.e2e.storage import Store

OWNER = "jobst"
MINUTES = 60_000  # milliseconds
COUNT = "import sys\nprint('counted', 6 * 7, sys.argv[1:])\n"
REPORT = """
from spark_session import get_spark_session
with get_spark_session(executors=1, name="report") as spark:
    print("rows", spark.range(1000).count(), day)
"""


@pytest.fixture(scope="module")
def owner(browser: Browser, running: Running, artifacts: Path) -> Iterator[Visitor]:
    """A person with a script and a notebook, and with JupyterLab open."""
    with visit(browser, running, artifacts, OWNER) as visitor:
        visitor.sign_in()
        lab.start_instance(visitor)
        cells = [new_code_cell("day = 1"), new_code_cell(REPORT.strip())]
        cells[0].metadata["tags"] = ["parameters"]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        with Store.of(running.platform) as store:
            store.write(OWNER, "count.py", COUNT.encode())
            store.write(
                OWNER,
                "report.ipynb",
                nbformat.writes(new_notebook(cells=cells, metadata={"kernelspec": kernel})).encode(),
            )
        visitor.open(f"/user/{OWNER}/lab?reset")
        lab.wait_for_lab(visitor.page)
        yield visitor


def panel(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("region", name="Jobs", exact=True)


def ended(visitor: Visitor, name: str) -> Locator:
    """The card of a job that has ended."""
    found = panel(visitor).get_by_role("list", name="Ended").get_by_role("listitem").filter(has_text=name)
    expect(found).to_be_visible(timeout=4 * MINUTES)
    return found


def run_as_job(visitor: Visitor, file: str) -> Locator:
    page = visitor.page
    # A click on the tab that is open would close it.
    browser = page.locator(".jp-SideBar.jp-mod-left .lm-TabBar-tab[title^='File Browser']:not(.lm-mod-current)")
    if browser.count():
        browser.click()
    page.locator(".jp-DirListing-item", has_text=file).click(button="right")
    page.locator(".lm-Menu").get_by_text("Run as a Job…").click()
    form = page.locator(".jp-Dialog")
    expect(form).to_contain_text(f"Run {file} as a job")
    return form


def opened(visitor: Visitor) -> str:
    """The name of the job whose log was opened last."""
    title = visitor.page.locator(".sn-JobLog:visible .sn-JobLog-title")
    expect(title).to_be_visible()
    return title.inner_text()


def test_machines_outside_are_told_of_the_workspace(owner: Visitor, running: Running) -> None:
    with Store.of(running.platform) as store:
        told = json.loads(store.read(OWNER, ".spark-jobs/workspace.json"))
    assert told["s3"]["home"].endswith(f"/{OWNER}")
    assert "notebook" in told["workspace"]["image"]
    assert "memory" in told["resources"]["limits"]


def test_a_script_is_run_from_its_menu_and_run_again(owner: Visitor) -> None:
    form = run_as_job(owner, "count.py")
    form.get_by_label("Arguments").fill("--day '1 May'")
    form.get_by_label("Memory of its own pod").fill("512m")
    owner.screenshot("jobs-01-dialog")
    form.get_by_role("button", name="Run", exact=True).click()
    log = owner.page.locator(".sn-JobLog-text:visible")
    expect(log).to_have_text("counted 42 ['--day', '1 May']\n", timeout=4 * MINUTES)
    expect(owner.page.locator(".sn-JobLog-state:visible")).to_have_text("succeeded", timeout=MINUTES)
    first = opened(owner)
    card = ended(owner, first)
    expect(card).to_contain_text("succeeded")
    owner.screenshot("jobs-02-ended")
    card.get_by_role("button", name=f"Run {first} again").click()
    expect(owner.page.locator(".sn-JobLog-title:visible")).not_to_have_text(first)
    expect(log).to_have_text("counted 42 ['--day', '1 May']\n", timeout=4 * MINUTES)
    again = opened(owner)
    expect(ended(owner, again)).to_contain_text("succeeded")
    owner.page.locator(".sn-JobLog:visible").get_by_text("What it runs").click()
    expect(owner.page.locator(".sn-JobLog:visible tr", has_text="rerun of")).to_contain_text(first)
    owner.screenshot("jobs-03-again")


def test_what_is_refused_is_told_in_the_dialog(owner: Visitor) -> None:
    form = run_as_job(owner, "count.py")
    form.get_by_label("Time limit").fill("90 days")
    form.get_by_role("button", name="Run", exact=True).click()
    expect(form.get_by_role("alert")).to_contain_text("is not a time that a job may take")
    owner.page.keyboard.press("Escape")
    expect(form).to_have_count(0)


def test_a_schedule_is_made_paused_and_taken_away(owner: Visitor) -> None:
    form = run_as_job(owner, "count.py")
    form.get_by_text("At times of the clock").click()
    form.get_by_label("Times", exact=True).fill("0 0 29 2 *")
    form.get_by_role("button", name="Run", exact=True).click()
    found = panel(owner).get_by_role("list", name="Schedules").get_by_role("listitem")
    expect(found).to_contain_text("next run: ", timeout=MINUTES)
    found.get_by_role("button", name="Pause the schedule count").click()
    expect(found).to_contain_text("paused", timeout=MINUTES)
    owner.screenshot("jobs-04-schedule")
    found.get_by_role("button", name="Take the schedule count away").click()
    owner.page.locator(".jp-Dialog").get_by_role("button", name="Take it away").click()
    expect(panel(owner)).to_contain_text("Nothing is scheduled.", timeout=MINUTES)


@pytest.mark.long
def test_a_notebook_leaves_its_outputs_and_what_spark_did(owner: Visitor) -> None:
    form = run_as_job(owner, "report.ipynb")
    form.get_by_label("Parameters").fill("day=7")
    form.get_by_role("button", name="Run", exact=True).click()
    log = owner.page.locator(".sn-JobLog-text:visible")
    expect(log).to_contain_text("rows 1000 7", timeout=6 * MINUTES)
    card = ended(owner, opened(owner))
    card.get_by_role("button", name="What Spark did").click()
    frame = owner.page.frame_locator(".lm-DockPanel-widget:visible iframe")
    expect(frame.get_by_role("heading", name="Spark Jobs")).to_be_visible(timeout=4 * MINUTES)
    owner.screenshot("jobs-05-spark")
    card.get_by_role("button", name="Open the executed notebook").click()
    expect(owner.page.locator(".jp-Notebook:visible")).to_contain_text("rows 1000 7", timeout=MINUTES)
    owner.screenshot("jobs-06-notebook")
