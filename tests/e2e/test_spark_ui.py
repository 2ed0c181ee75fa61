"""The Spark UI of a session, running and past, and the panel of sessions: a real browser, hub and cluster. The tests run in order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Error as PlaywrightError

from tests.e2e import lab
from tests.e2e.conftest import Running, Visitor, visit
from tests.e2e.storage import Store
from tests.support.browser import BROWSER
from tests.support.spark_pages import PATIENCE, TABS, executor_ids, no_trouble, open_tab

OWNER, ONLOOKER = "ursula", "oscar"
NOTEBOOK = "session.ipynb"
CELLS = (
    """
import time
import spark_session
from spark_session import get_spark_session
spark = get_spark_session(executors=1, name="rivers")
spark.range(100_000).repartition(4).cache().createOrReplaceTempView("numbers")
spark.sql("select id % 7 as day, count(*) from numbers group by 1 order by 1").collect()
print("Spark UI:", spark_session.cluster().ui_url)
""",
    """
try:
    spark.sparkContext.parallelize(range(2), 2).map(lambda x: time.sleep(1200)).count()
except Exception as error:
    print("ended:", type(error).__name__)
""",
)
MINUTES = 60_000  # milliseconds


@pytest.fixture(scope="module")
def trusting(browser: Browser, running: Running) -> Iterator[Browser]:
    """A browser that treats the platform as if it were on https, and so says what each request is for: the hub's checks go by that."""
    arguments = [*BROWSER["args"], f"--unsafely-treat-insecure-origin-as-secure={running.url}"]
    another = browser.browser_type.launch(**{**BROWSER, "args": arguments})
    yield another
    another.close()


@pytest.fixture(scope="module")
def owner(trusting: Browser, running: Running, artifacts: Path) -> Iterator[Visitor]:
    """A person with a session that computes, with JupyterLab open."""
    with visit(trusting, running, artifacts, OWNER) as visitor:
        visitor.sign_in()
        lab.start_instance(visitor)
        with Store.of(running.platform) as store:
            notebook = new_notebook(
                cells=[new_code_cell(cell.strip()) for cell in CELLS],
                metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            )
            store.write(OWNER, NOTEBOOK, nbformat.writes(notebook).encode())
        visitor.open(f"/user/{OWNER}/lab/tree/{NOTEBOOK}")
        lab.wait_for_lab(visitor.page)
        page = visitor.page
        expect(page.locator("#jp-main-statusbar").get_by_text("| Idle")).to_be_visible(timeout=lab.RUN)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_function(f"() => /[0-9]/.test({lab.PROMPTS}[0])", timeout=2 * lab.RUN)
        yield visitor


def listing(visitor: Visitor) -> list[dict[str, Any]]:
    """The sessions, asked for as the page itself would ask."""
    script = """async user => {
        const token = document.cookie.split('; ').find(cookie => cookie.startsWith('_xsrf=')).slice(6);
        const answer = await fetch(`/user/${user}/spark-ui/api/sessions`, {headers: {'X-XSRFToken': token}});
        return (await answer.json()).sessions;
    }"""
    found: list[dict[str, Any]] = visitor.page.evaluate(script, visitor.name)
    return found


@pytest.fixture(scope="module")
def session(owner: Visitor) -> dict[str, Any]:
    (session,) = listing(owner)
    return session


@pytest.fixture
def tab(owner: Visitor) -> Iterator[Page]:
    """Another tab of the owner's browser."""
    page = owner.page.context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    page.close()


@pytest.fixture(scope="module")
def ui(running: Running, session: dict[str, Any]) -> str:
    """Where the UI of the session is, without a slash at the end."""
    return f"{running.url}{session['ui']}".rstrip("/")


def test_the_panel_lists_the_session_and_shows_its_ui(owner: Visitor, session: dict[str, Any]) -> None:
    page = owner.page
    page.locator(".jp-SideBar.jp-mod-left .lm-TabBar-tab[title='Spark sessions']").click()
    card = page.locator(f".sn-Sessions-card[data-session='{session['id']}']")
    expect(card).to_contain_text("rivers")
    expect(card).to_contain_text("1 of 1 executor", timeout=2 * MINUTES)
    expect(card).to_contain_text("running")
    owner.screenshot("ui-01-panel")
    expect(page.get_by_text(f"Spark UI: {session['ui']}")).to_be_visible()
    card.get_by_role("button", name="Spark UI").click()
    frame = page.frame_locator(".lm-DockPanel-widget:visible iframe")
    expect(frame.get_by_role("heading", name="Spark Jobs")).to_be_visible(timeout=MINUTES)
    rows = frame.locator("#active-executors-table tbody tr")
    # On a busy machine a script of Spark's page may come too late for it; a person opens the page once more.
    for _ in range(3):
        frame.get_by_role("link", name="Executors").click()
        with suppress(PlaywrightError):
            rows.nth(1).wait_for(timeout=MINUTES / 3)
            break
    expect(rows).to_have_count(2)
    owner.screenshot("ui-02-in-lab")


