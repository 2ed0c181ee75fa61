"""The example notebook, run as a person runs it on a laptop, in a notebook's pod, and as a job at its time."""

from __future__ import annotations

import io
import json
import re
import time
from copy import deepcopy
from html.parser import HTMLParser

import nbformat
import pandas
import pytest
import s3fs
from nbclient import NotebookClient

from cluster import Cluster
from dev.paths import REPOSITORY
from dev.s3_server import S3Server
from tests.support.notebook_pod import Notebook, notebook_with_s3

from .test_submit import BEGIN

pytestmark = pytest.mark.long

EXAMPLE = REPOSITORY / "notebook-image" / "examples" / "Flights with Spark.ipynb"


def execute(variables: dict[str, str]) -> nbformat.NotebookNode:
    """Runs all cells, and then all of them again: those have "-again" in the end of their names."""
    notebook = nbformat.read(EXAMPLE, as_version=4)
    again = deepcopy(notebook.cells)
    for cell in again:
        cell.id += "-again"
    notebook.cells += again
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute(env=variables)
    return notebook


def outputs(notebook: nbformat.NotebookNode, cell_id: str) -> list[nbformat.NotebookNode]:
    (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
    return list(cell.outputs)


def shown(notebook: nbformat.NotebookNode, cell_id: str, media_type: str) -> str:
    """The one result of a cell that is shown as this media type, beside the progress of Spark."""
    (content,) = [
        output.data[media_type]
        for output in outputs(notebook, cell_id)
        if media_type in output.get("data", {}) and not output.data.get("text/plain", "").startswith("Spark: ")
    ]
    return str(content)


class TableReader(HTMLParser):
    """Collects the rows of a table's body."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td") and self.rows:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def read_table(page: str) -> dict[str, list[float]]:
    """The numbers of each row of a table that pandas wrote, by the row's name."""
    reader = TableReader()
    reader.feed(page.partition("<tbody>")[2])
    return {name: [float(cell) for cell in cells] for name, *cells in reader.rows}


def printed(notebook: nbformat.NotebookNode, cell_id: str) -> str:
    return "".join(output.text for output in outputs(notebook, cell_id) if output.get("name") == "stdout").strip()


def test_the_example_is_stored_without_outputs() -> None:
    notebook = nbformat.read(EXAMPLE, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@pytest.fixture(scope="module")
def on_a_laptop(laptop: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    folder = tmp_path_factory.mktemp("laptop")
    more = {
        "HOME": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "SPARK_NOTEBOOKS_S3_HOME": "s3://notebooks/users/example",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    return execute({**laptop, **more})


def test_the_numbers_are_those_of_pandas(
    on_a_laptop: nbformat.NotebookNode, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = on_a_laptop
    path = "s3://notebooks/users/example/data/flights.parquet"
    assert printed(notebook, "data") == f"Stored: {path}"
    assert printed(notebook, "session") == "336,776 flights"

    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    flights = pandas.read_parquet(io.BytesIO(s3fs.S3FileSystem(skip_instance_cache=True).cat(path)))
    assert len(flights) == 336_776
    expected = flights.groupby(["carrier", "month"])["dep_delay"].mean().unstack().round(1)
    page = shown(notebook, "table", "text/html")
    rows = read_table(page)
    assert list(rows) == list(expected.index)
    for carrier, means in rows.items():
        assert means == pytest.approx(expected.loc[carrier].tolist(), nan_ok=True)
    assert len(shown(notebook, "plot", "image/png")) > 10_000

    assert printed(notebook, "data-again") == f"Already there: {path}"
    assert shown(notebook, "table-again", "text/html") == page


IN_POD = f"""{BEGIN}
import re
import botocore.session
s3 = botocore.session.get_session().create_client("s3")
bucket, home = os.environ["SPARK_NOTEBOOKS_S3_HOME"].removeprefix("s3://").split("/", 1)
example = {EXAMPLE.read_text(encoding="utf-8")!r}

def read(key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
"""
IN_KERNEL = """
Path("example.ipynb").write_text(example)
done = subprocess.run(["jupyter", "execute", "--output=/tmp/done.ipynb", "example.ipynb"], capture_output=True, text=True)
assert done.returncode == 0, done.stderr
answer(notebook=Path("/tmp/done.ipynb").read_text())
"""
SCHEDULE = """
from spark_session import schedule
s3.put_object(Bucket=bucket, Key=f"{home}/work/example.ipynb", Body=example.encode())
schedule("work/example.ipynb", "* * * * *", overlap="forbid", driver_memory="2g")
answer()
"""


def test_in_a_notebook_and_as_a_scheduled_job_it_gives_the_same(
    on_a_laptop: nbformat.NotebookNode, node: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("s3")
    with notebook_with_s3(node, folder, "test-example", {"pods": 8}, {"max_executors": 4}) as pod:
        in_kernel = answer(pod, IN_KERNEL)
        answer(pod, SCHEDULE)
        key = executed(pod)
        at_its_time = answer(pod, f"answer(notebook=read({key!r}))")
    for found in (in_kernel, at_its_time):
        ran = nbformat.reads(found["notebook"], as_version=4)
        assert printed(ran, "session") == printed(on_a_laptop, "session")
        assert shown(ran, "table", "text/html") == shown(on_a_laptop, "table", "text/html")
        assert len(shown(ran, "plot", "image/png")) > 10_000


def answer(pod: Notebook, code: str) -> dict[str, str]:
    result = pod.run(IN_POD + code)
    assert result.returncode == 0, (result.stdout, result.stderr)
    found: dict[str, str] = json.loads(result.stdout.splitlines()[-1])
    return found


def executed(pod: Notebook) -> str:
    """The key of the notebook that the schedule's first run has left."""
    deadline = time.monotonic() + 300
    while not (jobs := pod.kubectl("get", "jobs", "--output=name").split()):
        assert time.monotonic() < deadline, pod.kubectl("get", "cronjobs,events")
        time.sleep(1)
    pod.kubectl("wait", "--for=condition=Complete", jobs[0], "--timeout=300s")
    log = pod.kubectl("logs", jobs[0], "--container=job")
    told = re.search(r"The executed notebook is s3://[^/]+/(\S+\.ipynb)", log)
    assert told is not None, log
    return told[1]
