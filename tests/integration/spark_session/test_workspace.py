"""A real session in a real workspace: the hub's own manifests and environment, the chart's own roles, executors on the node."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from spark_notebooks_hub.notebook import (
    CONTAINER_SECURITY_CONTEXT,
    POD_SECURITY_CONTEXT,
    NotebookStorage,
    environment,
    volume_mounts,
    volumes,
)
from spark_notebooks_hub.workspace import HubIdentity, Workspace, workspace_manifests

from cluster import Cluster
from dev import images
from dev.paths import REPOSITORY
from dev.target import Target, of_node
from dev.toolchain import binary

NAMESPACE = "test-spark-session"
EXECUTORS = ("--selector", "spark-role=executor")
QUOTA = {"pods": 4}  # the notebook and three executors


@dataclass(frozen=True)
class Notebook:
    """A notebook pod, and what a person does in it."""

    target: Target
    name: str = "notebook"

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.target.kubectl("--namespace", NAMESPACE, *arguments, stdin=stdin).stdout

    def run(self, code: str) -> subprocess.CompletedProcess[str]:
        """Runs Python code in the pod."""
        arguments = ("--namespace", NAMESPACE, "exec", "--stdin", self.name, "--", "python", "-")
        return self.target.kubectl(*arguments, stdin=code, check=False)

    def executors(self) -> list[str]:
        return self.kubectl("get", "pods", *EXECUTORS, "--output", "name").split()

    def wait_until_executors_are_gone(self) -> None:
        deadline = time.monotonic() + 60
        while self.executors() and time.monotonic() < deadline:
            time.sleep(0.5)
        assert self.executors() == []


@pytest.fixture(scope="module")
def notebook(node: Cluster) -> Iterator[Notebook]:
    target = of_node(node)
    image = images.build(["notebook"], push_to=node.registry)["notebook"]
    hub = HubIdentity(namespace="default", fullname="test-spark-notebooks")
    workspace = Workspace("ada", NAMESPACE, hub, quota=QUOTA, credentials="[default]\n")
    roles = target.helm(
        *("template", "test", str(REPOSITORY / "charts" / "spark-notebooks"), "--set", "s3.embedded.enabled=true"),
        *("--show-only", "templates/workspace/clusterroles.yaml"),
    ).stdout
    target.kubectl("apply", "--filename", "-", stdin=roles)
    manifests = [*workspace_manifests(workspace), notebook_pod(workspace, image)]
    target.kubectl(
        "apply", "--filename", "-", stdin=json.dumps({"kind": "List", "apiVersion": "v1", "items": manifests})
    )
    made = Notebook(target)
    try:
        made.kubectl("wait", "--for=condition=Ready", "pod/notebook", "--timeout=300s")
        yield made
    finally:
        target.kubectl("delete", "namespace", NAMESPACE, "--wait=true", "--timeout=120s")
        target.kubectl("delete", "--filename", "-", stdin=roles)


def notebook_pod(workspace: Workspace, image: str) -> dict[str, object]:
    """A pod as the hub would start it, doing nothing."""
    storage = NotebookStorage(bucket="notebooks", prefix="users", region="us-east-1")
    defaults = {"executor_memory": "512m", "executor_cpu_request": 0.05}
    variables = environment(
        workspace.slug, storage, image=image, image_pull_policy=None, spark_defaults=defaults, has_credentials=True
    )
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "notebook", "namespace": workspace.namespace},
        "spec": {
            "serviceAccountName": "notebook",
            "terminationGracePeriodSeconds": 1,
            "securityContext": {**POD_SECURITY_CONTEXT, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000},
            "volumes": list(volumes(None, has_credentials=True).values()),
            "containers": [
                {
                    "name": "notebook",
                    "image": image,
                    "args": ["sleep", "infinity"],
                    "env": [{"name": k, "value": v} if isinstance(v, str) else v for k, v in variables.items()],
                    "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "3Gi"}},
                    "securityContext": {**CONTAINER_SECURITY_CONTEXT, "allowPrivilegeEscalation": False},
                    "volumeMounts": list(volume_mounts(has_credentials=True).values()),
                }
            ],
        },
    }


def test_two_executors_compute_and_go(notebook: Notebook) -> None:
    result = notebook.run("""
