"""Names, addresses and folders of one instance of the cluster. Pure: nothing here touches the machine."""

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Self

POD_NETWORK = "10.244.0.0/16"
SERVICE_NETWORK = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
CLUSTER_DOMAIN = "cluster.local"
FIRST_NODE = "node0"
STORAGE_CLASS = "local"
MOST_NODES = 8
NARROW = 16  # prefix length from which on another route counts as somebody's own network

# Inside the node /run is a file system of its own, and the instance's data folder appears in it. So no configuration
# depends on where the user keeps data, paths of sockets stay short, and whatever a component leaves in /run goes with the node.
NODE_DATA = Path("/run/spark-notebooks")
CONTAINERD_STATE = Path("/run/containerd")
CONTAINERD_SOCKET = CONTAINERD_STATE / "containerd.sock"

# In the data folder: what the enforcer of network policies cannot do.
POLICY_STATUS = "network-policies.json"

# Programs that the node starts, and those that its own steps and the host's need.
PROGRAMS = (
    "containerd",
    "ctr",
    "runc",
    "ip",
    "iptables",
    "mount",
    "nft",
    "nsenter",
    "unshare",
    "/usr/lib/cni/bridge",
)
BINARIES = (
    "coredns",
    "docker-registry",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
    "pause",
)


@dataclass(frozen=True)
class Settings:
    """All that tells one instance from another.

    `index` (1 to 254) numbers the instances of this machine, `folder` is the data folder on the host, `blobs` the store of the image
    registry, `binaries` the path of each of BINARIES, `durable` whether etcd waits for the disk before it answers, `nodes` how many
    nodes there are (1 to MOST_NODES).
    """

    name: str
    index: int
    folder: Path
    blobs: Path
    binaries: Mapping[str, Path]
    durable: bool = True
    nodes: int = 1

    @property
    def network(self) -> str:
        """The network between the host and the node."""
        return network(self.index)

    @property
    def host_address(self) -> str:
        """The host, as the node sees it."""
        return f"10.89.{self.index}.1"

    @property
    def node_address(self) -> str:
        """The first node, as the host sees it."""
        return node_address(self.index, 0)

    @property
    def registry(self) -> str:
        """The image registry, for the host and for the node alike."""
        return f"{self.node_address}:5000"

    @property
    def link(self) -> str:
        """The host's end of the virtual cable."""
        return link(self.index)

    @property
    def cgroup(self) -> str:
        """The control group that holds every process of the instance."""
        return cgroup(self.name, self.folder)

    def to_json(self) -> dict[str, Any]:
        """For json.dumps, and back by `from_json`."""
        binaries = {name: str(path) for name, path in self.binaries.items()}
        return asdict(self) | {"folder": str(self.folder), "blobs": str(self.blobs), "binaries": binaries}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        binaries = {name: Path(path) for name, path in data["binaries"].items()}
        return cls(**{**data, "folder": Path(data["folder"]), "blobs": Path(data["blobs"]), "binaries": binaries})


@dataclass(frozen=True)
class Node:
    """A node of an instance. The first (number 0) has the control plane and the cable to the host, the workers have a cable to the first."""

    cluster: Settings
    number: int

    @property
    def name(self) -> str:
        """Its name in Kubernetes; of a worker also that of its component, its folder and the first node's end of its cable."""
        return f"node{self.number}"

    @property
    def address(self) -> str:
        """The node, as the host and the other nodes see it."""
        return node_address(self.cluster.index, self.number)

    @property
    def pods(self) -> str:
        """The network of its pods."""
        return f"10.244.{self.number}.0/24"

    @property
    def folder(self) -> Path:
        """Its data folder on the host."""
        return self.cluster.folder / self.name if self.number else self.cluster.folder

    @property
    def cgroup(self) -> str:
        """The control group that holds its components and pods; those of the workers are inside the first node's."""
        return f"{self.cluster.cgroup}/{self.name}" if self.number else self.cluster.cgroup


def all_nodes(settings: Settings) -> list[Node]:
    """All nodes of an instance, the first one first."""
    return [Node(settings, number) for number in range(settings.nodes)]


def node_address(index: int, number: int) -> str:
    """Address of a node of the instance with that index."""
    return f"10.89.{index}.{2 + number}"


def cgroup(name: str, folder: Path) -> str:
    """The control group of an instance, from the root of each hierarchy.

    The hash tells instances apart that have the same name in different data folders (XDG_DATA_HOME).
    """
    return f"spark-notebooks-{name}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:6]}"


def link(index: int) -> str:
    """The host's end of the virtual cable to the instance with that index (the kernel allows 15 characters)."""
    return f"spark-nb-{index}"


def network(index: int) -> str:
    """The network of the instance with that index."""
    return f"10.89.{index}.0/24"


def valid_name(name: str) -> bool:
    """Whether `name` can name an instance: it becomes part of a folder's and a control group's name."""
    return re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", name) is not None


def free_index(preferred: int | None, taken: Collection[int], routes: Iterable[str]) -> int | None:
    """The index for an instance: the preferred one if it is free, else the first free one, or None.

    `taken` are the other instances' indices, `routes` the networks that this machine has routes to ("default" or CIDR).
    """
    # A wider route (a VPN's 10.0.0.0/8, say) does no harm: the node's own is the more specific one.
    routed = [route for route in map(IPv4Network, set(routes) - {"default"}) if route.prefixlen >= NARROW]
    candidates = [index for index in (preferred, *range(1, 255)) if index is not None and index not in taken]
    return next((n for n in candidates if not any(IPv4Network(network(n)).overlaps(route) for route in routed)), None)
