"""Packets that somebody sends from a notebook's shell, from an executor and from elsewhere in the cluster, to where they have no business.

All are sent three times: with every policy in place, where none may arrive; without those of the sender's workspace; and without the receiver's, too. So
each attack is shown to fail for its own reason, and to succeed where the control is taken away.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from cluster import Cluster
from cluster.settings import API_SERVICE_ADDRESS
from tests.support.notebook_pod import Notebook
from tests.support.pod_network import PROBER, PodNetwork, Target, node_process, serving_in, still_pod

from .conftest import NAME as RELEASE
from .conftest import PORT, Situation

FULLNAME = f"{RELEASE}-spark-notebooks"
STRANGERS = "net-strangers"
METADATA, INTERNET, PRIVATE = "169.254.169.254", "198.51.100.9", "172.31.7.7"
BOBS_DRIVER = 40000
PATIENCE = 1.5
SESSION = """
import sys
from spark_session import get_spark_session
spark = get_spark_session(executors=1)
spark.range(1).count()
print("ready", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Attack:
    """Packets to a port of a place. `held` names the policies that refuse it: "sender" those of the sender, else those of the place."""

    source: str
    place: str
    port: int
    held: tuple[str, ...]
    protocol: str = "tcp"


SENDER, BOB, HUB, PROXY, S3, EVE = ("sender",), ("bob",), ("hub",), ("proxy",), ("s3",), ("eve",)

ATTACKS: dict[str, Attack] = {
    "another person's notebook": Attack("notebook", "bob's notebook", 8888, SENDER + BOB),
    "another person's driver": Attack("notebook", "bob's notebook", BOBS_DRIVER, SENDER + BOB),
    "another person's notebook from an executor": Attack("executor", "bob's notebook", 8888, SENDER + BOB),
    "another person's driver from an executor": Attack("executor", "bob's notebook", BOBS_DRIVER, SENDER + BOB),
    "an executor from another workspace": Attack("bob's notebook", "executor", 7079, ("bob", "eve")),
    "the hub's other ports": Attack("notebook", "hub", 8082, SENDER + HUB),
    "the hub's shell": Attack("notebook", "hub", 22, SENDER + HUB),
    "the hub from an executor": Attack("executor", "hub", 8081, SENDER + HUB),
    "the proxy's routes": Attack("notebook", "proxy", 8001, SENDER + PROXY),
    "the proxy's routes by their service": Attack("notebook", "proxy's API service", 8001, SENDER + PROXY),
    "the proxy's routes from an executor": Attack("executor", "proxy", 8001, SENDER + PROXY),
    "the proxy's front by its service": Attack("notebook", "proxy's public service", 80, SENDER),
    "the proxy's front by a node port": Attack("notebook", "node", PORT, SENDER),
    "the S3 server's other ports": Attack("notebook", "s3", 7071, SENDER + S3),
    "the kubelet": Attack("notebook", "node", 10250, SENDER),
    "the kubelet's read-only port": Attack("notebook", "node", 10255, SENDER),
    "the kubelet from an executor": Attack("executor", "node", 10250, SENDER),
    "etcd": Attack("notebook", "node", 2379, SENDER),
    "etcd's peers": Attack("notebook", "node", 2380, SENDER),
    "the controller manager": Attack("notebook", "node", 10257, SENDER),
    "the scheduler": Attack("notebook", "node", 10259, SENDER),
    "the image registry": Attack("notebook", "node", 5000, SENDER),
    "the DNS server's own pages": Attack("notebook", "node", 8181, SENDER),
    "the node's shell": Attack("notebook", "node", 22, SENDER),
    "the machine behind the node": Attack("notebook", "host", 22, SENDER),
    "the Kubernetes API from an executor": Attack("executor", "node", 6443, SENDER),
    "the Kubernetes API's service from an executor": Attack("executor", "API service", 443, SENDER),
    "the cloud's metadata": Attack("notebook", "metadata", 80, SENDER),
    "the cloud's metadata from an executor": Attack("executor", "metadata", 80, SENDER),
    "the internet": Attack("notebook", "internet", 443, SENDER),
    "the internet from an executor": Attack("executor", "internet", 443, SENDER),
    "a private network": Attack("notebook", "private network", 5432, SENDER),
    "a pod of somebody else": Attack("notebook", "stranger", 80, SENDER),
    "one's own notebook's port from an executor": Attack("executor", "eve's notebook", 8888, SENDER + EVE),
    "a notebook from a pod of somebody else": Attack("stranger", "bob's notebook", 8888, BOB),
    "an executor from a pod of somebody else": Attack("stranger", "executor", 7079, EVE),
    "the hub from a pod of somebody else": Attack("stranger", "hub", 8081, HUB),
    "the proxy's routes from a pod of somebody else": Attack("stranger", "proxy", 8001, PROXY),
    "the S3 server from a pod of somebody else": Attack("stranger", "s3", 7070, S3),
    "the hub from a pod with a notebook's labels": Attack("imitator", "hub", 8081, HUB),
    "a notebook from a pod with the hub's labels": Attack("imitator", "bob's notebook", 8888, BOB),
    "an executor from the hub": Attack("hub", "executor", 7079, EVE),
    "the cloud's metadata from the hub": Attack("hub", "metadata", 80, SENDER),
    "the internet from the proxy": Attack("proxy", "internet", 443, SENDER),
    "the cloud's metadata from the proxy": Attack("proxy", "metadata", 80, SENDER),
    "the S3 server's way out": Attack("s3", "internet", 443, SENDER),
    "the hub from the S3 server": Attack("s3", "hub", 8081, SENDER + HUB),
}
NEEDED: dict[str, Attack] = {
    "a notebook asks the hub": Attack("notebook", "hub's service", 8081, ()),
    "a notebook reads its files": Attack("notebook", "s3's service", 7070, ()),
    "an executor reads files": Attack("executor", "s3's service", 7070, ()),
    "a notebook asks Kubernetes": Attack("notebook", "API service", 443, ()),
    "a notebook asks for names": Attack("notebook", "node", 53, ()),
    "an executor asks for names": Attack("executor", "node", 53, ()),
    "a notebook reaches its executors": Attack("notebook", "executor", 7079, ()),
    "the hub looks after a notebook": Attack("hub", "bob's notebook", 8888, ()),
    "the proxy leads to a notebook": Attack("proxy", "bob's notebook", 8888, ()),
    "the hub tells the proxy its routes": Attack("hub", "proxy's API service", 8001, ()),
    "the hub reaches itself": Attack("hub", "hub's service", 8081, ()),
    "the hub asks Kubernetes": Attack("hub", "API service", 443, ()),
}
# Whose policies keep what a source sends; others are their own senders' name.
WORKSPACE_OF = {"notebook": "eve", "executor": "eve"}


class Scene:
    """The platform, two people, an executor, and a pod of somebody else."""

    def __init__(self, node: Cluster, situation: Situation) -> None:
        self.node, self.eve, self.bob = node, situation.eve, situation.bob
        pods = {name: (RELEASE, pod_of(node, name)) for name in ("hub", "proxy", "s3")}
        pods |= {"bob's notebook": (self.bob.namespace, "notebook"), "eve's notebook": (self.eve.namespace, "notebook")}
        pods |= {"executor": (self.eve.namespace, self.eve.executors()[0].removeprefix("pod/"))}
        pods |= {"stranger": (STRANGERS, "stranger"), "imitator": (STRANGERS, "imitator")}
        self.pods = {name: PodNetwork(node, *place) for name, place in pods.items()}
        services = {
            "hub's service": f"{FULLNAME}-hub",
            "proxy's API service": f"{FULLNAME}-proxy-api",
            "proxy's public service": f"{FULLNAME}-proxy-public",
            "s3's service": f"{FULLNAME}-s3",
        }
        path = "--output=jsonpath={.spec.clusterIP}"
        self.addresses = {name: pod.address for name, pod in self.pods.items()} | {
            "node": node.node_address,
            "host": node.host_address,
            "API service": API_SERVICE_ADDRESS,
            "metadata": METADATA,
            "internet": INTERNET,
            "private network": PRIVATE,
            **{
                name: node.kubectl("get", "service", "--namespace", RELEASE, one, path)
                for name, one in services.items()
            },
        }

    def send(self, attacks: Mapping[str, Attack]) -> dict[str, str]:
        """What came back from each attack; all are sent at once, those of one source by one process."""
        sources = sorted({attack.source for attack in attacks.values()})
        by_source = {one: {n: attack for n, attack in attacks.items() if attack.source == one} for one in sources}
        with ThreadPoolExecutor(len(sources)) as threads:
            answers = threads.map(lambda one: self._from(one, list(by_source[one].values())), sources)
        return {
            name: word
            for found, words in zip(by_source.values(), answers, strict=True)
            for name, word in zip(found, words, strict=True)
        }

    def _from(self, source: str, attacks: Sequence[Attack]) -> list[str]:
        targets: list[Target] = [(attack.protocol, self.addresses[attack.place], attack.port) for attack in attacks]
        if source not in ("notebook", "executor"):
            return self.pods[source].probe(targets, PATIENCE)
        pod = "notebook" if source == "notebook" else self.eve.executors()[0].removeprefix("pod/")
        text = json.dumps([[*target, PATIENCE] for target in targets])
        answer = self.eve.kubectl("exec", "--stdin", pod, "--", "python", "-", text, stdin=PROBER.read_text())
        words: list[str] = json.loads(answer)
        return words

    def policies(self) -> dict[str, tuple[str, str]]:
        """Namespace and selector of the policies of each, by name."""
        component = "app.kubernetes.io/component"
        return {
            **{name: (RELEASE, f"{component}={name}") for name in ("hub", "proxy", "s3")},
            "eve": (self.eve.namespace, "spark-notebooks.io/workspace=eve"),
            "bob": (self.bob.namespace, "spark-notebooks.io/workspace=bob"),
        }


def pod_of(node: Cluster, component: str) -> str:
    """The pod of a component of the release."""
    selector = f"--selector=app.kubernetes.io/component={component}"
    return node.kubectl("get", "pods", "--namespace", RELEASE, selector, "--output=jsonpath={.items[0].metadata.name}")


@pytest.fixture(scope="module")
def scene(situation: Situation, node: Cluster) -> Iterator[Scene]:
    """Everything in place, and somebody at every address that is attacked but those of the machine behind the node."""
    try:
        strangers(node)
        with ExitStack() as stack:
            stack.enter_context(executor_of(situation.eve))
            made = Scene(node, situation)
            stack.enter_context(made.pods["bob's notebook"].serving(tcp=[BOBS_DRIVER]))
            stack.enter_context(addresses_of_node(node, METADATA, INTERNET, PRIVATE))
            yield made
    finally:
        node.kubectl("delete", "namespace", STRANGERS, "--ignore-not-found", "--wait=false")


def strangers(node: Cluster) -> None:
    """Pods of somebody else in the cluster: one as any, one that says it is a notebook and the hub."""
    labels = {"app.kubernetes.io/instance": RELEASE, "app.kubernetes.io/component": "hub"}
    pods = [
        still_pod(STRANGERS, "stranger", {}),
        still_pod(STRANGERS, "imitator", {"component": "singleuser-server", **labels}),
    ]
    node.kubectl("create", "namespace", STRANGERS)
    node.kubectl("wait", "serviceaccount/default", "--namespace", STRANGERS, "--for=create", "--timeout=60s")
    node.kubectl("apply", "--filename=-", stdin=json.dumps({"kind": "List", "apiVersion": "v1", "items": pods}))
    node.kubectl("wait", "pods", "--all", "--namespace", STRANGERS, "--for=condition=Ready", "--timeout=60s")


@contextmanager
def executor_of(notebook: Notebook) -> Iterator[None]:
    """A session with one running executor, which ends with the block."""
    process = notebook.open(SESSION)
    assert process.stdin
    assert process.stdout
    try:
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.stdin.close()
        process.wait(60)
        notebook.wait_until_executors_are_gone()


@contextmanager
def addresses_of_node(node: Cluster, *addresses: str) -> Iterator[None]:
    """Addresses that a cluster of a cloud would reach and this node has no way to: the node takes them itself, and answers there."""
    within = ("nsenter", f"--net=/proc/{node_process(node)}/ns/net")
    for address in addresses:
        subprocess.run((*within, "ip", "address", "add", f"{address}/32", "dev", "lo"), check=True)
    try:
        with ExitStack() as stack:
            for address in addresses:
                stack.enter_context(serving_in(node_process(node), tcp=[80, 443, 5432], address=address))
            yield
    finally:
        for address in addresses:
            subprocess.run((*within, "ip", "address", "delete", f"{address}/32", "dev", "lo"), check=True)


@dataclass(frozen=True)
class Report:
    """What came back: with all policies, without those of the sender, without any that hold it."""

    needed: Mapping[str, str]
    closed: Mapping[str, str]
    without_one: Mapping[tuple[str, str], str]
    opened: Mapping[str, str]


def holders(attack: Attack) -> set[str]:
    """Whose policies refuse it, by name."""
    own = WORKSPACE_OF.get(attack.source, attack.source.removesuffix("'s notebook"))
    return {own if one == "sender" else one for one in attack.held}


@pytest.fixture(scope="module")
def report(scene: Scene) -> Report:
    """All attacks, as often as there are controls to take away. Each of these is put back but for the last time, when all go."""
    needed, closed = scene.send(NEEDED), scene.send(ATTACKS)
    without_one: dict[tuple[str, str], str] = {}
    for owner, (namespace, selector) in scene.policies().items():
        held = {name: attack for name, attack in ATTACKS.items() if owner in holders(attack)}
        with taken_away(scene.node, namespace, selector):
            without_one |= {(owner, name): word for name, word in settled(scene, held, {owner}).items()}
    with ExitStack() as stack:
        for namespace, selector in scene.policies().values():
            stack.enter_context(taken_away(scene.node, namespace, selector))
        opened = settled(scene, ATTACKS, set(scene.policies()))
    return Report(needed, closed, without_one, opened)


@contextmanager
def taken_away(node: Cluster, namespace: str, selector: str) -> Iterator[None]:
    """Without these policies meanwhile."""
    found = json.loads(
        node.kubectl("get", "networkpolicies", "--namespace", namespace, "--selector", selector, "--output=json")
    )
    assert found["items"], f"no policy {selector} in {namespace}"
    node.kubectl("delete", "networkpolicies", "--namespace", namespace, "--selector", selector)
    try:
        yield
    finally:
        for item in found["items"]:
            kept = item["metadata"].keys() & {"name", "namespace", "labels", "annotations"}
            item["metadata"] = {key: item["metadata"][key] for key in kept}
        node.kubectl("apply", "--filename=-", stdin=json.dumps(found))


def settled(scene: Scene, attacks: Mapping[str, Attack], gone: set[str]) -> dict[str, str]:
    """What came back when those that nothing else holds come through: policies go a moment after they are deleted."""
    deadline = time.monotonic() + 15
    while True:
        found = scene.send(attacks)
        late = [name for name, word in found.items() if word == "silent" and holders(attacks[name]) <= gone]
        if not late or time.monotonic() > deadline:
            return found


@pytest.mark.parametrize("name", NEEDED)
def test_what_the_platform_needs_passes(report: Report, name: str) -> None:
    assert report.needed[name] != "silent"


@pytest.mark.parametrize("name", ATTACKS)
def test_the_attack_is_refused(report: Report, name: str) -> None:
    assert report.closed[name] == "silent"


@pytest.mark.parametrize("name", ATTACKS)
def test_each_control_holds_alone_and_no_other_does(report: Report, name: str) -> None:
    """Where two hold an attack, it stays refused without either of them; without all of them it succeeds."""
    held = holders(ATTACKS[name])
    for owner in held:
        assert (report.without_one[owner, name] == "silent") is (len(held) > 1), owner
    assert report.opened[name] != "silent"
