"""The UI of a running session through a real Jupyter server, in a real browser."""

from __future__ import annotations

import socket
import time

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.support.spark_pages import PATIENCE, TABS, executor_ids, no_trouble, open_tab

from .conftest import Driver, Jupyter

pytestmark = pytest.mark.long


def prefix(jupyter: Jupyter, driver: Driver) -> str:
    return f"{jupyter.url}spark-ui/{driver.record.session_id}"


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_without_a_failed_request(page: Page, jupyter: Jupyter, driver: Driver, tab: str) -> None:
    with no_trouble(page):
        open_tab(page, prefix(jupyter, driver), tab)
    for link in page.locator(".navbar a.nav-link").all():
        assert (link.get_attribute("href") or "").startswith("/user/ada@example.org/spark-ui/"), link


def test_the_address_alone_leads_to_the_jobs(page: Page, jupyter: Jupyter, driver: Driver) -> None:
    page.goto(prefix(jupyter, driver))
    assert page.url == f"{prefix(jupyter, driver)}/jobs/"


def test_pages_behind_the_tabs(page: Page, jupyter: Jupyter, driver: Driver) -> None:
    with no_trouble(page):
        open_tab(page, prefix(jupyter, driver), "executors")
        assert executor_ids(page) == {"driver"}
        page.get_by_role("link", name="Thread Dump").first.click()
        expect(page.get_by_text("Thread dump for executor driver")).to_be_visible()
        open_tab(page, prefix(jupyter, driver), "jobs")
        page.locator("#completedJob-table a.name-link").first.click()
        expect(page.get_by_role("heading", name="Details for Job")).to_be_visible()
        page.goto(f"{prefix(jupyter, driver)}/stages/stage/?id=0&attempt=0", wait_until="networkidle")
        expect(page.locator("#active-tasks-table tbody tr").first).to_be_visible()
        page.goto(f"{prefix(jupyter, driver)}/SQL/execution/?id=0", wait_until="networkidle")
        expect(page.locator("#plan-viz-graph svg")).to_be_visible()
        open_tab(page, prefix(jupyter, driver), "storage")
        page.locator("#storage-by-rdd-table a").first.click()
        expect(page.get_by_text("Data Distribution on")).to_be_visible()


@pytest.mark.parametrize("tab", ["jobs", "stages"])
def test_a_job_is_killed_from_the_browser(page: Page, jupyter: Jupyter, driver: Driver, tab: str) -> None:
    driver.send("spark.sparkContext.parallelize(range(2), 2).map(lambda x: time.sleep(600)).count()")
    page.on("dialog", lambda dialog: dialog.accept())
    kill = page.locator("a.kill-link").first
    for _ in range(20):
        open_tab(page, prefix(jupyter, driver), tab)
        if kill.is_visible():
            break
    with no_trouble(page), page.expect_navigation(url=f"{prefix(jupyter, driver)}/{tab}/"):
        kill.click()
    driver.expect("failed Py4JJavaError")


def test_the_pages_check_who_sends_them_a_form(jupyter: Jupyter, driver: Driver) -> None:
    address = f"{prefix(jupyter, driver)}/jobs/job/kill/"
    browser = requests.Session()
    browser.get(f"{jupyter.url}tree", params={"token": jupyter.token}, timeout=60)
    assert browser.get(f"{prefix(jupyter, driver)}/jobs/", timeout=60).ok
    form = {"id": "0", "csrfToken": "0"}
    assert browser.post(address, data=form, timeout=60).status_code == 403
    token = browser.cookies.get("_xsrf")
    elsewhere = {"Origin": "http://elsewhere.example"}
    assert browser.post(address, data={**form, "_xsrf": token}, headers=elsewhere, timeout=60).status_code in (403, 404)
    # Past Jupyter's check it is Spark that refuses: its own token is wrong.
    refused = browser.post(address, data={**form, "_xsrf": token}, timeout=60, allow_redirects=False)
    assert "_xsrf" not in refused.text
    assert refused.headers["Content-Security-Policy"].count("frame-ancestors") == 1
    assert refused.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")


