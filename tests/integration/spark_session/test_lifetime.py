"""However a session ends, its executors go and nothing of it stays: on a real node, in a pod that runs a real Jupyter server."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator

import pytest

from cluster import Cluster
from tests.support.notebook_pod import Notebook, running_notebook

SERVER = (
    *("jupyter", "server", "--no-browser", "--ip=127.0.0.1", "--IdentityProvider.token=test", "--allow-root"),
    "--ServerApp.contents_manager_class=jupyter_server.services.contents.largefilemanager.AsyncLargeFileManager",
)
SHUT_DOWN = 'call("DELETE", f"/{kernel}")'
GONE_SECONDS = 30
"""What a researcher and an administrator are promised."""

BEGIN = """
import os, signal, time
from pyspark import SparkContext
from spark_session import get_spark_session

def jvm():
    return SparkContext._gateway.proc.pid

def executors(spark):
    return spark.sparkContext._jsc.sc().statusTracker().getExecutorInfos()

def begin(count=1, **more):
    spark = get_spark_session(executors=count, **more)
    while len(executors(spark)) < count + 1:  # the driver is one of them
        time.sleep(0.2)
    print(spark.range(7).count(), flush=True)
    return spark
"""

KERNEL = """
import asyncio, json, sys, urllib.request, uuid
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

BASE, HEADERS = "http://127.0.0.1:8888/api/kernels", {"Authorization": "token test"}

def call(method, path="", body=None):
    request = urllib.request.Request(BASE + path, body, HEADERS, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read() or "null")

async def execute(kernel, code):
    url = BASE.replace("http", "ws") + f"/{kernel}/channels"
    socket = await websocket_connect(HTTPRequest(url, headers=HEADERS))
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex, "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    await socket.write_message(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}))
    while True:
        message = json.loads(await socket.read_message())
        if message["parent_header"].get("msg_id") != header["msg_id"]:
            continue
        if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
            print(message["content"]["text"], end="", flush=True)
        if message["msg_type"] == "error":
            print("\\n".join(message["content"]["traceback"]), file=sys.stderr)
        # Not its reply: that comes on another channel, and may be here before the last output.
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            socket.close()
            return

kernel = call("POST", body=b"{}")["id"]
asyncio.run(execute(kernel, CODE))
"""


@pytest.fixture(scope="module")
def notebook(node: Cluster) -> Iterator[Notebook]:
    with running_notebook(node, "test-lifetime", {"pods": 8}, {}, SERVER) as made:
        deadline = time.monotonic() + 60
        while made.run("import urllib.request as r; r.urlopen('http://127.0.0.1:8888/api')").returncode:
            assert time.monotonic() < deadline, made.kubectl("logs", made.name)
            time.sleep(1)
        yield made


def leftovers(notebook: Notebook) -> dict[str, list[str]]:
    """Executor pods, JVMs without a kernel, and records."""
    found = notebook.run("""
import json, os, subprocess
from pathlib import Path
from spark_session import records
# A kernel that was started again has a JVM that waits; one that has lost its kernel is a child of the pod's first process.
jvms = subprocess.run(["pgrep", "-P", "1", "-f", "org.apache.spark.deploy.SparkSubmit"], capture_output=True, text=True).stdout.split()
print(json.dumps({
    "jvms": jvms,
    "records": [record.session_id for record in records.read(records.folder(os.environ))],
}))
""")
    assert found.returncode == 0, found.stderr
    return {"pods": notebook.executor_pods(), **json.loads(found.stdout)}


def assert_nothing_is_left(notebook: Notebook) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while any(left := leftovers(notebook).values()) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not any(left), (leftovers(notebook), notebook.kubectl("logs", notebook.name, "--tail=30"))


def in_kernel(notebook: Notebook, code: str, then: str) -> str:
    """Runs code in a new kernel of the pod's Jupyter server, and then does something to that kernel."""
    result = notebook.run(KERNEL.replace("CODE", repr(BEGIN + code)) + then)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_server_looks_after_sessions(notebook: Notebook) -> None:
    assert "session_keeper | extension was successfully loaded" in notebook.kubectl("logs", notebook.name)


AHEAD = """
import subprocess
def jvms():
    return subprocess.run(["pgrep", "-f", "org.apache.spark.deploy.SparkSubmit"], capture_output=True, text=True).stdout.split()
while not (ahead := jvms()):
    time.sleep(0.1)
"""


