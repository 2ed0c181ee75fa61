"""A part of the cluster goes away: the API that sessions talk to, and a node with an executor."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster import Cluster, cgroups
from cluster.settings import cgroup
from tests.support.notebook_pod import Notebook, running_notebook

from .faults import QUOTA, Run, run, wait_until

__all__ = ["run"]

pytestmark = pytest.mark.long

FIRST, WORKER = "node0", "node1"


@pytest.fixture(scope="module")
def node() -> Iterator[Cluster]:
    """A cluster of this file's own: those who use the other one at the same time must not notice."""
    node = Cluster(os.environ.get("SPARK_NOTEBOOKS_TEST_CLUSTER", "test") + "-outages")
    node.up(durable=False, nodes=2)
    node.kubectl("cordon", WORKER)  # nobody needs the image there before the last test
    yield node
    node.delete()


@pytest.fixture(scope="module")
def notebook(node: Cluster) -> Iterator[Notebook]:
    with running_notebook(node, "test-outages", QUOTA, {"first_executor_timeout": 60}) as made:
        yield made


def test_the_kubernetes_api_is_away_for_30_seconds(run: Run, notebook: Notebook, node: Cluster) -> None:
    [server] = [
        pid
        for pid in cgroups.processes(cgroup(node.name, node.folder), cgroups.NODE)
        if program(pid) == "kube-apiserver"
    ]
    with ThreadPoolExecutor() as pool:
        running = pool.submit(
            run,
            """
from pathlib import Path
import signal

def kill_java(_):
    import os, signal
    for process in os.listdir("/proc"):
        if process.isdigit() and os.path.basename(os.path.realpath(f"/proc/{process}/exe")) == "java":
            os.kill(int(process), signal.SIGKILL)

spark = start(executors=2)
wait_until(lambda: executors(spark) == 2)
Path("/tmp/up").touch()
wait_until(Path("/tmp/away").exists)
time.sleep(2)
try:
    spark.sparkContext.parallelize([0], 1).foreach(kill_java)
except Exception:
    pass
print(spark.range(1000).count(), executors(spark) >= 1, flush=True)
time.sleep(24)
print(spark.range(1000).count(), flush=True)
wait_until(lambda: executors(spark) == 2, 120)
time.sleep(6)
""",
        )
        wait_until(lambda: "up" in notebook.kubectl("exec", notebook.name, "--", "ls", "/tmp").split())
        notebook.kubectl("exec", notebook.name, "--", "touch", "/tmp/away")
        os.kill(server, signal.SIGSTOP)
        try:
            time.sleep(30)
        finally:
            os.kill(server, signal.SIGCONT)
        result = running.result()
    assert result.stdout.split()[0] == "1000", result.stderr
    assert result.stdout.split()[2] == "1000", result.stderr
    assert "An executor was killed." in result.stderr
    assert "2 executors ready after" in result.stderr


def test_a_node_is_lost_in_the_middle_of_a_job(run: Run, notebook: Notebook, node: Cluster) -> None:
    """The last test of the file: the worker does not come back. Spark misses its executor as soon as it is told to, here sooner than by default."""
    with ThreadPoolExecutor() as pool:
        running = pool.submit(
            run,
            """
from pathlib import Path
import spark_session
from pyspark import TaskContext

def slow(number):
    time.sleep(1)
    return number, TaskContext.get().attemptNumber()

soon = {"spark.network.timeout": "16s", "spark.network.timeoutInterval": "4s", "spark.executor.heartbeatInterval": "4s"}
spark = start(executors=1, conf=soon)
wait_until(lambda: executors(spark) == 1)
Path("/tmp/one").touch()
wait_until(Path("/tmp/worker").exists)
spark_session.cluster().scale(2)
wait_until(lambda: executors(spark) == 2, 300)
Path("/tmp/two").touch()
numbers = spark.sparkContext.parallelize(range(60), 60).map(slow).collect()
print(sum(number for number, _ in numbers), max(attempt for _, attempt in numbers), flush=True)
wait_until(lambda: executors(spark) == 2, 180)
hosts = {one.host for one in spark_session.cluster().executors() if one.state == "running"}
print(len(hosts), spark.range(1000).count(), flush=True)
time.sleep(6)  # the next look
""",
        )

        def made(name: str) -> bool:
            return running.done() or name in notebook.kubectl("exec", notebook.name, "--", "ls", "/tmp").split()

        wait_until(lambda: made("one"))
        node.kubectl("cordon", FIRST)
        node.kubectl("uncordon", WORKER)
        notebook.kubectl("exec", notebook.name, "--", "touch", "/tmp/worker")
        wait_until(lambda: made("two"))
        node.kubectl("uncordon", FIRST)
        time.sleep(3)  # it has tasks now
        node.lose_node(1)
        result = running.result()
    assert result.stdout.split() == ["1770", "1", "1", "1000"], result.stderr  # both on the node that is left
    assert "An executor on the node node1 is lost." in result.stderr
    assert "its node does not answer any more" in result.stderr
    assert "has not made all executors" not in result.stderr


def program(pid: int) -> str:
    """The name of a process' program; empty where it has just ended."""
    try:
        return Path(os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0])).name
    except OSError:
        return ""
