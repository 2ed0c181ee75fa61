"""What is known of a notebook before it runs, and where what came of it is saved."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from spark_session.batch.execute import exit_code
from spark_session.batch.notebook import check, parse_parameter
from spark_session.batch.run_notebook import address, variables
from spark_session.errors import SparkSessionError, TryAgainError


def notebook(source: str | None = "day = '2013-01-01'\nn: int = 1\na, b = 1, 2", **more: Any) -> bytes:
    """With a cell of parameters, unless there is no source."""
    tagged = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": source}
    cells = [{"cell_type": "markdown", "source": "# Report"}, *([] if source is None else [tagged])]
    return json.dumps({"nbformat": 4, "metadata": {}, "cells": cells, **more}).encode()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3), ("0.5", 0.5), ("1e3", 1000.0), ("true", True), ("True", True), ("null", None), ("None", None),
        ("[1, 2]", [1, 2]), ('"3"', "3"),
        # What YAML would make a day, a number or a boolean of.
        ("2013-01-01", "2013-01-01"), ("007", "007"), ("NO", "NO"), ("NaN", "NaN"), ("1_000", "1_000"), ("", ""), ("a=b", "a=b"),
    ],
)  # fmt: skip
def test_a_value_is_what_json_or_python_takes_it_for_and_else_text(text: str, value: object) -> None:
    name, found = parse_parameter(f"x={text}")
    assert (name, found, type(found)) == ("x", value, type(value))


@pytest.mark.parametrize("text", ["day", "=3", ""])
def test_a_parameter_has_a_name(text: str) -> None:
    with pytest.raises(SparkSessionError, match="is not a parameter"):
        parse_parameter(text)


def test_parameters_are_those_that_the_tagged_cell_sets() -> None:
    assert json.loads(check("a.ipynb", notebook(), {"n": 3, "b": [1, None], "day": "x"})) == {"n": 3, "b": [1, None], "day": "x"}  # fmt: skip
    assert check("a.ipynb", notebook("%matplotlib inline\nn = 1"), {"n": 3}) == '{"n": 3}'


def test_a_notebook_without_parameters_needs_no_such_cell() -> None:
    assert check("a.ipynb", notebook(None), {}) == "{}"


@pytest.mark.parametrize(
    ("content", "parameters", "words"),
    [
        (b"{", {}, "is no notebook that can be run"),
        (b"[]", {}, "is no notebook that can be run"),
        (notebook(nbformat=3), {}, "is no notebook that can be run"),
        (notebook(metadata={"kernelspec": {"language": "R"}}), {}, "Its language is r, and jobs run Python."),
        (notebook(None), {"n": 1}, 'No cell of it is tagged "parameters".'),
        (notebook(), {"m": 1}, 'Its cell tagged "parameters" sets day, n, a, b.'),
        (notebook("n ="), {"n": 1}, "is no Python"),
        (notebook(), {"day": datetime(2013, 1, 1, tzinfo=UTC)}, "Give anything else as text"),
        (notebook(), {"n": float("nan")}, "Give anything else as text"),
    ],
)
def test_what_cannot_be_run_is_named(content: bytes, parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(SparkSessionError) as caught:
        check("a.ipynb", content, parameters)
    assert words in str(caught.value)


def test_what_came_of_it_is_in_a_folder_beside_it() -> None:
    now = datetime(2026, 11, 21, 16, 30, tzinfo=UTC)
    assert address("s3://n/ada/work", "my.report.ipynb", "my-report-1", now) == (
        "s3://n/ada/work/my.report/2026-11-21T16-30-00-my-report-1.ipynb"
    )


def test_the_kernel_knows_its_notebook_as_in_jupyterlab() -> None:
    ours = {"SPARK_NOTEBOOKS_S3_HOME": "s3://n/ada/"}
    assert variables(ours, "s3://n/ada/work", "a.ipynb")["SPARK_NOTEBOOKS_NOTEBOOK"] == "work/a.ipynb"
    assert variables(ours, "s3://n/ada", "a.ipynb")["SPARK_NOTEBOOKS_NOTEBOOK"] == "a.ipynb"
    assert variables(ours, "s3://n/ada2", "a.ipynb").keys() == {"JPY_SESSION_NAME", "SPARK_SESSION_UNATTENDED"}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("SystemExit", "3", 3),
        ("SystemExit", "0", 0),
        ("SystemExit", "999", 255),
        ("SystemExit", "no such day", 1),
        ("ZeroDivisionError", "division by zero", 1),
        ("SparkSessionError", "A rule of your platform refuses these executors.", 1),
        (TryAgainError.__name__, "No executor came within 600 s.", 75),
    ],
)
def test_the_exit_code_of_a_notebook_is_what_its_cell_says(name: str, value: str, code: int) -> None:
    assert exit_code(name, value) == code
