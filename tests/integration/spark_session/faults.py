"""What the tests of faults have in common: a script in a notebook pod that goes on when a session is refused."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.notebook_pod import Notebook

QUOTA = {"pods": 4}  # the notebook and three executors

START = """
import json, os, sys, time
from spark_session import SparkSessionError, get_spark_session

PLAIN = os.environ["SPARK_SESSION_CONFIG"]

def administer(**admin):
    config = json.loads(PLAIN)
    defaults = config["SparkSessionDefaults"]
    # Settings that a JVM starts with stay: it can have no others later.
    config["SparkSessionDefaults"] = defaults | admin | {"conf": defaults["conf"] | admin.get("conf", {})}
    os.environ["SPARK_SESSION_CONFIG"] = json.dumps(config)

class Heard:  # standard error, and what it was told
    text = ""
    def __init__(self, stream):
        self._stream = stream
    def __getattr__(self, name):
        return getattr(self._stream, name)
    def write(self, text):
        self.text += text
        return self._stream.write(text)

sys.stderr = heard = Heard(sys.stderr)

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

def wait_until_told(words, seconds=90):
    wait_until(lambda: words in heard.text, seconds)
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


def run_in(notebook: Notebook, code: str) -> subprocess.CompletedProcess[str]:
    """Runs a script in the pod, on top of START; afterwards all executors are gone."""
    result = notebook.run(START + code)
    print(result.stdout, result.stderr)
    notebook.wait_until_executors_are_gone()
    return result


@pytest.fixture
def run(notebook: Notebook) -> Run:
    return partial(run_in, notebook)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(1)
