"""Progress under the cells of a notebook that runs without a browser, as nbconvert and papermill run it."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

START = """
import time
from spark_session import get_spark_session
spark = get_spark_session({arguments})
"""
SLOW = "spark.sparkContext.parallelize(range(4), 4).map(lambda x: time.sleep(3) or x).sum()"


def execute(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, folder: Path, *cells: str
) -> nbformat.NotebookNode:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return notebook


def progress(cell: nbformat.NotebookNode) -> list[str]:
    return [
        output.data["text/plain"]
        for output in cell.outputs
        if output.output_type == "display_data" and output.data["text/plain"].startswith("Spark: ")
    ]


def test_one_line_stays_under_a_cell_with_jobs_and_nothing_under_others(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cells = (START.format(arguments=""), SLOW, "time.sleep(3)", "spark.stop()", "time.sleep(3)")
    notebook = execute(variables, monkeypatch, tmp_path, *cells)
    _, slow, idle, _, after = notebook.cells
    (line,) = progress(slow)
    assert "1 job · 1 stage · 4 tasks" in line
    assert [output.output_type for output in slow.outputs] == ["display_data", "execute_result"]
    assert slow.outputs[-1].data["text/plain"] == "6"
    assert "<progress" not in slow.outputs[0].data["text/html"]
    assert progress(idle) == progress(after) == []


@pytest.mark.parametrize("how", ["call", "administrator"])
def test_one_setting_turns_it_off(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    arguments = 'conf={"spark.notebooks.cellProgress": False}' if how == "call" else ""
    if how == "administrator":
        variables["SPARK_SESSION_CONFIG"] = '{"SparkSessionDefaults": {"cell_progress": false}}'
    notebook = execute(variables, monkeypatch, tmp_path, START.format(arguments=arguments), SLOW)
    assert progress(notebook.cells[1]) == []
