"""What a real node gives to those who use it."""

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cluster import Cluster, ClusterError
from tests.support.pods import apply, claim, page, pod, wait

Push = Callable[[Cluster], str]


@pytest.fixture
def cluster(node: Cluster) -> Cluster:
    """All that is asked here harms nobody else on the tests' node."""
    return node


@pytest.fixture
def image(cluster: Cluster, push: Push) -> str:
    """busybox in the cluster's registry."""
    return push(cluster)


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for one test, under the strictest Pod Security Standard."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[-60:].strip("-")
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    apply(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": label}})
    wait(cluster, name, "serviceaccount/default", "create")
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_a_pod_runs_from_the_registry_with_logs_and_exec(cluster: Cluster, image: str, namespace: str) -> None:
    cluster.pull(image)
    apply(cluster, pod(namespace, "p", image, "echo hello; id -u; exec sleep 600"))
    wait(cluster, namespace, "pod/p", "condition=Ready")
    assert cluster.kubectl("logs", "-n", namespace, "p").split() == ["hello", "1000"]
    assert cluster.kubectl("exec", "-n", namespace, "p", "--", "cat", "/etc/hostname") == "p\n"


def test_an_image_that_is_not_in_the_registry_is_said_to_be_missing(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match=r"(?s)could not pull .*nobody/nothing:1.*not found"):
        cluster.pull(f"{cluster.registry}/nobody/nothing:1")


@contextmanager
def _port_forward(cluster: Cluster, namespace: str, target: str) -> Iterator[str]:
    command = [
        str(cluster.instance.settings.binaries["kubectl"]),
        f"--kubeconfig={cluster.kubeconfig}",
        "port-forward",
        "-n",
        namespace,
    ]
    with subprocess.Popen([*command, target, ":80"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().split()[2]
        finally:
            process.terminate()


def test_services_are_reached_by_name_by_node_port_and_by_port_forward(
    cluster: Cluster, image: str, namespace: str
) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"type": "NodePort", "selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    serve = "echo page > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"
    volumes = [{"name": "tmp", "emptyDir": {}}]
    mounts = {"volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}
    ask = (
        "until wget -q -O /dev/null http://web/index.html; do sleep 0.2; done 2>/dev/null; "
        f"wget -qO- http://web/index.html http://web.{namespace}.svc.cluster.local/index.html"
    )
    apply(
        cluster,
        service,
        pod(namespace, "server", image, serve, volumes=volumes, container=mounts),
        pod(namespace, "client", image, ask),
    )
    wait(cluster, namespace, "pod/server", "condition=Ready")
    port = cluster.kubectl("get", "service", "-n", namespace, "web", "-o=jsonpath={.spec.ports[0].nodePort}")
    assert page(f"{cluster.node_address}:{port}") == "page\n"
    with _port_forward(cluster, namespace, "service/web") as address:
        assert page(address) == "page\n"
    wait(cluster, namespace, "pod/client", "jsonpath={.status.phase}=Succeeded")
    assert cluster.kubectl("logs", "-n", namespace, "client").split() == ["page", "page"]


def test_a_pod_reaches_nothing_outside_but_this_machine(cluster: Cluster, image: str, namespace: str) -> None:
    with socket.create_server((cluster.host_address, 0)) as listener:
        listener.settimeout(60)
        port = listener.getsockname()[1]
        script = (
            f"nc -w 2 {cluster.host_address} {port} </dev/null && echo host reached; "
            "nc -w 2 192.0.2.1 80 </dev/null 2>/dev/null || echo network not reached; "
            "nslookup example.com | grep -o NXDOMAIN | head -1"
        )
        apply(cluster, pod(namespace, "p", image, script))
        connection, (peer, _) = listener.accept()
        connection.close()
        wait(cluster, namespace, "pod/p", "jsonpath={.status.phase}=Succeeded")
    assert peer == cluster.node_address
    assert cluster.kubectl("logs", "-n", namespace, "p").splitlines() == [
        "host reached",
        "network not reached",
        "NXDOMAIN",
    ]


def test_a_volume_belongs_to_its_claim_alone_and_goes_with_it(cluster: Cluster, image: str, namespace: str) -> None:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/data"}]}
    writer = pod(namespace, "p", image, "echo kept > /data/file; ls -l /data", volumes=volumes, container=mounts)
    apply(cluster, claim(namespace, "data"), writer)
    wait(cluster, namespace, "pod/p", "jsonpath={.status.phase}=Succeeded")
    volume = cluster.kubectl("get", "pvc", "-n", namespace, "data", "-o=jsonpath={.spec.volumeName}")
    file = cluster.folder / "volumes" / volume / "file"
    assert file.read_text() == "kept\n"
    assert (file.stat().st_uid, file.stat().st_gid) == (1000, 1000)
    cluster.kubectl("delete", "-n", namespace, "pod/p", "pvc/data")
    wait(cluster, namespace, f"persistentvolume/{volume}", "delete")
    assert not file.parent.exists()


def test_memory_limits_hold(cluster: Cluster, image: str, namespace: str) -> None:
    limit = {"resources": {"limits": {"memory": "32Mi"}}}
    apply(cluster, pod(namespace, "greedy", image, "exec tail /dev/zero", container=limit))
    wait(cluster, namespace, "pod/greedy", "jsonpath={.status.phase}=Failed")
    path = "-o=jsonpath={.status.containerStatuses[0].state.terminated.exitCode}"
    assert cluster.kubectl("get", "pod", "-n", namespace, "greedy", path) == "137"


def test_admission_is_the_stock_api_servers(cluster: Cluster, image: str, namespace: str) -> None:
    with pytest.raises(ClusterError, match=r'violates PodSecurity "restricted'):
        apply(cluster, pod(namespace, "p", image, "true", hostNetwork=True))
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": namespace}}
    apply(cluster, {**quota, "spec": {"hard": {"pods": "0"}}})
    wait(cluster, namespace, "resourcequota/q", "jsonpath={.status.hard.pods}=0")
    with pytest.raises(ClusterError, match="exceeded quota: q"):
        apply(cluster, pod(namespace, "p", image, "true"))


def test_a_validating_admission_policy_is_enforced(cluster: Cluster, namespace: str) -> None:
    kind = {"apiVersion": "admissionregistration.k8s.io/v1"}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "object.metadata.name != 'forbidden'", "message": "not this name"}],
    }
    own = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    binding = {"policyName": namespace, "validationActions": ["Deny"], "matchResources": own}
    metadata = {"name": namespace}
    apply(
        cluster,
        {**kind, "kind": "ValidatingAdmissionPolicy", "metadata": metadata, "spec": policy},
        {**kind, "kind": "ValidatingAdmissionPolicyBinding", "metadata": metadata, "spec": binding},
    )
    deadline = time.monotonic() + 30
    complaint = ""
    # The API server takes up a new policy after a moment.
    while "not this name" not in complaint and time.monotonic() < deadline:
        try:
            cluster.kubectl("create", "configmap", "forbidden", "-n", namespace, "--dry-run=server")
        except ClusterError as error:
            complaint = str(error)
        time.sleep(0.1)
    assert "not this name" in complaint
    cluster.kubectl("create", "configmap", "allowed", "-n", namespace)
    cluster.kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", namespace)