@pytest.mark.parametrize("name", TABS)
def test_every_tab(ui: str, tab: Page, artifacts: Path, name: str) -> None:
    with no_trouble(tab):
        open_tab(tab, ui, name)
        if name == "executors":
            assert executor_ids(tab) == {"driver", "1"}
    tab.screenshot(path=artifacts / f"ui-tab-{name}.png")


def test_thread_dumps(ui: str, tab: Page, artifacts: Path) -> None:
    with no_trouble(tab):
        for executor in ("driver", "1"):
            tab.goto(f"{ui}/executors/threadDump/?executorId={executor}", wait_until="networkidle")
            expect(tab.get_by_text(f"Thread dump for executor {executor}")).to_be_visible()
            expect(tab.locator("table tbody tr").first).to_be_visible()
    tab.screenshot(path=artifacts / "ui-thread-dump.png")


def test_a_running_stage_is_killed(owner: Visitor, ui: str, tab: Page) -> None:
    with no_trouble(tab):
        open_tab(tab, ui, "stages")
        tab.on("dialog", lambda dialog: dialog.accept())
        kill = tab.locator("a.kill-link").first
        expect(kill).to_be_visible()
        with tab.expect_navigation():
            kill.click()
        assert tab.url == f"{ui}/stages/"
    expect(owner.page.get_by_text("ended: Py4JJavaError")).to_be_attached(timeout=2 * MINUTES)


def test_nobody_else_sees_it(browser: Browser, running: Running, artifacts: Path, session: dict[str, Any]) -> None:
    with visit(browser, running, artifacts, ONLOOKER) as onlooker:
        onlooker.sign_in()
        for path in (
            session["ui"],
            f"{session['ui']}api/v1/applications",
            session["frame"],
            f"/user/{OWNER}/spark-ui/api/sessions",
        ):
            answer = onlooker.page.request.get(running.url + path)
            assert answer.status in (403, 404), path
            assert "rivers" not in answer.text()
        # Nor does a page of the same host that its owner looks at: it can neither ask for the data nor show it in a frame.
        onlooker.page.context.clear_cookies()
        answer = onlooker.page.request.get(running.url + session["ui"])
        assert "login" in answer.url


def test_a_page_elsewhere_on_the_host_gets_nothing(running: Running, session: dict[str, Any], tab: Page) -> None:
    """A page of another person's server, which the owner looks at, has the owner's cookies but not the owner's token."""
    tab.goto(f"{running.url}/hub/home")
    ask = """async url => {
        try { const answer = await fetch(url); return answer.status + await answer.text(); } catch { return 'refused'; }
    }"""
    for path in (
        f"{session['ui']}api/v1/applications",
        f"{session['ui']}jobs/",
        f"/user/{OWNER}/spark-ui/api/sessions",
    ):
        answer = tab.evaluate(ask, path)
        assert not answer.startswith("200"), path
        assert session["application_id"] not in answer
        assert "rivers" not in answer
    frame = "url => document.body.append(Object.assign(document.createElement('iframe'), {src: url, id: 'other'}))"
    with tab.expect_event(
        "console", lambda message: "frame-ancestors" in message.text or "X-Frame-Options" in message.text
    ):
        tab.evaluate(frame, f"{session['ui']}jobs/")


def test_stop_from_the_panel(owner: Visitor, running: Running, session: dict[str, Any]) -> None:
    page = owner.page
    card = page.locator(f".sn-Sessions-card[data-session='{session['id']}']")
    card.get_by_role("button", name="Stop").click()
    owner.screenshot("ui-03-stop")
    page.locator(".jp-Dialog").get_by_role("button", name="Stop the session").click()
    expect(card).to_have_count(0, timeout=2 * MINUTES)
    owner.screenshot("ui-04-stopped")
    end = time.monotonic() + 60
    pods = ("--namespace", f"user-{OWNER}", "get", "pods", "--selector", "spark-role=executor", "--output", "name")
    while running.platform.target.kubectl(*pods).stdout.split():
        assert time.monotonic() < end
        time.sleep(1)


@pytest.mark.long
def test_the_history_server_shows_it(
    owner: Visitor, running: Running, session: dict[str, Any], tab: Page, artifacts: Path
) -> None:
    past = f"{running.url}/user/{OWNER}/spark-ui/past"
    application = session["application_id"]
    row = tab.locator(f"#history-summary-table a[href*='{application}']").first
    tab.goto(f"{past}/")
    expect(tab.locator("#history-summary-table, h4").first).to_be_visible(timeout=4 * MINUTES)
    end = time.monotonic() + 120
    while not row.is_visible():
        assert time.monotonic() < end, tab.content()
        time.sleep(5)
        tab.goto(f"{past}/", wait_until="networkidle")
    tab.screenshot(path=artifacts / "ui-05-past.png")
    with no_trouble(tab):
        for name in TABS:
            open_tab(tab, f"{past}/history/{application}", name)
            if name == "executors":
                assert executor_ids(tab) == {"driver", "1"}
                tab.screenshot(path=artifacts / "ui-06-past-executors.png")
