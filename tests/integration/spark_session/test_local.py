"""A real session on this machine, with a real S3 server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run, run_script

SESSIONS = """
import json, os, subprocess, sys, warnings
from pyspark import SparkContext
from spark_session import SparkSessionError, explain, get_spark_session, rehearsal, s3_home
said = {}

conf = {"spark.sql.shuffle.partitions": 5, "spark.ui.port": 0}
arguments = {"executors": 20, "cores": 4, "memory": "16g", "name": "first", "conf": conf}
spark = get_spark_session(**arguments)
path = s3_home("local", "numbers")
spark.range(1000).write.mode("overwrite").parquet(path)
said["numbers"] = [
    spark.read.parquet(path.replace("s3://", "s3a://")).selectExpr("sum(id)").first()[0],
    spark.sparkContext.parallelize(range(10)).map(lambda x: x * x).sum(),
]
said["names"] = [spark.sparkContext.master, spark.sparkContext.appName, explain().settings["spark.app.name"].text]
said["conf"] = str(spark.sparkContext.getConf().getAll())
listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
said["addresses"] = [
    line.split()[3].rsplit(":", 1)[0].strip("[]").removeprefix("::ffff:")
    for line in listening.splitlines()
    if f"pid={SparkContext._gateway.proc.pid}," in line
]
said["partitions"] = [spark.conf.get("spark.sql.shuffle.partitions")]

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert get_spark_session() is spark
    assert get_spark_session(**arguments) is spark
    said["warnings"] = [len(caught)]
    assert get_spark_session(**arguments | {"executors": 3, "memory": "2g"}) is spark
    said["warnings"] += [str(caught[0].message), caught[0].filename.endswith("script.py")]
spark.stop()

with get_spark_session(name="two", conf={"spark.ui.port": 0}) as spark:
    said["partitions"] += [spark.conf.get("spark.sql.shuffle.partitions"), spark.sparkContext.appName]
    rehearsal.plan_a_query(spark)
    jobs = spark.sparkContext.statusTracker().getJobIdsForGroup(None)
    said["planned"] = [list(jobs), spark.conf.get("spark.sql.adaptive.enabled"), os.path.exists("spark-warehouse")]
try:
    get_spark_session(conf={"spark.driver.memory": "2g"})
except SparkSessionError as error:
    said["error"] = str(error)
print(json.dumps(said))
"""


@dataclass(frozen=True)
class Sessions:
    """What is said by a process that has one session after the other, with the credentials of a file."""

    said: Any
    keys: Sequence[str]
    lines: Sequence[str]
    stderr: str


@pytest.fixture(scope="module")
def sessions(laptop: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Sessions:
    folder = tmp_path_factory.mktemp("sessions")
    variables = {**laptop, "HOME": str(folder), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials")}
    keys = [variables.pop(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    text = f"[default]\naws_access_key_id = {keys[0]}\naws_secret_access_key = {keys[1]}\n"
    (folder / "credentials").write_text(text)
    result = run_script(SESSIONS, variables, folder)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    return Sessions(json.loads(lines[-1]), keys, lines, result.stderr)


def test_a_session_reads_and_writes_s3_under_both_schemes(sessions: Sessions) -> None:
    assert sessions.said["numbers"] == [499500, 285]
    assert sessions.said["names"] == ["local[*]", "first", "first"]


def test_credentials_from_a_file_are_in_no_setting(sessions: Sessions) -> None:
    assert "spark.master" in sessions.said["conf"]
    assert not any(key in sessions.said["conf"] for key in sessions.keys)


def test_nothing_listens_to_the_network(sessions: Sessions) -> None:
    assert set(sessions.said["addresses"]) == {"127.0.0.1"}


def test_the_driver_says_nothing_while_all_is_well(sessions: Sessions) -> None:
    assert len(sessions.lines) == 1
    warned = [line for line in sessions.stderr.splitlines() if "WARN" in line and "incubator modules" not in line]
    assert warned == []


def test_a_second_call_gets_the_same_session_and_says_what_differs(sessions: Sessions) -> None:
    count, message, names_the_caller = sessions.said["warnings"]
    assert count == 0
    assert "differs in executors, memory" in message
    assert names_the_caller


def test_a_session_after_a_session_has_nothing_of_the_first(sessions: Sessions) -> None:
    assert sessions.said["partitions"] == ["5", "200", "two"]
    assert sessions.said["error"].startswith("spark.driver.memory cannot change now.")
    assert "Restart the kernel" in sessions.said["error"]


def test_a_query_that_is_only_planned_runs_no_job_and_leaves_nothing(sessions: Sessions) -> None:
    assert sessions.said["planned"] == [[], "true", False]


@pytest.mark.long
def test_a_session_of_somebody_else_is_left_alone(run: Run) -> None:
    result = run("""
