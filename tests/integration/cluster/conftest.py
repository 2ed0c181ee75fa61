"""Instances of the tests' own, an image for their pods, and what an instance may not leave behind."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster import Cluster
from dev.toolchain import binary, ensure_programs

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
        group, address = self.cluster._settings.cgroup, self.cluster.node_address
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
        if Path("/sys/class/net", self.cluster._settings.link).exists():
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
    marks = [f"/{cluster._settings.cgroup}", str(cluster.folder)]
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


@pytest.fixture(scope="session")
def watch() -> Iterator[Watch]:
    """The instance `itest`, running; it is deleted in the end."""
    cluster = Cluster("itest")
    cluster.delete()
    watch = Watch(cluster)
    try:
        cluster.up(durable=False)
        yield watch
    finally:
        cluster.delete()


@pytest.fixture(scope="session")
def watch_of() -> Callable[[Cluster], Watch]:
    """Watches another instance."""
    return Watch


@pytest.fixture
def cluster(watch: Watch) -> Cluster:
    """The instance `itest`, running again if a test has ended it."""
    watch.cluster.up(durable=False)
    return watch.cluster


@pytest.fixture(scope="session")
def push(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Cluster], str]:
    """Builds a small image (busybox) with its own storage, pushes it to a cluster's registry and gives its name there."""
    ensure_programs("buildah")
    context, storage = tmp_path_factory.mktemp("image"), tmp_path_factory.mktemp("storage")
    shutil.copy(binary("busybox"), context / "busybox")
    lines = ["FROM scratch", "COPY busybox /bin/busybox", "ENV PATH=/bin", "USER 1000"]
    lines.insert(2, 'RUN ["/bin/busybox", "--install", "-s", "/bin"]')
    (context / "Dockerfile").write_text("\n".join(lines))
    buildah = ("buildah", f"--root={storage}/root", f"--runroot={storage}/run", "--storage-driver=vfs")
    environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
    subprocess.run((*buildah, "bud", "--quiet", "--tag", "localhost/busybox", context), check=True, env=environment)

    def do(cluster: Cluster) -> str:
        name = f"{cluster.registry}/tests/busybox:1"
        subprocess.run((*buildah, "push", "--quiet", "--tls-verify=false", "localhost/busybox", name), check=True)
        return name

    return do
