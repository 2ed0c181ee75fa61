"""What the tests of faults have in common: a script in a notebook pod that goes on when a session is refused."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.notebook_pod import Notebook

QUOTA = {"pods": 4}  # the notebook and three executors

START = """
import json, os, sys, time
config = json.loads(os.environ["SPARK_SESSION_CONFIG"])
config["SparkSessionDefaults"] |= json.loads({admin!r})
os.environ["SPARK_SESSION_CONFIG"] = json.dumps(config)
from spark_session import SparkSessionError, get_spark_session

def start(**arguments):
    try:
        return get_spark_session(**arguments)
    except SparkSessionError as error:
        print(error)
        sys.exit()

def executors(spark):
    return spark.sparkContext._jsc.sc().getExecutorIds().size()

def wait_until(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(notebook: Notebook) -> Iterator[Run]:
    """Runs a script in the pod, on top of START, with more settings of the administrator; in the end all executors are gone."""

    def run_code(code: str, admin: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        result = notebook.run(START.format(admin=json.dumps(admin or {})) + code)
        print(result.stdout, result.stderr)
        return result

    yield run_code
    notebook.wait_until_executors_are_gone()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(1)
