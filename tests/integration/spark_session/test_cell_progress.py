"""Progress under the cells of a notebook that runs without a browser, as nbconvert and papermill run it."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

pytestmark = pytest.mark.long

START = """
import time
from spark_session import get_spark_session
spark = get_spark_session({arguments})
"""
SLOW = "spark.sparkContext.parallelize(range(4), 4).map(lambda x: time.sleep(3) or x).sum()"


CELLS = {
    "start": START.format(arguments=""),
    "slow": SLOW,
    "idle": "time.sleep(3)",
    "stop": "spark.stop()",
    "after": "time.sleep(3)",
    "start without": START.format(arguments='conf={"spark.notebooks.cellProgress": False}'),
    "turned off by the call": SLOW,
    "administrator": """
spark.stop()
import os
os.environ["SPARK_SESSION_CONFIG"] = '{"SparkSessionDefaults": {"cell_progress": false}}'
""",
    "start as the administrator wants": START.format(arguments=""),
    "turned off by the administrator": SLOW,
}


@pytest.fixture(scope="module")
def cells(laptop: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, nbformat.NotebookNode]:
    """The cells of a notebook that has one session after the other, with their outputs."""
    folder = tmp_path_factory.mktemp("cells")
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in CELLS.values()])
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute(env={**laptop, "HOME": str(folder)})
    return dict(zip(CELLS, notebook.cells, strict=True))


def progress(cell: nbformat.NotebookNode) -> list[str]:
    return [
        output.data["text/plain"]
        for output in cell.outputs
        if output.output_type == "display_data" and output.data["text/plain"].startswith("Spark: ")
    ]


def test_one_line_stays_under_a_cell_with_jobs_and_nothing_under_others(
    cells: dict[str, nbformat.NotebookNode],
) -> None:
    slow = cells["slow"]
    (line,) = progress(slow)
    assert "1 job · 1 stage · 4 tasks" in line
    assert [output.output_type for output in slow.outputs] == ["display_data", "execute_result"]
    assert slow.outputs[-1].data["text/plain"] == "6"
    assert "<progress" not in slow.outputs[0].data["text/html"]
    assert progress(cells["idle"]) == progress(cells["after"]) == []


@pytest.mark.parametrize("who", ["call", "administrator"])
def test_one_setting_turns_it_off(cells: dict[str, nbformat.NotebookNode], who: str) -> None:
    (result,) = cells[f"turned off by the {who}"].outputs
    assert result.data["text/plain"] == "6"
