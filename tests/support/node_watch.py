"""What a node is made of while it runs, and what of it is left in the machine afterwards."""

import os
import subprocess
from pathlib import Path

from cluster import Cluster

NAMESPACES = ("net", "mnt", "pid", "uts", "ipc")
HOST_SETTINGS = (
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/rp_filter",
)


class Watch:
    """What an instance is made of while it runs, to look for afterwards."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.settings = kernel_settings()
        self.namespaces: set[str] = set()
        self._holders: set[int] = set()

    def look(self) -> None:
        """Note the namespaces of the running instance, its pods' among them, and which processes are in one.

        Which processes, too: the kernel gives the number of a namespace that has ended to the next one, perhaps another instance's.
        """
        ours = {name for pid in processes_of(self.cluster) for name in namespaces_of(pid)}
        self.namespaces = ours - namespaces_of(os.getpid())
        self._holders = {pid for pid in all_processes() if namespaces_of(pid) & self.namespaces}

    def leftovers(self) -> list[str]:
        """All that is left of it in the machine."""
        group, address = self.cluster.instance.settings.cgroup, self.cluster.node_address
        found = [f"control group {path}" for path in Path("/sys/fs/cgroup").glob(f"*/{group}")]
        found += [f"process {pid} {Path(f'/proc/{pid}/cmdline').read_bytes()!r}" for pid in processes_of(self.cluster)]
        for pid in self._holders:
            found += [f"namespace {name} of process {pid}" for name in namespaces_of(pid) & self.namespaces]
        mounts = Path("/proc/self/mountinfo").read_text()
        marks = [str(self.cluster.folder), "/run/spark-notebooks", "/var/lib/kubelet", "/var/lib/cni"]
        found += [f"mount {line}" for line in mounts.splitlines() if any(mark in line for mark in marks)]
        network = address.rpartition(".")[0]
        for command in ("ip address", "ip route", "ip neighbour", "iptables-save", "ip6tables-save"):
            lines = subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout.splitlines()
            found += [f"{command}: {line}" for line in lines if network in line or "KUBE" in line or "CNI" in line]
        if Path("/sys/class/net", self.cluster.instance.settings.link).exists():
            found.append("link")
        return found + [f"kernel setting {change}" for change in self.settings.items() ^ kernel_settings().items()]


def kernel_settings() -> dict[str, str]:
    """Settings of the whole machine that Kubernetes components like to change."""
    return {name: Path("/proc/sys", name).read_text() for name in HOST_SETTINGS}


def all_processes() -> list[int]:
    """Every process of the machine."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def processes_of(cluster: Cluster) -> list[int]:
    """Every process that is in the instance's control group in any hierarchy, or has its data folder on the command line."""
    marks = [f"/{cluster.instance.settings.cgroup}", str(cluster.folder)]
    found = []
    for pid in all_processes():
        path = Path(f"/proc/{pid}")
        try:
            text = (path / "cgroup").read_text() + (path / "cmdline").read_text()
            zombie = (path / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue  # it ended while we looked
        if zombie:
            continue  # it holds nothing any more; when it is taken off the list is up to the machine's own first process
        if any(mark in text for mark in marks):
            found.append(pid)
    return found


def namespaces_of(pid: int) -> set[str]:
    """`net:[4026531840]` and the like."""
    try:
        return {str(Path(f"/proc/{pid}/ns/{name}").readlink()) for name in NAMESPACES}
    except OSError:
        return set()
