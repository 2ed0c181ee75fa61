"""The panel of jobs in a browser. There is no Kubernetes here: what the server would tell of jobs is told in its place, in the form that its own tests hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Locator, Route, expect

from tests.integration.lab.conftest import BUCKET, PREFIX, Home, Tab, notebook

pytestmark = pytest.mark.long

OpenTab = Callable[[str], Tab]
GOING = {
    "name": "count-3f09ac", "script": "count.py", "schedule": None, "state": "running", "code": None, "message": "",
    "submitted": "2026-11-21T10:00:00Z", "began": "2026-11-21T10:00:05Z", "ended": None, "log": True, "applications": [], "executed": None,
}  # fmt: skip
ENDED = {
    **GOING, "name": "report-000001", "script": "report.ipynb", "schedule": "report", "state": "failed", "code": 1,
    "message": "Cell In [4] failed.", "ended": "2026-11-21T10:00:41Z", "log": False, "executed": "report/executed.ipynb",
}  # fmt: skip
SCHEDULE = {
    "name": "report", "script": "report.ipynb", "state": "waiting", "when": "0 3 * * *", "time_zone": "Europe/Vienna",
    "next": "Sun 2026-11-22 03:00 CET", "last": {"job": "report-000001", "told": "failed (1), Sat 2026-11-21 03:00 CET"},
}  # fmt: skip
OPTIONS = {
    "executors": 2, "most_executors": 8,
    "profiles": {"executors": [{"name": "spot", "description": "Cheap", "default": False}], "drivers": []},
}  # fmt: skip


@dataclass
class Told:
    """What the server tells, and what it was asked to do."""

    overview: dict[str, Any] = field(
        default_factory=lambda: {
            "unavailable": None, "jobs": [dict(GOING)], "schedules": [dict(SCHEDULE)], "ended": [dict(ENDED)], "note": None,
        }
    )  # fmt: skip
    log: list[dict[str, Any]] = field(default_factory=list)
    refusal: str = ""
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def answer(self, route: Route) -> None:
        path = urlsplit(route.request.url).path.partition("/spark-jobs/api/")[2]
        if route.request.method == "POST":
            self.asked.append((path, json.loads(route.request.post_data or "null")))
            if self.refusal:
                route.fulfill(status=422, json={"message": self.refusal})
                return
            makes_a_job = not path.startswith("schedules/") or path.endswith("/run-now")
            route.fulfill(json={"job": "count-000002"} if makes_a_job else {"schedule": "report"})
        elif path.endswith("/log"):
            quiet = {"text": "", "cut": False, "again": False}
            before = {"state": "running", "code": None, "message": "", "over": False, "pod": "p", "since": ""}
            found = self.log.pop(0) if self.log else {"state": "succeeded", "code": 0, "over": True}
            route.fulfill(json={**quiet, **before, **found})
        elif path.endswith("/executors"):
            route.fulfill(json={"executors": [{"id": "0123abcd_1", "number": "1", "gone": True}]})
        elif "/executors/" in path:
            route.fulfill(json={"text": "last words of 1"})
        else:
            details = {"details": [["job", "count-3f09ac"], ["SHA-256", "00ff"]]}
            route.fulfill(json={"jobs": self.overview, "options": OPTIONS}.get(path, details))


@pytest.fixture
def told(context: BrowserContext) -> Iterator[Told]:
    made = Told()
    context.route("**/spark-jobs/api/**", made.answer)
    yield made
    context.unroute("**/spark-jobs/api/**")


def panel(tab: Tab) -> Locator:
    return tab.page.get_by_role("region", name="Jobs", exact=True)


def show_panel(tab: Tab) -> Locator:
    tab.page.locator(".jp-SideBar.jp-mod-left .lm-TabBar-tab[title='Jobs']").click()
    return panel(tab)


def run_as_job(tab: Tab, name: str) -> None:
    tab.page.locator(".jp-DirListing-item", has_text=name).click(button="right")
    tab.page.locator(".lm-Menu").get_by_text("Run as a Job…").click()


def test_without_a_workspace_the_panel_says_so(open_tab: OpenTab, home: Home) -> None:
    home.write("alone.py", "")
    tab = open_tab("alone.py")
    expect(show_panel(tab).get_by_role("status")).to_have_text(
        "Jobs run in a workspace of the platform, and this JupyterLab is in none: here, python runs the same script."
    )


def test_what_runs_what_has_ended_and_what_is_scheduled(
    open_tab: OpenTab, home: Home, told: Told, artifacts: Path
) -> None:
    home.write("count.py", "")
    home.write("report/executed.ipynb", notebook("'what came of it'"))
    tab = open_tab("count.py")
    found = show_panel(tab)
    running = found.get_by_role("list", name="Running and waiting").get_by_role("listitem")
    expect(running).to_contain_text("running · for ")
    ended = found.get_by_role("list", name="Ended").get_by_role("listitem")
    expect(ended).to_contain_text("failed (1)")
    expect(ended).to_contain_text("took 36 s")
    expect(ended).to_contain_text("Cell In [4] failed.")
    scheduled = found.get_by_role("list", name="Schedules").get_by_role("listitem")
    expect(scheduled).to_contain_text("next run: Sun 2026-11-22 03:00 CET")
    tab.page.screenshot(path=artifacts / "jobs-panel.png", animations="disabled")
    # All of it by the keyboard, too.
    pause = found.get_by_role("button", name="Pause the schedule report")
    pause.focus()
    told.overview["schedules"][0]["state"] = "paused"
    tab.page.keyboard.press("Enter")
    expect(found.get_by_role("button", name="Resume the schedule report")).to_be_visible()
    assert told.asked == [("schedules/report/pause", {})]
    ended.get_by_role("button", name="Open the executed notebook of report-000001").click()
    expect(tab.page.locator("#jp-main-dock-panel .jp-Notebook")).to_contain_text("what came of it")


def test_nothing_is_cancelled_unasked_and_a_refusal_is_told(open_tab: OpenTab, home: Home, told: Told) -> None:
    home.write("count.py", "")
    tab = open_tab("count.py")
    cancel = show_panel(tab).get_by_role("button", name="Cancel count-3f09ac")
    cancel.click()
    tab.answer("Leave it")
    assert told.asked == []
    told.refusal = "There is no job count-3f09ac. 100% gone."
    cancel.click()
    tab.dialog.get_by_role("button", name="Cancel the job").click()
    expect(tab.dialog).to_contain_text("There is no job count-3f09ac. 100% gone.")
    assert told.asked == [("jobs/count-3f09ac/cancel", {})]
    tab.dialog.locator(".jp-Dialog-button").click()


def test_a_file_is_run_from_its_menu_and_its_log_is_followed(
    open_tab: OpenTab, home: Home, told: Told, artifacts: Path
) -> None:
    home.write("work/count.py", "print()")
    home.write("work/notes.txt", "")
    tab = open_tab("work/count.py")
    tab.page.locator(".jp-DirListing-item", has_text="notes.txt").click(button="right")
    menu = tab.page.locator(".lm-Menu")
    expect(menu.get_by_role("menuitem", name="Rename")).to_be_visible()
    expect(menu.get_by_role("menuitem", name="Run as a Job…")).to_have_count(0)
    tab.page.keyboard.press("Escape")
    tab.type("# changed")
    run_as_job(tab, "count.py")
    form = tab.dialog
    form.get_by_label("Arguments").fill("--day '1 May'")
    form.get_by_label("Executors", exact=True).fill("9")
    form.get_by_label("Machines for executors").select_option("spot")
    expect(form.get_by_label("Machines for its own pod")).to_have_count(0)
    tab.page.screenshot(path=artifacts / "jobs-dialog.png", animations="disabled")
    told.refusal = "executors=9 is too many. Your administrator allows 8 for a session."
    form.get_by_role("button", name="Run", exact=True).click()
    expect(form.get_by_role("alert")).to_have_text(told.refusal)
    expect(form.get_by_label("Arguments")).to_have_value("--day '1 May'")
    told.refusal = ""
    told.log = [{"text": "\x1b[0;31mone\x1b[0m\n", "since": "1"}, {"text": "two\n", "since": "2"}]
    form.get_by_label("Executors", exact=True).fill("2")
    form.get_by_role("button", name="Run", exact=True).click()
    log = tab.page.get_by_role("log", name="Log of count-000002")
    expect(log).to_have_text("one\ntwo\n")
    expect(tab.page.locator(".sn-JobLog-state")).to_have_text("succeeded")
    choice = tab.page.get_by_label("Whose log of count-000002")
    choice.focus()
    choice.select_option("executor 1 (gone)")
    expect(tab.page.get_by_role("log", name="Log of an executor")).to_have_text("last words of 1")
    choice.select_option("what the job printed")
    expect(log).to_be_visible()
    tab.page.get_by_text("What it runs").click()
    expect(tab.page.get_by_role("rowheader", name="SHA-256")).to_be_visible()
    tab.page.screenshot(path=artifacts / "jobs-log.png", animations="disabled")
    [(_, first), (path, second)] = told.asked
    assert (path, second["script"]) == ("jobs", f"s3://{BUCKET}/{PREFIX}/work/count.py")
    assert (second["arguments"], second["executors"], second["profile"]) == ("--day '1 May'", "2", "spot")
    assert {**first, "executors": "2"} == second
    assert "# changed" in home.read("work/count.py"), "what one sees is what is run"


def test_a_notebook_has_parameters_and_may_be_scheduled(open_tab: OpenTab, home: Home, told: Told) -> None:
    home.write("plan/report.ipynb", notebook("1"))
    home.write("plan/notes.txt", "")
    tab = open_tab("plan/notes.txt")
    run_as_job(tab, "report.ipynb")
    form = tab.dialog
    expect(form.get_by_label("Arguments")).to_have_count(0)
    form.get_by_label("Parameters").fill("day=2013-01-01\nn=3")
    form.get_by_text("At times of the clock").click()
    form.get_by_label("Times", exact=True).fill("0 3 * * *")
    form.get_by_label("Time zone").fill("Europe/Vienna")
    form.get_by_label("If the run before goes on").select_option("allow")
    form.get_by_role("button", name="Run", exact=True).click()
    expect(form).to_have_count(0)
    [(_, asked)] = told.asked
    assert (asked["parameters"], asked["schedule"]) == ("day=2013-01-01\nn=3", "0 3 * * *")
    assert (asked["time_zone"], asked["overlap"]) == ("Europe/Vienna", "allow")
