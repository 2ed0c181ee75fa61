"""A researcher's first day, an onlooker's, and an administrator's, in a real browser on a real cluster. The tests run in order and share what was saved."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e import lab
from tests.e2e.conftest import Running, Visitor, visit
from tests.e2e.storage import Store

EXAMPLE = ("Welcome", "Flights with Spark.ipynb")
RESEARCHER, ONLOOKER = "ada", "grace"


@pytest.fixture(scope="module")
def researcher(browser: Browser, running: Running, artifacts: Path) -> Iterator[Visitor]:
    with visit(browser, running, artifacts, RESEARCHER) as visitor:
        visitor.open("/")
        visitor.screenshot("01-sign-in")
        visitor.sign_in()
        yield visitor


@pytest.fixture(scope="module")
def store(running: Running) -> Iterator[Store]:
    with Store.of(running.platform) as store:
        yield store


def executors(running: Running, user: str) -> list[str]:
    """The names of the executor pods in a user's workspace."""
    output = running.platform.target.kubectl(
        "--namespace", f"user-{user}", "get", "pods", "--selector", "spark-role=executor", "--output", "name"
    ).stdout
    return output.split()


def test_first_start_shows_progress_and_opens_lab(researcher: Visitor) -> None:
    lab.start_instance(researcher, screenshot="02-starting")
    assert "Welcome" in lab.file_names(researcher.page)
    researcher.screenshot("03-lab")


