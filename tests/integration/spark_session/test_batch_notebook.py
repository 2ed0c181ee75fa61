"""A notebook as a job runs it: by a real kernel, what came of it on a real S3 server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from spark_session.batch import s3
from spark_session.batch.code import copy_of, upload
from spark_session.batch.source import find

from dev.s3_server import S3Server

pytestmark = pytest.mark.long

HOME = "s3://notebooks/users/ada"
PROGRAM = (
    "import pathlib, sys; from spark_session.batch import run_notebook; "
    "sys.exit(run_notebook.main(sys.argv[2:], pathlib.Path(sys.argv[1])))"
)


def cell(source: str, **metadata: Any) -> dict[str, Any]:
    return {
        "cell_type": "code", "id": f"c{abs(hash(source))}", "source": source, "metadata": metadata, "outputs": [], "execution_count": None
    }  # fmt: skip


# The kernel of the machine that it was written on is another one.
ELSEWHERE = {"kernelspec": {"name": "conda-mine", "language": "python", "display_name": "mine"}}


@dataclass
class Run:
    """A notebook that runs as a job."""

    process: subprocess.Popen[str]
    folder: str
    last_words: Path

    def end(self) -> tuple[int, str, str, str]:
        """Exit code, standard output, standard error and last words."""
        out, err = self.process.communicate(timeout=60)
        print(err)
        words = self.last_words.read_text() if self.last_words.exists() else ""
        return self.process.returncode, out, err, words

    def saved(self, err: str) -> list[dict[str, Any]]:
        """Code cells of the executed notebook."""
        [url] = [line.rpartition(" ")[2] for line in err.splitlines() if line.startswith("The executed notebook is ")]
        assert url.startswith(f"{self.folder}/report/20")
        assert url.endswith(f"-{self.last_words.name}.ipynb")
        cells: list[dict[str, Any]] = json.loads(s3.read(url, ""))["cells"]
        return [each for each in cells if each["cell_type"] == "code"]


@pytest.fixture
def start(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    # No API server answers here; there is nothing to clear away either.
    pod = {
        "SPARK_NOTEBOOKS_S3_HOME": HOME, "POD_NAMESPACE": "x", "POD_UID": "x",
        "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "9", "SPARK_SESSION_RECORDS": str(tmp_path / "records"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }  # fmt: skip
    made: list[Run] = []

    def begin(*cells: dict[str, Any], folder: str = f"{HOME}/work", parameters: dict[str, Any] | None = None) -> Run:
        content = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": ELSEWHERE, "cells": cells}).encode()
        code = copy_of(HOME, "report.ipynb", content)
        upload(code, content)
        words = tmp_path / f"job-{len(made)}"
        command = [
            sys.executable,
            "-c",
            PROGRAM,
            str(words),
            code.url,
            code.digest,
            folder,
            json.dumps(parameters or {}),
        ]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **pod, "SPARK_NOTEBOOKS_JOB": words.name},
        )
        made.append(Run(process, folder, words))
        return made[-1]

    yield begin
    for run in made:
        run.process.kill()
        run.process.wait()


def test_notebooks_run_with_their_parameters_and_are_saved_however_they_end(start: Any) -> None:
    # All at once: a kernel takes seconds to start.
    good = start(
        cell("day, n = 'x', 1", tags=["parameters"]),
        cell("import os, sys\nprint(day, n)\nprint('aside', file=sys.stderr)\nos.environ['SPARK_NOTEBOOKS_NOTEBOOK']"),
        parameters={"day": "2013-01-01", "n": 3},
    )
    bad = start(cell("print('before')"), cell("\nvalue = 1 / 0\nprint(value)"), cell("print('never')"))
    asked = start(cell("import sys; sys.exit(75)"))
    killed = start(cell("import os; os.kill(os.getpid(), 9)"), folder="s3://nobodys-bucket")

    code, out, err, words = good.end()
    assert (code, out, words) == (0, "2013-01-01 3\n'work/report.ipynb'\n", "")
    # Nothing but what its cells say, where it is saved, and that there is no Kubernetes here.
    assert [line.split()[0] for line in err.splitlines()] == ["aside", "The", "The"], err
    assert [each["execution_count"] for each in good.saved(err)] == [1, 2, 3]

    code, out, err, words = bad.end()
    assert (code, out) == (1, "before\n")
    assert words == "Cell In [2] failed, 'value = 1 / 0': ZeroDivisionError: division by zero"
    assert "Traceback" in err
    assert "\x1b" not in err
    ran = bad.saved(err)
    assert [each["execution_count"] for each in ran] == [1, 2, None]
    assert ran[1]["outputs"][-1]["ename"] == "ZeroDivisionError"

    assert asked.end()[0] == 75

    code, _, err, words = killed.end()
    assert code == 137
    assert "its Python died, most often because it used more memory than there is" in words
    assert "The executed notebook cannot be saved." in words
    assert "The executed notebook cannot be saved." in err


def test_one_that_is_asked_to_end_is_saved_as_far_as_it_came(start: Any) -> None:
    running = start(cell("import time"), cell("print('begins', flush=True)\ntime.sleep(600)"))
    # What a cell prints is to be seen when it prints it.
    assert running.process.stdout.readline() == "begins\n"
    asked = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    code, _, err, words = running.end()
    assert time.monotonic() - asked < 30  # what Kubernetes gives a pod
    assert code == 143
    assert words == """Something asked it to end (SIGTERM) in cell In [2], "print('begins', flush=True)"."""
    assert running.saved(err)[1]["outputs"][0]["text"] == ["begins\n"]


def test_a_notebook_is_found_where_jupyterlab_shows_it(start: Any) -> None:
    s3.write(f"{HOME}/work/report.ipynb", b"{}", "")
    assert find("work/report.ipynb", HOME, None).folder == f"{HOME}/work"
    assert find("report.ipynb", HOME, f"{HOME}/work").content == b"{}"
    assert s3.find(f"{HOME}/nowhere.ipynb", "") is None