import json, os, socket, time
from pathlib import Path
from spark_session import get_spark_session

def look(_):
    import helper
    time.sleep(0.3)
    return (socket.gethostname(), helper.ANSWER, os.path.exists("/var/run/secrets/kubernetes.io"), os.access("/opt", os.W_OK))

with get_spark_session(executors=2, name="look around") as spark:
    Path("/tmp/helper.py").write_text("ANSWER = 42")
    spark.sparkContext.addPyFile("/tmp/helper.py")
    tracker = spark.sparkContext._jsc.sc().statusTracker()
    while len(tracker.getExecutorInfos()) < 3:  # the driver is one of them
        time.sleep(0.2)
    seen = set(spark.sparkContext.parallelize(range(12), 12).map(look).collect())
    ui = int(spark.sparkContext.uiWebUrl.rsplit(":", 1)[1])
    with socket.socket() as probe:
        open_to_others = probe.connect_ex((os.environ["POD_IP"], ui)) == 0
    with socket.socket() as probe:
        open_to_itself = probe.connect_ex(("127.0.0.1", ui)) == 0
print(json.dumps({"seen": sorted(seen), "ui": [open_to_itself, open_to_others]}))
""")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    hosts = [host for host, *_ in answer["seen"]]
    assert len(hosts) == 2
    assert all(host.startswith("look-around-") for host in hosts)
    assert [rest for _, *rest in answer["seen"]] == [[42, False, False]] * 2
    assert answer["ui"] == [True, False]
    notebook.wait_until_executors_are_gone()


def test_two_kernels_of_a_pod_have_a_session_each(notebook: Notebook) -> None:
    result = notebook.run("""
import subprocess, sys
code = "from spark_session import get_spark_session as get; print(get(executors=1, name=sys.argv[1]).range(7).count())"
kernels = [
    subprocess.Popen([sys.executable, "-c", "import sys; " + code, name], stdout=subprocess.PIPE, text=True)
    for name in ("first", "second")
]
print([kernel.communicate()[0].strip() for kernel in kernels])
""")
    assert result.stdout.strip() == "['7', '7']", result.stderr
    notebook.wait_until_executors_are_gone()


def test_a_quota_is_explained_and_the_session_works_with_what_there_is(notebook: Notebook) -> None:
    result = notebook.run("""
import time
from spark_session import get_spark_session
spark = get_spark_session(executors=8)
print(spark.range(1000).count())
time.sleep(12)  # two more rounds of refusals, beyond what stock Spark survives
print(spark.range(1000).count())
""")
    assert result.stdout.split() == ["1000", "1000"], result.stderr
    refusals = [line for line in result.stderr.splitlines() if "exceeded quota" in line]
    assert 1 <= len(refusals) <= 3
    assert "limited: pods=4" in refusals[0]
    assert not any(line.startswith("\tat ") for line in result.stderr.splitlines())
    notebook.wait_until_executors_are_gone()


def test_executors_go_when_the_kernel_is_killed(notebook: Notebook) -> None:
    result = notebook.run("""
import os, signal
from spark_session import get_spark_session
print(get_spark_session(executors=2).range(7).count(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
""")
    assert result.stdout.strip() == "7", result.stderr
    notebook.wait_until_executors_are_gone()


def test_executors_go_with_the_pod(notebook: Notebook) -> None:
    started = subprocess.Popen(
        [
            *(
                str(binary("kubectl")),
                *notebook.target.kubectl_arguments,
                "--namespace",
                NAMESPACE,
                "exec",
                notebook.name,
                "--",
            ),
            *("python", "-c", "from spark_session import get_spark_session as get\nget(executors=1)\nwhile True: pass"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while not notebook.executors() and time.monotonic() < deadline:
            time.sleep(0.5)
        assert notebook.executors()
        notebook.kubectl("delete", "pod", notebook.name, "--wait=true")
        notebook.wait_until_executors_are_gone()
    finally:
        started.kill()
        started.wait()
