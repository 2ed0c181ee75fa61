"""Stopping a session from outside, and the pages of sessions that have ended, through a real Jupyter server and a real S3 server."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from spark_session import records
from tests.support.spark_pages import TABS, executor_ids, no_trouble, open_tab

from .conftest import Driver, Jupyter

pytestmark = pytest.mark.long


def sessions(jupyter: Jupyter) -> list[str]:
    return [one["name"] for one in jupyter.call("GET", "spark-ui/api/sessions").json()["sessions"]]


def test_a_session_is_stopped_and_its_process_starts_another(jupyter: Jupyter, tmp_path: Path) -> None:
    driver = Driver("stopped", jupyter.environment, tmp_path)
    jvm = driver.record.jvm
    driver.send("spark.sparkContext.parallelize(range(2), 2).map(lambda x: time.sleep(600)).count()")
    end = time.monotonic() + 120
    while "computing" not in jupyter.call("GET", "spark-ui/api/sessions").text:
        assert time.monotonic() < end
        time.sleep(0.5)
    assert jupyter.call("DELETE", f"spark-ui/api/sessions/{driver.record.session_id}").status_code == 204
    # With Spark's error, or with one of PySpark, which clears up after a call that has lost its session.
    driver.expect("failed")
    assert "stopped" not in sessions(jupyter)
    driver.send("spark = get_spark_session(name='next'); assert spark.range(7).count() == 7")
    driver.expect("done")
    (record,) = [one for one in records.read(records.folder(jupyter.environment)) if one.name == "next"]
    assert record.jvm == jvm
    driver.end()
    assert list(Path(jupyter.environment["SPARK_SESSION_RECORDS"]).glob("*.stop")) == []
    again = jupyter.call("DELETE", f"spark-ui/api/sessions/{driver.record.session_id}")
    assert again.status_code == 404
    assert "not running" in again.json()["message"]


def test_a_process_that_does_not_listen_loses_its_driver(jupyter: Jupyter, tmp_path: Path) -> None:
    driver = Driver("stuck", jupyter.environment, tmp_path)
    os.kill(driver.process.pid, signal.SIGSTOP)
    try:
        assert jupyter.call("DELETE", f"spark-ui/api/sessions/{driver.record.session_id}").status_code == 204
        assert "stuck" not in sessions(jupyter)
    finally:
        os.kill(driver.process.pid, signal.SIGCONT)
        driver.process.kill()
        driver.process.wait()


@pytest.fixture(scope="module")
def past(jupyter: Jupyter, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The application id of a session that has ended, collected from this machine and read by the history server."""
    driver = Driver("yesterday", jupyter.environment, tmp_path_factory.mktemp("past"))
    driver.end()
    application = driver.record.application_id
    folder = Path(jupyter.environment["SPARK_SESSION_EVENT_LOGS"]) / f"eventlog_v2_{application}"
    end = time.monotonic() + 240
    while folder.exists():
        assert time.monotonic() < end, jupyter.log.read_text()
        time.sleep(0.5)
    while application not in jupyter.call("GET", "spark-ui/past/api/v1/applications").text:
        assert time.monotonic() < end, jupyter.log.read_text()
        time.sleep(1)
    return application


def test_past_sessions_are_listed_and_open(page: Page, jupyter: Jupyter, past: str) -> None:
    prefix = f"{jupyter.url}spark-ui/past"
    link = page.locator(f"#history-summary-table a[href*='{past}']").first
    with no_trouble(page):
        page.goto(f"{prefix}/", wait_until="networkidle")
        expect(link).to_be_visible()
        expect(page.locator("#history-summary-table")).to_contain_text("yesterday")
        link.click()
        page.wait_for_url(f"{prefix}/history/{past}/**/jobs/")
        expect(page.locator("#completedJob-table tbody tr").first).to_be_visible()


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_of_a_past_session(page: Page, jupyter: Jupyter, past: str, tab: str) -> None:
    prefix = f"{jupyter.url}spark-ui/past"
    page.goto(f"{prefix}/")
    expect(page.locator("#history-summary-table")).to_be_visible()
    with no_trouble(page):
        open_tab(page, f"{prefix}/history/{past}", tab)
        if tab == "executors":
            assert executor_ids(page) == {"driver"}
        if tab == "stages":
            page.locator("#completed table a.name-link, #completedStage-table a.name-link").first.click()
            expect(page.locator("#active-tasks-table tbody tr").first).to_be_visible()


def test_the_record_of_a_past_session_can_be_downloaded(jupyter: Jupyter, past: str) -> None:
    answer = jupyter.call("GET", f"spark-ui/past/api/v1/applications/{past}/logs")
    assert answer.status_code == 200
    assert answer.content[:2] == b"PK"
