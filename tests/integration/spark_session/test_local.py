"""A real session on this machine, with a real S3 server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import Run


def test_a_session_reads_and_writes_s3_under_both_schemes(run: Run) -> None:
    result = run("""
from spark_session import get_spark_session, s3_home, explain
spark = get_spark_session(executors=20, cores=4, memory="16g", name="first")
path = s3_home("local", "numbers")
spark.range(1000).write.mode("overwrite").parquet(path)
print(spark.read.parquet(path.replace("s3://", "s3a://")).selectExpr("sum(id)").first()[0])
print(spark.sparkContext.parallelize(range(10)).map(lambda x: x * x).sum())
print(spark.sparkContext.master, spark.sparkContext.appName)
print(explain().settings["spark.app.name"].text)
""")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["499500", "285", "local[*] first", "first"]


def test_credentials_from_a_file(run: Run, variables: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    keys = [variables.pop(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    file.write_text(f"[default]\naws_access_key_id = {keys[0]}\naws_secret_access_key = {keys[1]}\n")
    variables["AWS_SHARED_CREDENTIALS_FILE"] = str(file)
    result = run("""
from spark_session import get_spark_session, s3_home
spark = get_spark_session()
spark.range(10).write.mode("overwrite").parquet(s3_home("by-file"))
print(spark.read.parquet(s3_home("by-file")).count())
print(any(key in str(spark.sparkContext.getConf().getAll()) for key in open("credentials").read().split()[3::3]))
""")
    assert result.stdout.splitlines() == ["10", "False"], result.stderr


def test_nothing_listens_to_the_network(run: Run) -> None:
    result = run("""
import subprocess
from pyspark import SparkContext
from spark_session import get_spark_session
spark = get_spark_session()
pid = SparkContext._gateway.proc.pid
for line in subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.splitlines():
    if f"pid={pid}," in line:
        print(line.split()[3].rsplit(":", 1)[0].strip("[]").removeprefix("::ffff:"))
""")
    assert result.returncode == 0, result.stderr
    assert set(result.stdout.split()) == {"127.0.0.1"}


def test_the_driver_says_nothing_while_all_is_well(run: Run) -> None:
    result = run("""
from spark_session import get_spark_session
print(get_spark_session(conf={"spark.ui.port": 0}).range(10).count())
""")
    assert result.stdout == "10\n"
    assert [line for line in result.stderr.splitlines() if "WARN" in line and "incubator modules" not in line] == []


def test_a_second_call_gets_the_same_session_and_says_what_differs(run: Run) -> None:
    result = run("""
import warnings
from spark_session import get_spark_session
spark = get_spark_session(executors=2)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert get_spark_session() is spark
    assert get_spark_session(executors=2) is spark
    print(len(caught))
    assert get_spark_session(executors=3, memory="2g") is spark
    print(caught[0].message, caught[0].filename.endswith("script.py"))
""")
    assert result.returncode == 0, result.stderr
    count, message = result.stdout.splitlines()
    assert count == "0"
    assert "differs in executors, memory" in message
    assert message.endswith("True")


def test_a_session_after_a_session_has_nothing_of_the_first(run: Run) -> None:
    result = run("""
from spark_session import SparkSessionError, get_spark_session
with get_spark_session(name="one", conf={"spark.sql.shuffle.partitions": 5}) as spark:
    print(spark.conf.get("spark.sql.shuffle.partitions"))
spark = get_spark_session(name="two")
print(spark.conf.get("spark.sql.shuffle.partitions"), spark.sparkContext.appName)
spark.stop()
try:
    get_spark_session(conf={"spark.driver.memory": "2g"})
except SparkSessionError as error:
    print(error)
""")
    assert result.returncode == 0, result.stderr
    first, second, error = result.stdout.splitlines()
    assert (first, second) == ("5", "200 two")
    assert error.startswith("spark.driver.memory cannot change now.")
    assert "Restart the kernel" in error


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


def test_a_driver_that_died_is_named_and_replaced(run: Run) -> None:
    result = run("""
import os, signal
from pyspark import SparkContext
from spark_session import get_spark_session
get_spark_session()
process = SparkContext._gateway.proc
os.kill(process.pid, signal.SIGKILL)
process.wait()
print(get_spark_session().range(7).count())
""")
    assert result.stdout == "7\n", result.stderr
    assert "exit code 137" in result.stderr
    assert "A new session takes its place." in result.stderr


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
print([word for word in ours[1:] if word not in jvm.COMPILER_OPTIONS] == theirs)
print(ours, theirs)
""")
    assert result.stdout.splitlines()[0] == "True", result.stdout + result.stderr


def test_an_interrupted_start_leaves_no_jvm_and_the_next_call_works(run: Run) -> None:
    result = run("""
import os, signal, subprocess, threading, time
from spark_session import get_spark_session

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
    print(drivers())
print(get_spark_session().range(3).count())
""")
    assert result.stdout.splitlines() == ["[]", "3"], result.stderr


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


def test_a_setting_spark_refuses_is_explained_and_the_next_call_works(run: Run) -> None:
    result = run("""
from spark_session import SparkSessionError, get_spark_session
try:
    get_spark_session(conf={"spark.serializer": "no.such.Class"})
except SparkSessionError as error:
    print(error)
print(get_spark_session().range(3).count())
""")
    assert result.returncode == 0, result.stderr
    error, count = result.stdout.splitlines()
    assert error.startswith("Spark did not start. ")
    assert "no.such.Class" in error
    assert count == "3"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, None], ids=["killed", "terminated", "ends"])
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
