"""A notebook pod in a workspace of its own: the hub's own manifests and environment, the chart's own roles and policies, on the real node."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from spark_notebooks_hub.admission import Allowed, server_annotations
from spark_notebooks_hub.network import NOTEBOOK_LABELS, Address, NetworkRules
from spark_notebooks_hub.notebook import (
    CONTAINER_SECURITY_CONTEXT,
    POD_SECURITY_CONTEXT,
    NotebookStorage,
    TokenService,
    environment,
    volume_mounts,
    volumes,
)
from spark_notebooks_hub.profiles import Placement, session_settings
from spark_notebooks_hub.workspace import (
    HubIdentity,
    Workspace,
    authentication_secret,
    credentials_file,
    workspace_manifests,
)

from cluster import Cluster
from dev import images
from dev.s3_server import S3Server
from dev.target import Target, of_node
from tests.support.rights import rights

EXECUTORS = ("--selector=spark-role=executor",)
KINDS = ("ClusterRole", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
NO_PROFILES = Placement()
# JVMs of tests are gone before the second compiler has earned what it costs.
QUICK = {f"spark.{role}.extraJavaOptions": "-XX:TieredStopAtLevel=1" for role in ("driver", "executor")}
TWENTY = """
import socket, time
from spark_session import get_spark_session
with get_spark_session(executors=20) as spark:
    def work(_):
        time.sleep(0.5)
        return socket.gethostname()
    hosts = set()
    deadline = time.monotonic() + 300
    while len(hosts) < 20 and time.monotonic() < deadline:
        hosts |= set(spark.sparkContext.parallelize(range(80), 80).map(work).collect())
    print("hosts", len(hosts), flush=True)
"""
"""A session with twenty executors, each of which gets something to do."""

NOT_ENDED = "--field-selector=status.phase!=Succeeded,status.phase!=Failed"


@dataclass(frozen=True)
class Notebook:
    """A notebook pod, and what a person does in it.

    Args:
        target: the cluster.
        namespace: the person's.
        name: of the pod.
        s3: the server that it has; None where it has none.
    """

    target: Target
    namespace: str
    name: str = "notebook"
    s3: S3Server | None = None

    @property
    def store(self) -> S3Server:
        """The server of a notebook that has one."""
        assert self.s3 is not None
        return self.s3

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.target.kubectl("--namespace", self.namespace, *arguments, stdin=stdin).stdout

    def run(self, code: str) -> subprocess.CompletedProcess[str]:
        """Runs Python code in the pod."""
        arguments = ("--namespace", self.namespace, "exec", "--stdin", self.name, "--", "python", "-")
        return self.target.kubectl(*arguments, stdin=code, check=False)

    def start(self, code: str) -> subprocess.Popen[bytes]:
        """Starts Python code in the pod and does not wait for it."""
        command = self._exec(self.name, "--", "python", "-c", code)
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def open(self, code: str, stderr: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Starts Python code in the pod, to be spoken with line by line."""
        command = self._exec("--stdin", self.name, "--", "python", "-c", code)
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=stderr, text=True)

    def _exec(self, *words: str) -> list[str]:
        return self.target.kubectl_command("--namespace", self.namespace, "exec", *words)

    def executors(self) -> list[str]:
        """Pods of executors that have not ended."""
        return self.kubectl("get", "pods", *EXECUTORS, NOT_ENDED, "--output", "name").split()

    def executor_pods(self) -> list[str]:
        """All pods of executors: those that have ended wait for the session, or for the Jupyter server, to clear them away."""
        return self.kubectl("get", "pods", *EXECUTORS, "--output", "name").split()

    def wait_until_executors_are_gone(self) -> None:
        deadline = time.monotonic() + 60
        while (left := self.executors()) and time.monotonic() < deadline:
            time.sleep(0.5)
        assert not left, self.kubectl("get", *left, "--output=yaml")


