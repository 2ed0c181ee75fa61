"""Profiles on a cluster of two nodes, one of which is of another kind: it has a label and a taint."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from spark_notebooks_hub.profile_values import Profile
from spark_notebooks_hub.profiles import Placement

from cluster import Cluster
from tests.support.notebook_pod import Notebook, notebook_with_s3

from .faults import Run, run, wait_until

__all__ = ["run"]

pytestmark = pytest.mark.long

FIRST, SPOT = "node0", "node1"
TAINT = {"key": "spot", "value": "true", "effect": "NoSchedule"}
PROFILES: dict[str, dict[str, Any]] = {
    "spot": {
        "description": "The second node.", "nodeSelector": {"pool": "spot"}, "tolerations": [TAINT], "spot": True,
        "node": {"cpu": 1, "memory": "4Gi", "executors": 4, "reserved": {"cpu": "200m"}},
    },
    "spread": {"description": "Both.", "for": ["executors"], "tolerations": [TAINT], "layout": "spread", "spot": True},
    "pack": {"description": "One of both.", "for": ["executors"], "tolerations": [TAINT], "layout": "pack"},
}  # fmt: skip


@pytest.fixture(scope="module")
def node() -> Iterator[Cluster]:
    """A cluster of this file's own: those who use the other one at the same time must not notice."""
    node = Cluster(os.environ.get("SPARK_NOTEBOOKS_TEST_CLUSTER", "test") + "-placement")
    node.up(durable=False, nodes=2)
    node.kubectl("label", "node", SPOT, "pool=spot")
    node.kubectl("taint", "node", SPOT, "spot=true:NoSchedule")
    yield node
    node.delete()


@pytest.fixture(scope="module")
def notebook(node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    placement = Placement({name: Profile.model_validate(each) for name, each in PROFILES.items()})
    folder, defaults = tmp_path_factory.mktemp("s3"), {"first_executor_timeout": 300}
    with notebook_with_s3(node, folder, "test-placement", {"pods": 8}, defaults, placement=placement) as made:
        yield made


LOOK = """
import spark_session
from spark_session.kube import Api

def look(**arguments):
    spark = start(executors=2, **arguments)
    wait_until(lambda: executors(spark) == 2, 300)
    workspace = spark_session.explain().context.environment.workspace
    pods = Api(workspace.api_url, workspace.namespace).list("pods", labelSelector="spark-role=executor")["items"]
    rows = {name: (source, text) for source, name, text in spark_session.explain().rows()}
    spark.stop()
    wait_until(lambda: not Api(workspace.api_url, workspace.namespace).list("pods", labelSelector="spark-role=executor")["items"])
    return {
        "nodes": sorted({pod["spec"]["nodeName"] for pod in pods}),
        "grace": sorted({pod["spec"]["terminationGracePeriodSeconds"] for pod in pods}),
        "cpu": sorted({pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] for pod in pods}),
        "memory": sorted({pod["spec"]["containers"][0]["resources"]["limits"]["memory"] for pod in pods}),
        "selector": rows.get("spark.kubernetes.executor.node.selector.pool"),
    }
"""


def test_executors_are_on_the_nodes_of_their_profile(run: Run) -> None:
    found = run(LOOK + 'print(json.dumps([look(), look(profile="spot")]))')
    plain, spot = json.loads(found.stdout.splitlines()[-1])
    assert (plain["nodes"], plain["grace"], plain["selector"]) == ([FIRST], [30], None)
    assert (spot["nodes"], spot["grace"], spot["selector"]) == ([SPOT], [120], ["profile", "spot"])
    # A quarter each of 0.8 cores, and of 4 GiB at most.
    assert spot["cpu"] == ["200m"]
    assert spot["memory"] == ["1Gi"]


def test_executors_are_spread_or_packed(run: Run) -> None:
    found = run(LOOK + 'print(json.dumps([look(profile="spread"), look(profile="pack")]))')
    spread, pack = json.loads(found.stdout.splitlines()[-1])
    assert spread["nodes"] == [FIRST, SPOT]
    assert len(pack["nodes"]) == 1


def test_what_is_not_offered_is_refused_before_there_is_a_pod(run: Run, notebook: Notebook) -> None:
    found = run('start(executors=1, profile="gpu")')
    assert "profile='gpu' is not among your profiles." in found.stdout
    assert '"spot" (The second node)' in found.stdout
    assert notebook.executor_pods() == []


DRAINED = """
import threading
from pathlib import Path
import spark_session

def slow(pair):
    time.sleep(0.7)
    return pair

spark = start(executors=2, profile="spread")
cluster = spark_session.cluster()
wait_until(lambda: executors(spark) == 2, 300)

def done():
    return sum(one.done for one in cluster.executors())

before = done()
data = spark.sparkContext.parallelize(range(3000), 12).map(lambda x: (x % 12, x))
sums = data.reduceByKey(lambda a, b: a + b, 12).map(slow)
answer = []
thread = threading.Thread(target=lambda: answer.append(sorted(sums.collect())))
thread.start()
wait_until(lambda: done() - before >= 14)  # the twelve that write the shuffle, and two that read it
Path("/tmp/drain").touch()
thread.join()
right = answer[0] == [(key, sum(range(key, 3000, 12))) for key in range(12)]
print(json.dumps({"right": right, "repeated": done() - before - 24}), flush=True)
wait_until(lambda: {one.host for one in cluster.executors() if one.state == "running"} == {"node0"} and executors(spark) == 2, 120)
print("both", flush=True)
"""


def test_a_node_that_is_emptied_takes_no_work_with_it(run: Run, notebook: Notebook, node: Cluster) -> None:
    """Its executor hands its shuffle files on in the time that it has, and another one starts elsewhere."""
    with ThreadPoolExecutor() as pool:
        running = pool.submit(run, DRAINED)
        wait_until(
            lambda: running.done() or "drain" in notebook.kubectl("exec", notebook.name, "--", "ls", "/tmp").split()
        )
        try:
            executors = ("--pod-selector=spark-role=executor", "--force", "--delete-emptydir-data")
            node.kubectl("drain", SPOT, *executors, "--timeout=150s")
            result = running.result()
        finally:
            node.kubectl("uncordon", SPOT)
    answer, both = result.stdout.splitlines()[-2:]
    assert json.loads(answer) == {"right": True, "repeated": 0}, result.stderr
    assert both == "both"


def test_jobs_are_on_the_nodes_of_their_profile(notebook: Notebook) -> None:
    result = notebook.run(
        """
import os
from pathlib import Path
from spark_session import SparkSessionError, submit
os.chdir("/tmp")
Path("x.py").write_text("print(1)")
try:
    submit("x.py", driver_profile="pack")
except SparkSessionError as error:
    print(error.what)
for profile in (None, "spot"):
    job = submit("x.py", driver_profile=profile)
    print(job.wait().code, job.name)
"""
    )
    lines = [line.split() for line in result.stdout.splitlines()]
    assert "driver_profile='pack' is not for drivers." in result.stdout, result.stderr
    names = [line[1] for line in lines if line[0] == "0" and len(line) == 2]
    assert [_node_of(notebook, name) for name in names] == [FIRST, SPOT]


def _node_of(notebook: Notebook, job: str) -> str:
    selector = f"--selector=batch.kubernetes.io/job-name={job}"
    return notebook.kubectl("get", "pods", selector, "--output=jsonpath={.items[0].spec.nodeName}")
