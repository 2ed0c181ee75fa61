"""The example notebook, run as a person runs it on a laptop."""

from __future__ import annotations

import io
from copy import deepcopy
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pandas
import pytest
import s3fs
from nbclient import NotebookClient

from dev.paths import REPOSITORY
from dev.s3_server import S3Server

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


def test_the_numbers_are_those_of_pandas(
    variables: dict[str, str], s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    variables["IPYTHONDIR"] = str(tmp_path / "ipython")
    variables["SPARK_NOTEBOOKS_S3_HOME"] = "s3://notebooks/users/example"
    variables["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    notebook = execute(variables)

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
