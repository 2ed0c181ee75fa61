"""What the admission policies cost: twenty executors' pods in one workspace, with the policies and without, in turns."""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cluster import Cluster
from tests.bench.report import Row, row
from tests.support.accounts import MERGE, Account, ApiServer
from tests.support.executors import changed, executor_pod
from tests.support.notebook_pod import running_notebook

RUNS = int(os.environ.get("BENCH_RUNS", "5"))
EXECUTORS = 20
NAMESPACE = "bench-security"
LABEL = "spark-notebooks.io/hub"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


def measure() -> list[Row]:
    """Starts the node and a notebook pod, and makes executors beside it."""
    node = Cluster(os.environ.get("SPARK_NOTEBOOKS_TEST_CLUSTER", "test"))
    node.up()
    api = ApiServer(node.kubeconfig)
    figures: dict[str, list[dict[str, float]]] = {"with": [], "without": []}
    with running_notebook(node, NAMESPACE, {}, {}):
        notebook = api.call("GET", f"{PODS}/notebook").content
        label = api.call("GET", f"/api/v1/namespaces/{NAMESPACE}").content["metadata"]["labels"][LABEL]
        account = Account(NAMESPACE, "notebook", notebook["metadata"]["uid"])
        pod = sleeping(notebook["spec"]["containers"][0]["image"], notebook["metadata"]["uid"])
        for _ in range(RUNS):
            for way, found in figures.items():
                patch = {"metadata": {"labels": {LABEL: label if way == "with" else None}}}
                assert api.call("PATCH", f"/api/v1/namespaces/{NAMESPACE}", patch, None, MERGE).allowed
                wait_for_policies(api, pod, way == "with")
                found.append(once(node, api, pod, account))
                print(way, found[-1], file=sys.stderr, flush=True)
    api.close()
    titles = {
        "asked": ("20 executors: creation answered by the API server, dry run", "s", ""),
        "cpu": ("20 executors: CPU of the node until all containers run", "CPU-s", "<= 1.03x"),
        "running": ("20 executors: until all containers run", "s", "<= 1.03x"),
    }
    return [
        row(title, unit, [each[key] for each in figures["with"]], [each[key] for each in figures["without"]], goal)
        for key, (title, unit, goal) in titles.items()
    ]


def sleeping(image: str, owner: str) -> dict[str, Any]:
    """An executor that costs nothing once it runs, so that what is measured is Kubernetes' part."""
    pod = executor_pod(NAMESPACE, image, owner, Path(tempfile.gettempdir()))
    small = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}}
    return changed(pod, {"spec:containers:0:resources": small, "spec:containers:0:args": ["sleep", "3600"]})


def wait_for_policies(api: ApiServer, pod: dict[str, Any], expected: bool) -> None:
    """Until the policies judge the workspace's pods, or no longer do. The administrator is nobody whose executors they let in."""
    deadline = time.monotonic() + 30
    while ("ValidatingAdmissionPolicy" in api.dry_run(pod).message) is not expected:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def once(node: Cluster, api: ApiServer, pod: dict[str, Any], account: Account) -> dict[str, float]:
    """One measurement; all executors are gone after it."""
    asked = statistics.median(ask(api, pod, account) for _ in range(10))
    cpu = cpu_seconds(node)
    started = time.monotonic()
    for _ in range(EXECUTORS):
        answer = api.call("POST", PODS, pod, account)
        assert answer.allowed, answer.message
    while (phases := [each["status"].get("phase") for each in executors(api)]).count("Running") < EXECUTORS:
        assert "Failed" not in phases
        assert time.monotonic() - started < 300
        time.sleep(0.1)
    running = time.monotonic() - started
    cpu = cpu_seconds(node) - cpu
    for each in executors(api):
        api.call("DELETE", f"{PODS}/{each['metadata']['name']}?gracePeriodSeconds=1")
    while executors(api):
        time.sleep(0.2)
    return {"asked": asked, "cpu": cpu, "running": running}


def ask(api: ApiServer, pod: dict[str, Any], account: Account) -> float:
    """Seconds for dry runs of all executors."""
    started = time.monotonic()
    for _ in range(EXECUTORS):
        answer = api.dry_run(pod, account)
        assert answer.allowed, answer.message
    return time.monotonic() - started


def cpu_seconds(node: Cluster) -> float:
    """What all processes of the node have used: unlike time on a clock, it does not grow with what else the machine does."""
    [usage] = Path("/sys/fs/cgroup").glob(f"*/{node.instance.group}/cpuacct.usage")
    return int(usage.read_text()) / 1e9


def executors(api: ApiServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.call("GET", f"{PODS}?labelSelector=spark-role=executor").content["items"]
    return found