@pytest.mark.long
def test_a_kernel_has_a_jvm_before_it_is_asked_for_a_session_and_is_shut_down(notebook: Notebook) -> None:
    """The session takes the JVM; both go with the kernel."""
    taken = in_kernel(notebook, AHEAD + "begin(); print(ahead == jvms() == [str(jvm())])", SHUT_DOWN)
    assert taken.split() == ["7", "True"]
    assert_nothing_is_left(notebook)


WARM = """
import threading
before = os.listdir()
while any(thread.name == "spark-session-warming" for thread in threading.enumerate()):
    time.sleep(0.1)
assert os.listdir() == before
"""


@pytest.mark.long
def test_a_jvm_that_waits_is_warmed_up(notebook: Notebook) -> None:
    """It has run one query when its session runs the first one, and nothing is left of that: no context, no file beside the notebook."""
    first_query = """
queries = begin()._jsparkSession.sharedState().statusStore()
while not queries.executionsCount():
    time.sleep(0.1)
print(ahead == [str(jvm())], queries.executionsList().head().executionId())
"""
    taken = in_kernel(notebook, AHEAD + WARM + first_query, SHUT_DOWN)
    assert taken.split() == ["7", "True", "1"]
    assert_nothing_is_left(notebook)


def test_a_jvm_that_nobody_asked_for_ends_with_its_kernel(notebook: Notebook) -> None:
    in_kernel(notebook, AHEAD, SHUT_DOWN)
    assert_nothing_is_left(notebook)


@pytest.mark.long
def test_stop(notebook: Notebook) -> None:
    """The process that had the session lives on, and so does its JVM, which can have another one."""
    result = notebook.run(
        BEGIN
        + """
from pathlib import Path
from spark_session import records
with begin(2): pass
time.sleep(5)
print(records.read(records.folder(os.environ)))
"""
    )
    assert result.stdout.split() == ["7", "[]"], result.stderr
    assert_nothing_is_left(notebook)


@pytest.mark.long
def test_a_kernel_whose_session_has_settings_of_its_own_for_the_jvm_is_restarted(notebook: Notebook) -> None:
    """Another JVM was started for the session, and the one that was ready is gone."""
    other = in_kernel(
        notebook,
        AHEAD + 'begin(conf={"spark.driver.memory": "700m"}); print(ahead != jvms() == [str(jvm())])',
        'call("POST", f"/{kernel}/restart", b"{}")',
    )
    assert other.split() == ["7", "True"]
    assert_nothing_is_left(notebook)


@pytest.mark.long
def test_a_kernel_of_the_server_is_killed(notebook: Notebook) -> None:
    assert in_kernel(notebook, "begin()\nprint(os.getpid())", "").split()[0] == "7"
    pids = notebook.run("from spark_session import records; import os, signal\n"
                        "for one in records.read(records.folder(os.environ)): os.kill(one.process, signal.SIGKILL)")  # fmt: skip
    assert pids.returncode == 0, pids.stderr
    assert_nothing_is_left(notebook)


@pytest.mark.parametrize(
    "number", ["SIGKILL", *(pytest.param(name, marks=pytest.mark.soak) for name in ("SIGTERM", "SIGSEGV"))]
)
def test_a_kernel_ends_by(notebook: Notebook, number: str) -> None:
    result = notebook.run(f"{BEGIN}begin()\nos.kill(os.getpid(), signal.{number})")
    assert result.stdout.strip() == "7", result.stderr
    assert_nothing_is_left(notebook)


@pytest.mark.long
def test_a_jvm_that_hangs_does_not_outlive_its_kernel(notebook: Notebook) -> None:
    result = notebook.run(BEGIN + "begin()\nos.kill(jvm(), signal.SIGSTOP)\nos.kill(os.getpid(), signal.SIGKILL)")
    assert result.stdout.strip() == "7", result.stderr
    assert_nothing_is_left(notebook)


@pytest.mark.long
def test_a_jvm_is_killed_and_the_next_call_starts_another(notebook: Notebook) -> None:
    result = notebook.run(
        BEGIN
        + """
import warnings
from pyspark.sql.functions import udf
spark = begin(2)
first = spark.sparkContext.applicationId
total = spark.sparkContext.accumulator(0)
for death in range(3):
    os.kill(jvm(), signal.SIGKILL)
    SparkContext._gateway.proc.wait()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        spark = begin(2)
    print("lost" if any("Lost are its DataFrames" in str(one.message) for one in said) else [str(one.message) for one in said])
    assert get_spark_session() is spark
    assert spark.sparkContext.applicationId != first
    total = spark.sparkContext.accumulator(0)
    spark.sparkContext.parallelize(range(4), 4).foreach(lambda x: total.add(x))
    print(total.value, spark.range(3).select(udf(lambda x: x + 1, "long")("id")).collect()[-1][0])
spark.stop()
with begin(1): pass
"""
    )
    assert result.stdout.split() == ["7", *["7", "lost", "6", "3"] * 3, "7"], result.stderr
    assert_nothing_is_left(notebook)