def test_only_the_address_with_the_key_may_be_framed(page: Page, jupyter: Jupyter, driver: Driver) -> None:
    (session,) = jupyter.call("GET", "spark-ui/api/sessions").json()["sessions"]
    frame = "document.body.append(Object.assign(document.createElement('iframe'), {src: %r, name: 'spark'}))"
    page.goto(f"{jupyter.url}tree")
    page.evaluate(frame % session["frame"])
    expect(page.frame_locator("iframe[name=spark]").get_by_role("heading", name="Spark Jobs")).to_be_visible()
    page.goto(f"{jupyter.url}tree")
    page.evaluate(frame % session["ui"])
    page.wait_for_timeout(1000)
    expect(page.frame_locator("iframe[name=spark]").get_by_role("heading", name="Spark Jobs")).to_have_count(0)
    guessed = jupyter.call("GET", f"spark-ui/lab-guessed/{driver.record.session_id}/jobs/")
    assert guessed.status_code == 404
    assert "expired" in guessed.text


def test_the_list_of_sessions(jupyter: Jupyter, driver: Driver) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while True:
        (session,) = jupyter.call("GET", "spark-ui/api/sessions").json()["sessions"]
        # What the session computed last may still be on its way into what Spark tells.
        if session["state"] != "computing" or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert session["id"] == driver.record.session_id
    assert (session["name"], session["state"]) == ("flights", "idle")
    assert session["executors"] == {
        "alive": 0,
        "asked": None,
        "tasks": 0,
        "failed_tasks": session["executors"]["failed_tasks"],
    }
    assert session["ui"] == f"/user/ada@example.org/spark-ui/{driver.record.session_id}/"


def test_a_stranger_gets_nothing(browser: Browser, jupyter: Jupyter, driver: Driver) -> None:
    for path in (f"{driver.record.session_id}/jobs/", f"{driver.record.session_id}/static/webui.js", "api/sessions"):
        answer = requests.get(f"{jupyter.url}spark-ui/{path}", timeout=60, allow_redirects=False)
        assert answer.status_code in (302, 403), path
        assert "Spark" not in answer.text
    page = browser.new_page()
    page.goto(f"{prefix(jupyter, driver)}/jobs/")
    assert "/login" in page.url
    page.close()


@pytest.mark.parametrize("target", ["00000000", "127.0.0.1:22", "proxy", "..%2f..%2fapi", "0000000Z"])
def test_no_other_target_is_reached(jupyter: Jupyter, driver: Driver, target: str) -> None:
    answer = jupyter.call("GET", f"spark-ui/{target}/jobs")
    assert answer.status_code == 404
    if target == "00000000":
        assert "is not running" in answer.text
        assert "get_spark_session()" in answer.text


@pytest.mark.parametrize("path", ["//example.org/", "/@example.org/", "/..;/", "/%0d%0aX-Injected:%201/"])
def test_a_path_reaches_no_other_host(jupyter: Jupyter, driver: Driver, path: str) -> None:
    host, _, port = jupyter.url.split("/")[2].partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            f"GET /user/ada@example.org/spark-ui/{driver.record.session_id}{path} HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Authorization: token {jupyter.token}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head = answer.partition(b"\r\n\r\n")[0].decode()
    assert head.split()[1] in {"302", "400", "404"}, head
    assert "X-Injected" not in head
    assert "Location: //" not in head


def test_the_rest_api(jupyter: Jupyter, driver: Driver) -> None:
    api = f"spark-ui/{driver.record.session_id}/api/v1/applications"
    (application,) = jupyter.call("GET", api).json()
    assert application["id"] == driver.record.application_id
    answer = jupyter.call("GET", f"{api}/{application['id']}/jobs?status=succeeded")
    assert len(answer.json()) >= 1
    assert jupyter.call("GET", f"{api}/{application['id']}/jobs/999").status_code == 404
    assert jupyter.call("HEAD", f"spark-ui/{driver.record.session_id}/jobs/").status_code == 200


def test_an_ended_session_says_so(jupyter: Jupyter, driver: Driver) -> None:
    address = f"spark-ui/{driver.record.session_id}/jobs/"
    driver.end()
    answer = jupyter.call("GET", address)
    assert answer.status_code == 404
    assert "is not running" in answer.text
    assert jupyter.call("GET", "spark-ui/api/sessions").json()["sessions"] == []