def test_example_runs_on_two_executors(researcher: Visitor, running: Running, store: Store) -> None:
    page = researcher.page
    lab.open_file(page, *EXAMPLE)
    lab.run_all_cells(page)
    lab.save(page)

    notebook = nbformat.reads(store.read(RESEARCHER, "/".join(EXAMPLE)).decode(), as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    errors = [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert errors == []
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert_delays_match(notebook, store)

    image = page.locator(".jp-Notebook:visible .jp-RenderedImage img")
    image.scroll_into_view_if_needed()
    expect(image).to_be_visible()
    researcher.screenshot("04-plot")
    table = page.locator(".jp-Notebook:visible .jp-RenderedHTMLCommon table").first
    table.scroll_into_view_if_needed()
    expect(table).to_be_visible()
    researcher.screenshot("05-table")


def test_history_shows_what_was_saved(researcher: Visitor) -> None:
    researcher.page.get_by_role("button", name="Show the versions of this file").click()
    versions = researcher.page.get_by_role("region", name="History of a file").get_by_role("listitem")
    expect(versions.first).to_contain_text("current", timeout=30_000)
    expect(versions.nth(1)).to_contain_text("Restore")
    researcher.screenshot("05-history")


def assert_delays_match(notebook: nbformat.NotebookNode, store: Store) -> None:
    """The table that Spark computed equals what pandas computes over the very file that Spark read."""
    shown = pandas.concat(
        pandas.read_html(io.StringIO(output["data"]["text/html"]), index_col=0)[0]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if 'class="dataframe"' in output.get("data", {}).get("text/html", "")
    )
    flights = store.read_frame(RESEARCHER, "data/flights")
    assert len(flights) == 336_776
    expected = flights.groupby(["carrier", "month"])["dep_delay"].mean().unstack().round(1)
    assert shown.shape == expected.shape
    for carrier in expected.index:
        assert shown.loc[carrier].astype(float).tolist() == pytest.approx(expected.loc[carrier].tolist(), nan_ok=True)


BESIDE = """\
from spark_session import get_spark_session
open("written.txt", "w").write("by a cell")
with get_spark_session(executors=2, py_files="helper.py") as spark:
    import helper
    print(helper.NUMBER, set(spark.sparkContext.parallelize(range(8), 8).map(lambda _: __import__("helper").NUMBER).collect()))"""
MISSPELT = """get_spark_session(packages=["polarz==1.*", "org.postgresql:postgresql:42.7.7"])"""


def test_a_module_beside_the_notebook_is_imported_on_executors(researcher: Visitor, store: Store) -> None:
    page = researcher.page
    cells = [nbformat.v4.new_code_cell(source) for source in (BESIDE, MISSPELT)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    store.write(RESEARCHER, "Welcome/beside.ipynb", nbformat.writes(notebook).encode())
    store.write(RESEARCHER, "Welcome/helper.py", b"NUMBER = 42\n")
    lab.open_file(page, "Welcome", "beside.ipynb")
    lab.run_all_cells(page)
    page.locator(".jp-Notebook:visible .jp-OutputArea-output").last.scroll_into_view_if_needed()
    researcher.screenshot("05-beside-the-notebook")
    lab.save(page)
    beside, misspelt = nbformat.reads(store.read(RESEARCHER, "Welcome/beside.ipynb").decode(), as_version=4).cells
    assert "42 {42}" in "".join(output.get("text", "") for output in beside.outputs)
    [error] = [output for output in misspelt.outputs if output.output_type == "error"]
    assert error.ename == "SparkSessionError"
    assert "subprocess" not in "".join(error.traceback)
    assert error.evalue.startswith("polarz==1.* cannot be looked up. pip's index does not answer from here")


def test_stop_and_start_keeps_the_notebook_byte_for_byte(researcher: Visitor, running: Running, store: Store) -> None:
    before = store.read(RESEARCHER, "/".join(EXAMPLE))
    assert store.read(RESEARCHER, "Welcome/written.txt") == b"by a cell"
    # A kernel runs in that folder.
    shell(running, "echo blue > .my-settings; echo written a moment before the end > s3-files/Welcome/last.txt")
    lab.stop_instance(researcher)
    assert executors(running, RESEARCHER) == []
    lab.start_instance(researcher)
    lab.open_file(researcher.page, *EXAMPLE)
    image = researcher.page.locator(".jp-Notebook:visible .jp-RenderedImage img")
    image.scroll_into_view_if_needed()
    expect(image).to_be_visible()
    researcher.screenshot("06-after-restart")
    assert store.read(RESEARCHER, "/".join(EXAMPLE)) == before
    assert store.read(RESEARCHER, "Welcome/last.txt") == b"written a moment before the end\n"
    assert shell(running, "cat .my-settings") == "blue\n"


def shell(running: Running, command: str) -> str:
    """What a command in the researcher's home folder prints."""
    target = running.platform.target
    return target.kubectl("--namespace", f"user-{RESEARCHER}", "exec", "notebook", "--", "sh", "-c", command).stdout


def test_second_user_sees_nothing_of_it(browser: Browser, running: Running, artifacts: Path, store: Store) -> None:
    mark = "only-ada-has-this.txt"
    store.write(RESEARCHER, mark, b"private")
    with visit(browser, running, artifacts, ONLOOKER) as onlooker:
        onlooker.sign_in()
        lab.start_instance(onlooker)
        assert mark not in lab.file_names(onlooker.page)
        onlooker.screenshot("07-second-user")
        response = onlooker.page.request.get(f"{running.url}/user/{RESEARCHER}/api/contents/{mark}")
        assert response.status in (403, 404), response.text()
        assert b"private" not in response.body()
        outside = onlooker.page.request.get(f"{running.url}/user/{ONLOOKER}/api/contents/..%2F{RESEARCHER}%2F{mark}")
        assert outside.status in (400, 404), outside.text()
        lab.stop_instance(onlooker)


def test_admin_stops_and_starts_the_researchers_instance(
    browser: Browser, running: Running, artifacts: Path, researcher: Visitor
) -> None:
    with visit(browser, running, artifacts, running.accounts.admin) as admin:
        admin.sign_in()
        admin.open("/hub/admin")
        row = admin.page.locator("tr", has=admin.page.get_by_text(RESEARCHER, exact=True)).first
        row.get_by_role("button", name="Stop Server").click()
        expect(row.get_by_role("button", name="Start Server")).to_be_visible(timeout=60_000)
        admin.screenshot("08-admin-stopped")
        assert pods(running, RESEARCHER) == []
        row.get_by_role("button", name="Start Server").click()
        started = row.get_by_role("button", name="Stop Server")
        deadline = time.monotonic() + 120
        # The page shows the state of its last load, and the start was only accepted so far.
        while not started.is_visible() and time.monotonic() < deadline:
            time.sleep(1)
            admin.page.reload()
            row.wait_for()
        expect(started).to_be_visible()
        admin.screenshot("09-admin-started")
    assert pods(running, RESEARCHER) == ["pod/notebook"]
    researcher.open(f"/user/{RESEARCHER}/lab")
    lab.wait_for_lab(researcher.page)


def pods(running: Running, user: str) -> list[str]:
    return running.platform.target.kubectl(
        "--namespace", f"user-{user}", "get", "pods", "--output", "name"
    ).stdout.split()


def test_sign_out(researcher: Visitor, running: Running) -> None:
    researcher.open("/hub/logout")
    researcher.open("/hub/home")
    expect(researcher.page.locator("#login_submit")).to_be_visible()
    researcher.screenshot("10-signed-out")
    response = researcher.page.request.get(f"{running.url}/user/{RESEARCHER}/api/contents")
    assert response.status in (401, 403) or "login" in response.url, json.dumps(response.headers)
