"""NetworkPolicies on the real node, by packets: what the API says passes, and nothing else."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster, ClusterError
from cluster.settings import API_SERVICE_ADDRESS
from tests.support.pod_network import PodNetwork, Target, node_process, probe_from, still_pod
from tests.support.pods import apply, pod, wait

pytestmark = pytest.mark.long

ONE, TWO = "policies-one", "policies-two"
PODS = {"web": ONE, "client": ONE, "far": TWO, "odd": TWO}
LABELS = {
    "web": {"app": "web"},
    "client": {"app": "client"},
    "far": {"app": "client"},
    "odd": {"app": "odd", "tier": "x"},
}
TCP, UDP = (80, 8080, 8081), (53, 5353)
SOON = 10.0  # seconds; the machine may be busy


class World:
    """Four pods in two namespaces, each of which listens on TCP and UDP ports."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.pods = {name: PodNetwork(cluster, namespace, name) for name, namespace in PODS.items()}

    def policy(self, spec: dict[str, Any], name: str = "policy", namespace: str = ONE) -> None:
        metadata = {"name": name, "namespace": namespace}
        kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
        apply(self.cluster, {**kind, "metadata": metadata, "spec": spec})

    def remove_policies(self) -> None:
        for namespace in (ONE, TWO):
            self.cluster.kubectl("delete", "networkpolicy", "--all", "--namespace", namespace)

    def passing(self, targets: Mapping[str, Target], sources: tuple[str, ...] = tuple(PODS)) -> dict[str, set[str]]:
        """The names of the targets from which something came back, by source."""
        with ThreadPoolExecutor(len(sources)) as threads:
            answers = threads.map(lambda name: self.pods[name].probe(list(targets.values())), sources)
        return {
            source: {name for name, word in zip(targets, words, strict=True) if word != "silent"}
            for source, words in zip(sources, answers, strict=True)
        }

    def at(self, port: int = 80, protocol: str = "tcp") -> dict[str, Target]:
        """All pods on one port."""
        return {name: (protocol, pod.address, port) for name, pod in self.pods.items()}


@pytest.fixture(scope="module")
def everything(node: Cluster) -> Iterator[World]:
    ports = {"web": [("http", "TCP", 8080)], "client": [("http", "TCP", 80)]}
    for name, team in ((ONE, "a"), (TWO, "b")):
        apply(node, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": team}}})
        wait(node, name, "serviceaccount/default", "create")
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": ONE},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 1234, "targetPort": 8080}]},
    }
    pods = [still_pod(space, name, LABELS[name], ports=ports.get(name, [])) for name, space in PODS.items()]
    apply(node, service, *pods)
    for name, namespace in PODS.items():
        wait(node, namespace, f"pod/{name}", "condition=Ready")
    world = World(node)
    try:
        with ExitStack() as stack:
            for one in world.pods.values():
                stack.enter_context(one.serving(TCP, UDP))
            yield world
    finally:
        node.kubectl("delete", "namespace", ONE, TWO, "--wait=false")


@pytest.fixture
def world(everything: World) -> Iterator[World]:
    """All pods, and no policy."""
    everything.remove_policies()
    yield everything
    everything.remove_policies()


def soon(look: Callable[[], object], expected: object) -> None:
    """A policy is in force a moment after it was made."""
    deadline = time.monotonic() + SOON
    while (found := look()) != expected:
        assert time.monotonic() < deadline, f"{found} is not {expected}"


ALL = set(PODS)


def test_without_policies_all_pass(world: World) -> None:
    soon(lambda: world.passing(world.at()), dict.fromkeys(PODS, ALL))


def test_a_pod_that_is_selected_is_reached_by_its_node_alone(world: World) -> None:
    world.policy({"podSelector": {}, "policyTypes": ["Ingress"]})
    others = {"far": {"far", "odd"}, "odd": {"far", "odd"}}
    soon(
        lambda: world.passing(world.at()),
        {"web": {"web", "far", "odd"}, "client": {"client", "far", "odd"}, **others},
    )
    assert probe_from(node_process(world.cluster), list(world.at().values())) == ["open"] * 4


def test_a_pod_that_may_send_nothing_still_answers(world: World) -> None:
    world.policy({"podSelector": {}, "policyTypes": ["Egress"]})
    address = world.cluster.node_address
    targets = {
        **world.at(),
        "names": ("tcp", address, 53),
        "kubelet": ("tcp", address, 10250),
        "API": ("tcp", API_SERVICE_ADDRESS, 443),
        "outside": ("tcp", world.cluster.host_address, 9),
    }
    # A pod is never kept from itself.
    soon(lambda: world.passing(targets, ("web", "client")), {"web": {"web"}, "client": {"client"}})
    assert world.passing(targets, ("far",)) == {"far": set(targets)}


