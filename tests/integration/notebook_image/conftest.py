"""The notebook image on the node, in a namespace like a person's workspace, with an S3 server beside it."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cluster import Cluster
from dev import images
from dev.toolchain import binary

NAMESPACE = "notebook-image-test"
HOME = "s3://notebooks/users/ada"
TOKEN = "integration-test"

Kubectl = Callable[..., str]
Python = Callable[[str], str]

CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "runAsGroup": 1000,
    "fsGroup": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}
ENVIRONMENT = {
    "SPARK_NOTEBOOKS_S3_HOME": HOME,
    "AWS_ENDPOINT_URL_S3": "http://s3:7070",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "integration",
    "AWS_SECRET_ACCESS_KEY": "integration-secret",
}


def pod(name: str, container: dict[str, Any], volumes: dict[str, str], **spec: Any) -> dict[str, Any]:
    """A pod of one container that the Pod Security Standard `restricted` admits; `volumes` maps scratch volumes to their paths."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "securityContext": POD_SECURITY,
            "containers": [
                {
                    "name": name,
                    "securityContext": CONTAINER_SECURITY,
                    "volumeMounts": [{"name": volume, "mountPath": path} for volume, path in volumes.items()],
                    **container,
                }
            ],
            "volumes": [{"name": volume, "emptyDir": {"sizeLimit": "20Gi"}} for volume in volumes],
            **spec,
        },
    }


def environment(variables: dict[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


@pytest.fixture(scope="session")
def references(node: Cluster) -> dict[str, str]:
    """The images in the node's registry, built from the sources as they are."""
    return images.build(["notebook", "s3-server"], push_to=node.registry)


@pytest.fixture(scope="session")
def kubectl(node: Cluster) -> Kubectl:
    """Runs kubectl in the tests' namespace; a failure fails the test with kubectl's message."""

    def run(*arguments: str, stdin: str | None = None) -> str:
        command = [binary("kubectl"), "--kubeconfig", node.kubeconfig, "--namespace", NAMESPACE, *arguments]
        result = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"kubectl {' '.join(arguments)}: {result.stdout[-3000:]}{result.stderr[-6000:]}"
        return result.stdout

    return run


@pytest.fixture(scope="session")
def workspace(kubectl: Kubectl) -> Iterator[None]:
    """A namespace that enforces `restricted`, with the rights that a driver has in a workspace."""
    objects: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        },
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "notebook"}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "executor"},
            "automountServiceAccountToken": False,
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "notebook"},
            "rules": [
                {
                    "apiGroups": [""],
                    "resources": ["pods"],
                    "verbs": ["create", "get", "list", "watch", "delete", "deletecollection", "patch"],
                }
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "notebook"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "notebook"},
            "subjects": [{"kind": "ServiceAccount", "name": "notebook", "namespace": NAMESPACE}],
        },
    ]
    kubectl("wait", "--for=delete", f"namespace/{NAMESPACE}", "--timeout=120s")
    for manifest in objects:
        kubectl("apply", "--filename=-", stdin=json.dumps(manifest))
    yield
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(scope="session")
def s3(kubectl: Kubectl, workspace: None, references: dict[str, str]) -> None:
    """The embedded S3 server with the bucket `notebooks`."""
    start = "mkdir -p /data/buckets/notebooks /data/versions && exec versitygw --port :7070 posix --versioning-dir /data/versions /data/buckets"
    container = {
        "image": references["s3-server"],
        "command": ["sh", "-c", start],
        "env": environment(
            {
                "ROOT_ACCESS_KEY": ENVIRONMENT["AWS_ACCESS_KEY_ID"],
                "ROOT_SECRET_KEY": ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
            }
        ),
    }
    manifest = pod("s3", container, {"data": "/data"}, automountServiceAccountToken=False)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s3"},
        "spec": {"selector": {"app": "s3"}, "ports": [{"port": 7070}]},
    }
    for each in (manifest, service):
        kubectl("apply", "--filename=-", stdin=json.dumps(each))
    kubectl("wait", "--for=condition=Ready", "pod/s3", "--timeout=120s")


@pytest.fixture(scope="session")
def notebook(kubectl: Kubectl, s3: None, references: dict[str, str]) -> Python:
    """A running notebook server; runs Python code in its pod and gives the standard output."""
    container = {
        "image": references["notebook"],
        "args": ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser", f"--IdentityProvider.token={TOKEN}"],
        "env": [
            *environment(ENVIRONMENT | {"SPARK_NOTEBOOKS_IMAGE": references["notebook"], "POD_NAMESPACE": NAMESPACE}),
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "readinessProbe": {"httpGet": {"path": "/api", "port": 8888}, "periodSeconds": 2, "failureThreshold": 90},
    }
    manifest = pod("notebook", container, {"home": "/home/jovyan", "tmp": "/tmp"}, serviceAccountName="notebook")
    kubectl("apply", "--filename=-", stdin=json.dumps(manifest))
    kubectl("wait", "--for=condition=Ready", "pod/notebook", "--timeout=300s")

    def python(code: str) -> str:
        return kubectl("exec", "--stdin", "notebook", "--", "python", "-", stdin=code)

    return python
