"""Packets sent from inside a pod's network, by programs of this machine: the pod needs no shell, and no image but the one that every node has."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster import Cluster, cgroups
from cluster.config import PAUSE_IMAGE
from cluster.settings import all_nodes

PROBER = Path(__file__).with_name("prober.py")
PATIENCE = 1.0  # seconds: an answer inside one machine takes a thousandth of it
SILENT = "silent"
Target = tuple[str, str, int]  # "tcp" or "udp", address, port

# Listens on TCP ports, echoes on UDP ports, on addresses of IPv4 and IPv6; says so when it does.
SERVER = """
import json, selectors, socket, sys
found = selectors.DefaultSelector()
for kind, ports in zip((socket.SOCK_STREAM, socket.SOCK_DGRAM), json.loads(sys.argv[1])):
    for port in ports:
        server = socket.socket(socket.AF_INET6, kind)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((json.loads(sys.argv[2]) or "::", port))
        if kind == socket.SOCK_STREAM:
            server.listen(100)
        found.register(server, selectors.EVENT_READ)
print("listening", flush=True)
while True:
    for key, _ in found.select():
        if key.fileobj.type == socket.SOCK_STREAM:
            key.fileobj.accept()[0].close()
        else:
            key.fileobj.sendto(b"!", key.fileobj.recvfrom(16)[1])
"""


def still_pod(namespace: str, name: str, labels: dict[str, str], **spec: Any) -> dict[str, Any]:
    """A pod that does nothing and has a network."""
    container = {
        "name": "main",
        "image": PAUSE_IMAGE,
        "imagePullPolicy": "Never",
        "ports": [{"name": n, "protocol": p, "containerPort": number} for n, p, number in spec.pop("ports", ())],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "containers": [container],
            **spec,
        },
    }


class PodNetwork:
    """The network of a running pod."""

    def __init__(self, cluster: Cluster, namespace: str, name: str) -> None:
        pod = json.loads(cluster.kubectl("get", "pod", "--namespace", namespace, name, "--output=json"))
        self.name = name
        self.address: str = pod["status"]["podIP"]
        self.process = _process_of(cluster, pod["metadata"]["uid"])

    def probe(self, targets: Sequence[Target], patience: float = PATIENCE) -> list[str]:
        """What comes back from each target: "open", "closed" or "silent"."""
        return probe_from(self.process, targets, patience)

    @property
    def link_address(self) -> str:
        """Its address of IPv6, which every link has, as another pod of the node writes it."""
        command = ("ip", "-6", "-oneline", "address", "show", "dev", "eth0", "scope", "link")
        line = subprocess.run(_within(self.process, *command), capture_output=True, text=True, check=True).stdout
        return f"{line.split()[3].partition('/')[0]}%eth0"

    @contextmanager
    def serving(self, tcp: Sequence[int] = (), udp: Sequence[int] = (), address: str | None = None) -> Iterator[None]:
        """Somebody listens in the pod meanwhile."""
        with serving_in(self.process, tcp, udp, address):
            yield


def node_process(cluster: Cluster) -> int:
    """A process in the network of the first node itself."""
    process = cluster.instance.first_process()
    assert process
    return process


def probe_from(process: int, targets: Sequence[Target], patience: float = PATIENCE) -> list[str]:
    """What comes back from each target, asked from the network of a process."""
    text = json.dumps([[*target, patience] for target in targets])
    command = _within(process, sys.executable, "-IS", str(PROBER), text)
    answers: list[str] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return answers


@contextmanager
def serving_in(
    process: int, tcp: Sequence[int] = (), udp: Sequence[int] = (), address: str | None = None
) -> Iterator[None]:
    """Somebody listens in the network of a process meanwhile."""
    arguments = (json.dumps([tcp, udp]), json.dumps(f"::ffff:{address}" if address else None))
    command = _within(process, sys.executable, "-IS", "-c", SERVER, *arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            assert server.stdout.readline() == "listening\n"
            yield
        finally:
            server.kill()


def _within(process: int, *command: str) -> tuple[str, ...]:
    return ("nsenter", f"--net=/proc/{process}/ns/net", *command)


def _process_of(cluster: Cluster, uid: str) -> int:
    for node in all_nodes(cluster.instance.settings):
        for root in Path("/sys/fs/cgroup").iterdir():
            for group in (root / node.cgroup / "kubepods").glob(f"**/pod{uid}"):
                if found := cgroups.processes(str(group.relative_to(root))):
                    return min(found)
    raise AssertionError(f"No process of the pod {uid} was found.")
