"""A pod of a cluster that knows nothing of the platform: the image, an account that may handle pods, and one variable."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from cluster import Cluster
from dev import images
from dev.target import of_node
from tests.support.notebook_pod import Notebook

pytestmark = pytest.mark.long

NAMESPACE = "test-plain-pod"
SCRIPT = """
import time
from spark_session import explain, get_spark_session
with get_spark_session(executors=2, memory="512m") as spark:
    print("counted", spark.sparkContext.parallelize(range(1000), 4).map(lambda n: n * n).sum())
    tracker = spark.sparkContext._jsc.sc().statusTracker()
    while len(tracker.getExecutorInfos()) < 3:  # the driver is one of them
        time.sleep(0.2)
    print(explain())
"""
PODS = ["get", "list", "watch", "create", "patch", "delete", "deletecollection"]
RIGHTS = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": PODS},
    {"apiGroups": [""], "resources": ["pods/log", "events", "resourcequotas", "limitranges"], "verbs": ["get", "list", "watch"]},
]  # fmt: skip


@pytest.fixture(scope="module")
def pod(node: Cluster) -> Iterator[Notebook]:
    target = of_node(node)
    image = images.build(["notebook"], push_to=node.registry)["notebook"]
    account = {"kind": "ServiceAccount", "name": "driver", "namespace": NAMESPACE}
    fields = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace", "POD_IP": "status.podIP"}
    variables = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()]
    container = {
        "name": "work",
        "image": image,
        "args": ["sleep", "infinity"],
        "env": [*variables, {"name": "SPARK_SESSION_IMAGE", "value": image}],
    }
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "driver", "namespace": NAMESPACE}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "driver", "namespace": NAMESPACE},
            "rules": RIGHTS,
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "driver", "namespace": NAMESPACE},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "driver"},
            "subjects": [account],
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "notebook", "namespace": NAMESPACE},
            "spec": {"serviceAccountName": "driver", "terminationGracePeriodSeconds": 1, "containers": [container]},
        },
    ]
    target.kubectl("wait", "--for=delete", f"namespace/{NAMESPACE}", "--timeout=120s")
    target.kubectl("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    made = Notebook(target, NAMESPACE)
    try:
        made.kubectl("wait", "--for=condition=Ready", "pod/notebook", "--timeout=300s")
        yield made
    finally:
        target.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def check(pod: Notebook, code: str) -> None:
    done = pod.run(code)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "counted 332833500" in done.stdout
    assert f"pod notebook in the namespace {NAMESPACE}" in done.stdout
    pod.wait_until_executors_are_gone()


def test_executors_are_started_with_the_pods_own_account(pod: Notebook) -> None:
    check(pod, SCRIPT)


def test_executors_are_started_with_a_kubeconfig(pod: Notebook, node: Cluster) -> None:
    config = yaml.safe_load(node.kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"token": pod.kubectl("create", "token", "driver").strip()}
    setting = f"""
from pathlib import Path
Path("/tmp/kubeconfig").write_text({json.dumps(config)!r})
import os
os.environ["KUBECONFIG"] = "/tmp/kubeconfig"
"""
    check(pod, setting + SCRIPT)