@contextmanager
def running_notebook(
    node: Cluster,
    namespace: str,
    quota: Mapping[str, object],
    defaults: Mapping[str, object],
    command: Sequence[str] = ("sleep", "infinity"),
    *,
    spark_conf: Mapping[str, str] = MappingProxyType({}),
    s3: S3Server | None = None,
    placement: Placement = NO_PROFILES,
) -> Iterator[Notebook]:
    """A workspace of the user ada in `namespace`, with one notebook pod; all of it is removed at the end.

    Args:
        quota: a ResourceQuota's `spec.hard`.
        defaults: settings of SparkSessionDefaults on top of small executors that share a core.
        command: what the pod runs.
        spark_conf: settings of pods that an administrator gives some session by `spark.conf`, so that the policies allow them.
        s3: a server that pods reach, with a bucket `notebooks`; None where nothing is read or written there.
        placement: the profiles that the person may use.
    """
    target = of_node(node)
    image = images.build(["notebook"], push_to=node.registry)["notebook"]
    hub = HubIdentity(namespace="default", fullname=f"{namespace}-spark-notebooks")
    allowed = Allowed(spark_conf=spark_conf)
    keys = {} if s3 is None else s3.environment()
    workspace = Workspace(
        "ada",
        namespace,
        hub,
        quota=quota,
        credentials=credentials_file(keys) if keys else "[default]\n",
        allowed=allowed,
        placement=placement,
        network=network_of(node),
    )
    roles = _list([each for each in rights(target, namespace, hub.namespace) if each["kind"] in KINDS])
    target.kubectl("apply", "--filename", "-", stdin=roles)
    pod = notebook_pod(
        workspace, image, {**defaults, **session_settings(placement)}, command, None if s3 is None else s3.endpoint
    )
    place, *rest = workspace_manifests(workspace)
    place["metadata"]["annotations"] |= server_annotations(pod)
    manifests = [place, *rest, authentication_secret(workspace, secrets.token_urlsafe())]
    # The one before, which nobody has waited for, may still be going.
    target.kubectl("wait", "--for=delete", f"namespace/{namespace}", "--timeout=120s")
    target.kubectl("apply", "--filename", "-", stdin=_list(manifests))
    made = Notebook(target, namespace, s3=s3)
    try:
        create_pod(target, pod, f"system:serviceaccount:{hub.namespace}:{hub.service_account}")
        made.kubectl("wait", "--for=condition=Ready", "pod/notebook", "--timeout=300s")
        yield made
    finally:
        target.kubectl("delete", "namespace", namespace, "--wait=false")
        target.kubectl("delete", "--filename", "-", stdin=roles)


@contextmanager
def notebook_with_s3(
    node: Cluster,
    folder: Path,
    namespace: str,
    quota: Mapping[str, object],
    defaults: Mapping[str, object],
    *,
    placement: Placement = NO_PROFILES,
) -> Iterator[Notebook]:
    """The same with a store of its own, whose files are in `folder`, and its bucket."""
    with (
        S3Server(folder, host=node.host_address) as server,
        running_notebook(node, namespace, quota, defaults, s3=server, placement=placement) as made,
    ):
        server.create_bucket("notebooks")
        yield made


def create_pod(target: Target, pod: dict[str, object], user: str) -> None:
    """Makes a pod as the hub does. The API server sees the parameters of the policies after a moment."""
    deadline = time.monotonic() + 30
    while True:
        result = target.kubectl("create", f"--as={user}", "--filename", "-", stdin=json.dumps(pod), check=False)
        if result.returncode == 0:
            return
        assert "ValidatingAdmissionPolicy" in result.stderr or "cannot create resource" in result.stderr, result.stderr
        assert time.monotonic() < deadline, result.stderr
        time.sleep(0.1)


def _list(items: Sequence[Mapping[str, object]]) -> str:
    return json.dumps({"kind": "List", "apiVersion": "v1", "items": items})


def network_of(node: Cluster) -> NetworkRules:
    """What a workspace on the tests' node may reach, and whatever the tests serve on this machine."""
    machine = {"to": [{"ipBlock": {"cidr": f"{node.host_address}/32"}}]}
    api = Address(f"{node.node_address}/32", 6443)
    return NetworkRules(release="none", s3=[], s3_port=443, api_server=[api], egress=[machine])


def notebook_pod(
    workspace: Workspace,
    image: str,
    defaults: Mapping[str, object],
    command: Sequence[str],
    endpoint: str | None = None,
    *,
    tokens: TokenService | None = None,
) -> dict[str, object]:
    """A pod as the hub would start it, running another command; endpoint is that of the S3 store, tokens where its keys come from if not from a Secret."""
    has_credentials = tokens is None
    storage = NotebookStorage(bucket="notebooks", prefix="users", region="us-east-1", endpoint=endpoint)
    small = {"executor_memory": "512m", "executor_cpu_request": 0.05, "conf": QUICK}
    variables = environment(
        workspace.slug,
        storage,
        image=image,
        image_pull_policy=None,
        spark_defaults={**small, **defaults},
        contents_settings={},
        has_credentials=has_credentials,
        token_service=tokens,
    )
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "notebook", "namespace": workspace.namespace, "labels": NOTEBOOK_LABELS},
        "spec": {
            "serviceAccountName": "notebook",
            "terminationGracePeriodSeconds": 1,
            "securityContext": {**POD_SECURITY_CONTEXT, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000},
            "volumes": list(volumes(None, has_credentials, tokens).values()),
            "containers": [
                {
                    "name": "notebook",
                    "image": image,
                    "args": list(command),
                    "env": [{"name": k, "value": v} if isinstance(v, str) else v for k, v in variables.items()],
                    "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "3Gi"}},
                    "securityContext": {**CONTAINER_SECURITY_CONTEXT, "allowPrivilegeEscalation": False},
                    "volumeMounts": list(volume_mounts(has_credentials, tokens).values()),
                }
            ],
        },
    }