def test_senders_are_selected_by_pod_by_namespace_and_by_both(world: World) -> None:
    clients = {"podSelector": {"matchLabels": {"app": "client"}}}
    team = {"namespaceSelector": {"matchLabels": {"team": "b"}}}
    for peer, senders in ((clients, {"client"}), (team, {"far", "odd"}), (clients | team, {"far"})):
        world.policy({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": [peer]}]})
        target = {"web": world.at()["web"]}
        others = ("client", "far", "odd")
        soon(lambda t=target, o=others: {n for n, found in world.passing(t, o).items() if found}, senders)


def test_expressions_select_too(world: World) -> None:
    expressions = [
        {"key": "app", "operator": "NotIn", "values": ["web"]},
        {"key": "tier", "operator": "Exists"},
    ]
    peer = {"namespaceSelector": {}, "podSelector": {"matchExpressions": expressions}}
    world.policy({"podSelector": {}, "ingress": [{"from": [peer]}]})
    target = {"web": world.at()["web"]}
    soon(lambda: {n for n, found in world.passing(target).items() if found and n != "web"}, {"odd"})


def test_addresses_are_allowed_with_exceptions(world: World) -> None:
    hole = f"{world.pods['far'].address}/32"
    block = {"ipBlock": {"cidr": "10.244.0.0/16", "except": [hole]}}
    world.policy({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [block]}]})
    soon(lambda: world.passing(world.at(), ("web",)), {"web": {"web", "client", "odd"}})


def test_ports_are_numbers_ranges_and_names_of_either_protocol(world: World) -> None:
    def rule(*ports: dict[str, Any]) -> None:
        world.policy({"podSelector": {}, "ingress": [{"ports": list(ports)}]})

    targets = {f"tcp{port}": ("tcp", world.pods["web"].address, port) for port in TCP}
    targets |= {f"udp{port}": ("udp", world.pods["web"].address, port) for port in UDP}
    for ports, passing in (
        ([{"port": 80}], {"tcp80"}),
        ([{"port": 8080, "endPort": 9000}], {"tcp8080", "tcp8081"}),
        ([{"port": "http"}], {"tcp8080"}),
        ([{"protocol": "UDP", "port": 53}, {"port": 8081}], {"udp53", "tcp8081"}),
        ([{"protocol": "UDP"}], {"udp53", "udp5353"}),
    ):
        rule(*ports)
        soon(lambda: world.passing(targets, ("far",))["far"], passing)


def test_a_service_is_judged_by_the_pod_behind_it(world: World) -> None:
    path = "--output=jsonpath={.spec.clusterIP}"
    address = world.cluster.kubectl("get", "service", "web", "--namespace", ONE, path)
    service: dict[str, Target] = {"service": ("tcp", address, 1234)}
    soon(lambda: world.passing(service, ("client",))["client"], {"service"})
    to = [{"podSelector": {"matchLabels": {"app": "web"}}}]
    world.policy({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": to, "ports": [{"port": 1234}]}]})
    soon(lambda: world.passing(service, ("client",))["client"], set())
    world.policy({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": to, "ports": [{"port": 8080}]}]})
    soon(lambda: world.passing(service, ("client",))["client"], {"service"})


def test_a_service_of_the_node_is_judged_by_the_nodes_address(world: World) -> None:
    api: dict[str, Target] = {"API": ("tcp", API_SERVICE_ADDRESS, 443)}
    block = {"ipBlock": {"cidr": f"{world.cluster.node_address}/32"}}
    for ports, passing in (([{"port": 443}], set()), ([{"port": 6443}], {"API"})):
        world.policy({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [block], "ports": ports}]})
        soon(lambda: world.passing(api, ("client",))["client"], passing)


def test_policies_add_up_and_go_one_by_one(world: World) -> None:
    world.policy({"podSelector": {}, "policyTypes": ["Ingress"]}, "closed")
    world.policy({"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}, "some")
    look = {name: ("tcp", world.pods["web"].address, int(name)) for name in ("80", "8080")}
    soon(lambda: world.passing(look, ("far",))["far"], {"80"})
    world.cluster.kubectl("delete", "networkpolicy", "some", "--namespace", ONE)
    soon(lambda: world.passing(look, ("far",))["far"], set())
    world.cluster.kubectl("delete", "networkpolicy", "closed", "--namespace", ONE)
    soon(lambda: world.passing(look, ("far",))["far"], {"80", "8080"})


def test_labels_that_change_change_who_may(world: World) -> None:
    world.policy(
        {
            "podSelector": {"matchLabels": {"app": "web"}},
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"let": "in"}}}]}],
        }
    )
    target = {"web": world.at()["web"]}
    soon(lambda: world.passing(target, ("client",))["client"], set())
    world.cluster.kubectl("label", "pod", "client", "--namespace", ONE, "let=in")
    soon(lambda: world.passing(target, ("client",))["client"], {"web"})
    world.cluster.kubectl("label", "pod", "client", "--namespace", ONE, "let-")
    soon(lambda: world.passing(target, ("client",))["client"], set())