@pytest.mark.long
def test_a_jvm_is_killed_and_nobody_calls_again(notebook: Notebook) -> None:
    """The kernel lives on and does nothing: its executors are gone all the same."""
    kernel = notebook.start(BEGIN + "begin()\nos.kill(jvm(), signal.SIGKILL)\ntime.sleep(300)")
    try:
        deadline = time.monotonic() + 120
        while not notebook.executors() and time.monotonic() < deadline:
            time.sleep(0.2)
        while (left := leftovers(notebook))["jvms"] or not left["records"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
            if not left["jvms"] and not left["pods"]:
                break
        assert_nothing_is_left(notebook)
        assert kernel.poll() is None
    finally:
        kernel.kill()
        kernel.wait()


@pytest.mark.long
def test_a_jvm_is_killed_while_the_session_starts(notebook: Notebook) -> None:
    result = notebook.run(
        BEGIN
        + """
import threading
def kill():
    while SparkContext._gateway is None or not os.path.exists("/tmp/kill"): time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=kill, daemon=True).start()
open("/tmp/kill", "w").close()
begin()
"""
    )
    assert result.returncode != 0
    assert_nothing_is_left(notebook)


@pytest.mark.long
def test_kernels_of_one_pod_end_alone(notebook: Notebook) -> None:
    """Each has a session of its own."""
    kernels = [notebook.open(BEGIN + "begin()\ntime.sleep(300)") for _ in range(2)]
    try:
        for kernel in kernels:
            assert kernel.stdout
            assert kernel.stdout.readline() == "7\n"
        assert len(notebook.executors()) == 2
        assert len(leftovers(notebook)["records"]) == 2
        killed = notebook.run("from spark_session import records; import os, signal\n"
                              "os.kill(records.read(records.folder(os.environ))[0].process, signal.SIGKILL)")  # fmt: skip
        assert killed.returncode == 0, killed.stderr
        deadline = time.monotonic() + GONE_SECONDS
        while len(notebook.executors()) > 1 and time.monotonic() < deadline:
            time.sleep(0.5)
        time.sleep(5)
        left = leftovers(notebook)
        assert [len(left[kind]) for kind in ("pods", "jvms", "records")] == [1, 0, 1]
        notebook.run("from spark_session import records; import os, signal\n"
                     "os.kill(records.read(records.folder(os.environ))[0].process, signal.SIGTERM)")  # fmt: skip
        assert_nothing_is_left(notebook)
    finally:
        for kernel in kernels:
            kernel.kill()
            kernel.wait()


def kill_at_random(notebook: Notebook, chance: random.Random) -> None:
    """A session whose kernel or JVM, or both, are killed at some moment of its life."""
    victims = chance.choice([("os.getpid()",), ("jvm()",), ("jvm()", "os.getpid()"), ("os.getpid()", "jvm()")])
    kills = "\n".join(f"    os.kill({victim}, signal.SIGKILL)" for victim in victims)
    result = notebook.run(f"""{BEGIN}
import threading
def kill():
    while SparkContext._gateway is None: time.sleep(0.02)
    time.sleep({chance.uniform(0, 8)})
{kills}
threading.Thread(target=kill, daemon=True).start()
try:
    begin()
    time.sleep(9)
except Exception as error:
    print(type(error).__name__)
os._exit(3)
""")
    assert result.returncode != 0
    assert_nothing_is_left(notebook)


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(1, marks=pytest.mark.long),
        pytest.param(60, marks=[pytest.mark.soak, pytest.mark.timeout(7200)]),
    ],
)
def test_killed_at_random(notebook: Notebook, seeds: int) -> None:
    for seed in range(seeds):
        kill_at_random(notebook, random.Random(seed))


@pytest.mark.long
def test_the_pod_is_deleted(notebook: Notebook) -> None:
    """The last test: the pod does not come back."""
    kernel = notebook.start(BEGIN + "begin()\ntime.sleep(300)")
    try:
        deadline = time.monotonic() + 120
        while not notebook.executors() and time.monotonic() < deadline:
            time.sleep(0.5)
        assert notebook.executors()
        notebook.kubectl("delete", "pod", notebook.name, "--wait=true")
        deadline = time.monotonic() + GONE_SECONDS
        while notebook.executors() and time.monotonic() < deadline:
            time.sleep(0.5)
        assert notebook.executors() == []
    finally:
        kernel.kill()
        kernel.wait()