from pyspark.sql import SparkSession
from spark_session import SparkSessionError, get_spark_session
other = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
try:
    get_spark_session()
except SparkSessionError as error:
    print(error)
print(other.range(3).count())
""")
    assert result.returncode == 0, result.stderr
    error, count = result.stdout.splitlines()
    assert "get_spark_session did not start" in error
    assert count == "3"


def test_the_command_of_the_driver_is_the_launchers(run: Run) -> None:
    result = run("""
import os, subprocess
from pathlib import Path
from pyspark.find_spark_home import _find_spark_home
from spark_session import jvm
home = Path(_find_spark_home())
ours = jvm.command(jvm.find_installation(os.environ, home), {"spark.driver.memory": "3g"})
# In place of the driver's Java, one that writes down what Spark's scripts call it with; the launcher needs the real one.
real = subprocess.run(["which", "java"], capture_output=True, text=True, check=True).stdout.strip()
fake = Path("fake/bin/java")
fake.parent.mkdir(parents=True)
fake.write_text(f'''#!/bin/sh
case "$*" in *org.apache.spark.launcher.Main*) exec {os.environ.get("JAVA_HOME", "") and os.environ["JAVA_HOME"] + "/bin/java" or real} "$@" ;; esac
for word; do printf "%s\\\\n" "$word"; done
''')
fake.chmod(0o755)
theirs = subprocess.run([home / "bin" / "spark-submit", "--conf", "spark.driver.memory=3g", "pyspark-shell"],
    env={**os.environ, "JAVA_HOME": str(Path("fake").absolute())}, capture_output=True, text=True).stdout.splitlines()
print([word for word in ours[1:] if word not in jvm.COMPILER_OPTIONS + jvm.MEMORY_OPTIONS] == theirs)
print(ours, theirs)
""")
    assert result.stdout.splitlines()[0] == "True", result.stdout + result.stderr


def test_without_java_the_error_says_so(run: Run, variables: dict[str, str], tmp_path: Path) -> None:
    variables["JAVA_HOME"] = str(tmp_path)
    result = run("""
from spark_session import SparkSessionError, get_spark_session
try:
    get_spark_session()
except SparkSessionError as error:
    print(error)
""")
    assert "Spark needs Java 17 or later" in result.stdout, result.stderr


@pytest.mark.long
def test_a_session_comes_after_whatever_went_wrong_before(run: Run) -> None:
    """A start that was interrupted leaves no JVM, a setting that Spark refuses is explained, a driver that died is named and replaced."""
    result = run("""
import json, os, signal, subprocess, threading, time
from pyspark import SparkContext
from spark_session import SparkSessionError, get_spark_session
said = {}

def drivers():
    return subprocess.run(["pgrep", "-P", str(os.getpid()), "java"], capture_output=True, text=True).stdout.split()

def interrupt():
    while not drivers():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt).start()
try:
    get_spark_session()
except KeyboardInterrupt:
    said["after the interrupt"] = drivers()

try:
    get_spark_session(conf={"spark.serializer": "no.such.Class"})
except SparkSessionError as error:
    said["refused"] = str(error)
said["after the refusal"] = get_spark_session().range(3).count()

process = SparkContext._gateway.proc
os.kill(process.pid, signal.SIGKILL)
process.wait()
said["after the death"] = get_spark_session().range(7).count()
print(json.dumps(said))
""")
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    assert said["after the interrupt"] == []
    assert said["refused"].startswith("Spark did not start. ")
    assert "no.such.Class" in said["refused"]
    assert said["after the refusal"] == 3
    assert "exit code 137" in result.stderr
    assert "A new session takes its place." in result.stderr
    assert said["after the death"] == 7


@pytest.mark.long
@pytest.mark.parametrize(
    "end",
    [
        pytest.param(signal.SIGKILL, id="killed"),
        pytest.param(signal.SIGTERM, id="terminated", marks=pytest.mark.soak),
        pytest.param(None, id="ends"),
    ],
)
def test_the_driver_goes_with_its_process(
    variables: dict[str, str], tmp_path: Path, end: signal.Signals | None
) -> None:
    code = """
import sys
from pyspark import SparkContext
from spark_session import get_spark_session
get_spark_session()
print(SparkContext._gateway.proc.pid, flush=True)
sys.stdin.readline()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=variables,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        driver = int(process.stdout.readline())
        if end is None:
            process.stdin.write("\n")
            process.stdin.close()
        else:
            process.send_signal(end)
        process.wait(60)
    deadline = time.monotonic() + 30
    while is_alive(driver) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not is_alive(driver)
    assert list(tmp_path.glob("**/spark-session-*")) == []


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