def test_no_policy_is_got_around_by_the_other_internet_protocol(world: World) -> None:
    target: dict[str, Target] = {"web": ("tcp", world.pods["web"].link_address, 80)}
    assert world.passing(target, ("web", "client")) == {"web": {"web"}, "client": set()}


def test_what_is_not_supported_is_closed_and_said(world: World) -> None:
    world.policy({"podSelector": {}, "ingress": [{"ports": [{"protocol": "SCTP", "port": 80}]}]}, "sctp")
    soon(lambda: world.passing({"web": world.at()["web"]}, ("far",))["far"], set())
    text = "ingress[0]: the protocol SCTP is not supported here, so this port allows nothing"
    assert world.cluster.status()["refused_policies"] == {f"{ONE}/sctp": [text]}
    selector = "--field-selector=involvedObject.name=sctp,reason=NotSupported"
    command = ("get", "events", "--namespace", ONE, selector, "--output=jsonpath={.items[*].message}")
    soon(lambda: world.cluster.kubectl(*command), text)


def _enforcer(cluster: Cluster) -> int:
    group = Path("/sys/fs/cgroup").glob(f"*/{cluster.instance.settings.cgroup}/node/cgroup.procs")
    pids = {int(pid) for file in group for pid in file.read_text().split()}
    (found,) = [pid for pid in pids if b"cluster.policies.enforcer" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return found


@contextmanager
def _asleep(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def test_no_pod_starts_before_the_enforcer_knows_it(world: World) -> None:
    with _asleep(_enforcer(world.cluster)):
        apply(world.cluster, still_pod(ONE, "late", {"app": "late"}))
        wait(world.cluster, ONE, "pod/late", "condition=PodScheduled")
        with pytest.raises(ClusterError, match="timed out"):
            world.cluster.kubectl("wait", "pod/late", "--namespace", ONE, "--for=condition=Ready", "--timeout=3s")
    wait(world.cluster, ONE, "pod/late", "condition=Ready")
    world.cluster.kubectl("delete", "pod", "late", "--namespace", ONE)


def test_rules_stay_while_the_enforcer_is_away(world: World) -> None:
    target = {"web": world.at()["web"]}
    world.policy({"podSelector": {}, "policyTypes": ["Ingress"]})
    soon(lambda: world.passing(target, ("far",))["far"], set())
    os.kill(_enforcer(world.cluster), signal.SIGKILL)
    assert world.passing(target, ("far",)) == {"far": set()}
    deadline = time.monotonic() + 60
    while not world.cluster.running:
        assert time.monotonic() < deadline, "the enforcer did not come back"
        time.sleep(0.1)
    assert world.passing(target, ("far",)) == {"far": set()}
    world.remove_policies()
    soon(lambda: world.passing(target, ("far",))["far"], {"web"})


def test_a_pod_that_a_policy_selects_sends_nothing_from_its_first_moment(
    world: World, push: Callable[[Cluster], str]
) -> None:
    image = push(world.cluster)
    world.cluster.pull(image)
    listener = f"nc -w 1 {world.pods['odd'].address} 80 </dev/null 2>/dev/null && echo passed"
    script = f"i=0; while [ $i -lt 3 ]; do {listener}; i=$((i+1)); done; echo done"
    # Without a policy the very first packet passes: the pod need not wait for its network either.
    free = [pod(TWO, f"free-{number}", image, script) for number in range(2)]
    closed = [pod(ONE, f"closed-{number}", image, script) for number in range(4)]
    world.policy({"podSelector": {}, "policyTypes": ["Egress"]})
    apply(world.cluster, *free, *closed)
    for one in (*free, *closed):
        name, namespace = one["metadata"]["name"], one["metadata"]["namespace"]
        wait(world.cluster, namespace, f"pod/{name}", "jsonpath={.status.phase}=Succeeded")
        lines = world.cluster.kubectl("logs", name, "--namespace", namespace).split()
        assert lines == (["passed"] * 3 if namespace == TWO else []) + ["done"], name
    for namespace in (ONE, TWO):
        names = [one["metadata"]["name"] for one in (*free, *closed) if one["metadata"]["namespace"] == namespace]
        world.cluster.kubectl("delete", "pod", "--namespace", namespace, *names, "--wait=false")


def test_the_rules_are_one_table(world: World) -> None:
    world.policy({"podSelector": {}, "policyTypes": ["Ingress"]})
    command = ("nsenter", f"--net=/proc/{node_process(world.cluster)}/ns/net", "nft", "--json", "list", "tables")
    tables = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["nftables"]
    ours = [one["table"] for one in tables if one.get("table", {}).get("name") == "network_policies"]
    assert [one["family"] for one in ours] == ["inet"]
