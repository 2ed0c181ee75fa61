"""An application of the JVM as a job runs it: by a real JVM with local Spark, its jars on a real S3 server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pyspark
import pytest
from spark_session.batch import s3
from spark_session.batch.code import Code, copy_of

from dev.s3_server import S3Server
from dev.toolchain import ensure_programs
from tests.support.jars import APPLICATION, HELPER, compiled, jar

HOME = "s3://notebooks/users/ada"
PROGRAM = (
    "import pathlib, sys; from spark_session.batch import run_jar; "
    "sys.exit(run_jar.main(sys.argv[2:], pathlib.Path(sys.argv[1])))"
)

pytestmark = pytest.mark.long

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def jars(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    ensure_programs("java")
    class_path = os.pathsep.join(map(str, (Path(pyspark.__file__).parent / "jars").glob("*.jar")))
    folder = tmp_path_factory.mktemp("java")
    (folder / "b").mkdir()
    return {
        "app.jar": jar(compiled(folder, "Main", APPLICATION, class_path), "com.example.Main"),
        "helper, of (1).jar": jar(compiled(folder / "b", "Helper", HELPER, class_path)),
    }


@pytest.fixture
def start(
    s3_server: S3Server, laptop: dict[str, str], jars: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    # No API server answers here; there is nothing to clear away either.
    pod = {
        **laptop, "POD_NAMESPACE": "x", "POD_UID": "x", "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "9",
        "SPARK_SESSION_RECORDS": str(tmp_path / "records"), "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path),
        "SPARK_NOTEBOOKS_JOB_MEMORY": "2Gi", "SPARK_SESSION_CONFIG": json.dumps({"SparkSessionDefaults": {"conf": {"spark.sql.shuffle.partitions": 3}}}),
    }  # fmt: skip
    made: list[subprocess.Popen[str]] = []
    copies: dict[str, Code] = {}
    for name, content in jars.items():
        copies[name] = copy_of(HOME, name, content)
        s3.write(copies[name].url, content, "")
    app, helper = copies.values()
    along = json.dumps({"jars": [[helper.digest, "helper, of (1).jar"]], "packages": []})

    def begin(*arguments: str, digest: str = app.digest) -> subprocess.Popen[str]:
        words = [str(tmp_path / "words"), app.url, digest, along, "com.example.Main", *arguments]
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=pod, start_new_session=True,
        )  # fmt: skip
        made.append(process)
        return process

    yield begin
    for process in made:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its JVM, too
        process.wait()


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    print(out, err)
    return process.returncode, out, err


def test_an_application_has_the_session_of_a_script_and_what_it_brings_along(start: Start) -> None:
    settings = ("spark.app.name", "spark.driver.memory", "spark.sql.shuffle.partitions", "spark.ui.showConsoleProgress")
    first, second = start("helper"), start("setting", *settings)
    code, out, _ = end(first)
    assert (code, out) == (0, "counted 1000 [helper]\nof another jar\n")
    code, out, _ = end(second)
    assert code == 0
    assert out.splitlines()[1:] == [
        "spark.app.name app", "spark.driver.memory 1536m", "spark.sql.shuffle.partitions 3", "spark.ui.showConsoleProgress false",
        "refusals WARN",
    ]  # fmt: skip


def test_its_exit_code_is_the_jobs(start: Start) -> None:
    chosen, thrown, changed = start("exit", "3"), start("throw"), start("count", digest="00")
    assert end(chosen)[0] == 3
    code, out, err = end(thrown)
    assert (code, out) == (1, "")
    assert "IllegalStateException: no such day" in err
    code, out, err = end(changed)
    assert (code, out) == (75, "")
    assert "script was changed" in err


def test_it_reads_and_writes_s3_and_ends_when_it_is_asked_to(start: Start) -> None:
    sleeping, writing = start("sleep"), start("write", f"{HOME}/made by a jar")
    assert sleeping.stdout is not None
    assert sleeping.stdout.readline() == "begins\n"
    sleeping.send_signal(signal.SIGTERM)
    assert end(sleeping)[0] == 143
    code, out, _ = end(writing)
    assert (code, out.splitlines()[1:]) == (0, ["read 10"])
