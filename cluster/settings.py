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
NODE_NAME = "node0"
STORAGE_CLASS = "local"
NARROW = 16  # prefix length from which on another route counts as somebody's own network

# Inside the node /run is a file system of its own, and the instance's data folder appears in it. So no configuration
# depends on where the user keeps data, paths of sockets stay short, and whatever a component leaves in /run goes with the node.
NODE_DATA = Path("/run/spark-notebooks")
CONTAINERD_STATE = Path("/run/containerd")
CONTAINERD_SOCKET = CONTAINERD_STATE / "containerd.sock"

# Programs that the node starts, and those that its own steps and the host's need.
PROGRAMS = (
    "containerd",
    "ctr",
    "runc",
    "ip",
    "iptables",
    "mount",
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
    registry, `binaries` the path of each of BINARIES, `durable` whether etcd waits for the disk before it answers.
    """

    name: str
    index: int
    folder: Path
    blobs: Path
    binaries: Mapping[str, Path]
    durable: bool = True

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
        """The node, as the host sees it."""
        return f"10.89.{self.index}.2"

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
