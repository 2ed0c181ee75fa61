"""A cluster of two nodes: traffic between them, and the loss of one."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cluster import Cluster, ClusterError
from tests.support.node_watch import Watch
from tests.support.pod_network import PodNetwork
from tests.support.pods import apply, page, pod, wait

pytestmark = pytest.mark.long

SERVE = "hostname > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"
NAMESPACE = "default"


@pytest.fixture(scope="module")
def two(push: Callable[[Cluster], str]) -> Iterator[Cluster]:
    """Two nodes, each with a pod that serves its name, behind one service."""
    cluster = Cluster(os.environ.get("SPARK_NOTEBOOKS_TEST_CLUSTER", "test") + "-two")
    watch = Watch(cluster)
    cluster.delete()
    try:
        cluster.up(durable=False, nodes=2)
        image = push(cluster)
        wait(cluster, NAMESPACE, "serviceaccount/default", "create")
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": NAMESPACE},
            "spec": {"type": "NodePort", "selector": {"app": "on-node1"}, "ports": [{"port": 80, "targetPort": 8080}]},
        }
        apply(cluster, service, *(_server(image, node) for node in ("node0", "node1")))
        for node in ("node0", "node1"):
            wait(cluster, NAMESPACE, f"pod/on-{node}", "condition=Ready")
        watch.look()
        yield cluster
        cluster.down()
        assert watch.leftovers() == []
    finally:
        cluster.delete()


def _server(image: str, node: str) -> dict[str, Any]:
    mounts = {"volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}
    volumes = [{"name": "tmp", "emptyDir": {}}]
    # The server takes pods on the node of that name only; nobody else may start one there.
    return pod(NAMESPACE, f"on-{node}", image, SERVE, volumes=volumes, container=mounts, nodeName=node)


def _inside(cluster: Cluster, node: str, *command: str) -> str:
    return cluster.kubectl("exec", f"on-{node}", "--", *command).strip()


def _pod_address(cluster: Cluster, node: str) -> str:
    return cluster.kubectl("get", "pod", f"on-{node}", "--output=jsonpath={.status.podIP}")


@pytest.mark.parametrize(("here", "there"), [("node0", "node1"), ("node1", "node0")])
def test_a_pod_reaches_a_pod_of_the_other_node(two: Cluster, here: str, there: str) -> None:
    address = _pod_address(two, there)
    assert _inside(two, here, "wget", "-qO-", f"http://{address}:8080/index.html") == f"on-{there}"


@pytest.mark.parametrize("node", ["node0", "node1"])
def test_a_service_is_reached_by_its_name_from_either_node(two: Cluster, node: str) -> None:
    assert _inside(two, node, "wget", "-qO-", "http://web/index.html") == "on-node1"


@pytest.mark.parametrize("number", [0, 1])
def test_the_host_reaches_a_node_port_on_either_node(two: Cluster, number: int) -> None:
    port = two.kubectl("get", "service", "web", "--output=jsonpath={.spec.ports[0].nodePort}")
    network = two.node_address.rpartition(".")[0]
    assert page(f"{network}.{2 + number}:{port}").strip() == "on-node1"


def test_each_node_enforces_network_policies_for_its_own_pods(two: Cluster) -> None:
    pods = {node: PodNetwork(two, NAMESPACE, f"on-{node}") for node in ("node0", "node1")}

    def soon(here: str, there: str, *, reached: bool) -> None:
        deadline = time.monotonic() + 10
        while (pods[here].probe([("tcp", pods[there].address, 8080)]) == ["open"]) is not reached:
            assert time.monotonic() < deadline, f"{here} to {there}"

    for closed, other in (("node0", "node1"), ("node1", "node0")):
        spec = {"podSelector": {"matchLabels": {"app": f"on-{closed}"}}}
        allowed = [{"podSelector": {"matchLabels": {"app": f"on-{other}"}}}]
        for direction, peer, ends in (("Ingress", "from", (other, closed)), ("Egress", "to", (closed, other))):
            none = {**spec, "policyTypes": [direction]}
            soon(*ends, reached=True)
            apply(two, _policy(none))
            soon(*ends, reached=False)
            apply(two, _policy({**none, direction.lower(): [{peer: allowed}]}))
            soon(*ends, reached=True)
    two.kubectl("delete", "networkpolicy", "policy", "--namespace", NAMESPACE)


def _policy(spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "policy", "namespace": NAMESPACE}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def test_a_lost_node_takes_its_pods_only_and_comes_back(two: Cluster) -> None:
    two.lose_node(1)
    with pytest.raises(ClusterError):
        _inside(two, "node1", "true")
    assert _inside(two, "node0", "hostname") == "on-node0"
    assert not two.running
    with pytest.raises(ClusterError, match="does not run"):
        two.lose_node(1)
    two.up(durable=False)
    assert two.running
    assert two.kubectl("get", "nodes", "--output=name").split() == ["node/node0", "node/node1"]
    two.up(durable=False, nodes=1)
    assert two.kubectl("get", "nodes", "--output=name").split() == ["node/node0"]


def test_a_number_of_nodes_that_cannot_be_is_refused(two: Cluster) -> None:
    for number in (0, 9):
        with pytest.raises(ClusterError, match="1 to 8 nodes"):
            two.up(nodes=number)
    with pytest.raises(ClusterError, match="has no worker 0"):
        two.lose_node(0)
