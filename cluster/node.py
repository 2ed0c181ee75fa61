"""The node's first process: sets the node up in its new namespaces, then supervises the components.

`launch` is what the host runs; it joins the instance's control group, then becomes `unshare`, which starts `main` as process 1.
`launch-worker` does the same for another node, inside the first one: what ends the first ends all.
"""

import fcntl
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from cluster import cgroups
from cluster.components import components
from cluster.config import CLOSED_RULES, CONFIG
from cluster.settings import NODE_DATA, POD_NETWORK, SERVICE_NETWORK, Node, Settings, all_nodes
from cluster.supervisor import Supervisor

UNSHARE = [
    "unshare",
    "--net",
    "--mount",
    "--pid",
    "--uts",
    "--ipc",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--propagation",
    "private",
]
LOCK_FILE = "node.lock"
STATE_FILE = "state.json"
PODS_MAY_TAKE = 5.0  # seconds to end, when the node is told to
COMPONENTS_MAY_TAKE = 3.0
LAST_NODE_MAY_TAKE = 10.0

# What the kubelet wants these kernel settings to be. They are the whole machine's, not the node's: it is shown files that say so.
KERNEL_SETTINGS = {
    "kernel/keys/root_maxbytes": "25000000",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
}
# Folders outside of /run in which components keep things whatever their configuration: the kubelet, CNI's cache, links to logs.
MOUNT_POINTS = (Path("/var/lib/kubelet"), Path("/var/lib/cni"), Path("/var/log/containers"))


def launch(folder: Path) -> NoReturn:
    """Become the node's process on the host. The lock that it holds from here on makes a second node in this folder impossible."""
    settings = _settings(folder)
    lock = _lock(folder / LOCK_FILE)
    cgroups.join(settings.cgroup)
    if os.fork():
        # The host waits for this process only: it may go, the node stays.
        os._exit(0)
    os.setsid()
    os.set_inheritable(lock, True)
    _unshare(folder, 0)


def launch_worker(number: int) -> NoReturn:
    """Become a worker's process in the first node."""
    folder = NODE_DATA
    cgroups.join(Node(_settings(folder), number).cgroup)
    _unshare(folder, number)


def _unshare(folder: Path, number: int) -> NoReturn:
    outer_network = os.open("/proc/self/ns/net", os.O_RDONLY)
    os.set_inheritable(outer_network, True)
    command = (*UNSHARE, sys.executable, "-m", "cluster.node", "main", str(folder), str(number), str(outer_network))
    os.execvp(command[0], command)  # noqa: S606 (no shell is what is wanted)


def _lock(path: Path) -> int:
    """An open file that holds the lock. A node before this one may need a moment to die."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT)
    deadline = time.monotonic() + LAST_NODE_MAY_TAKE
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        time.sleep(0.05)
    sys.exit(f"Another node runs in {path.parent}.")


def main(folder: Path, number: int, outer_network: int) -> None:
    """Process 1 of a node; `outer_network` is an open file of the network namespace that its cable leads to."""
    node = Node(_settings(folder), number)
    os.umask(0o022)
    # Containers inherit the soft limit, and 1024 files, the usual one, are too few for a JVM with many peers.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    supervisor = Supervisor(components(node), NODE_DATA / "logs", NODE_DATA / STATE_FILE)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _mounts(node)
        _network(node, outer_network)
        os.close(outer_network)
        supervisor.run()
    except KeyboardInterrupt:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _stop(supervisor, node)


def _stop(supervisor: Supervisor, node: Node) -> None:
    """In an order that lets each say its last words. What takes too long dies with this process."""
    workers = all_nodes(node.cluster)[1:] if node.number == 0 else []
    for worker in workers:
        _terminate(worker.cgroup, cgroups.NODE)
    supervisor.end({"kubelet"}, COMPONENTS_MAY_TAKE)
    # As the kubelet does, but all pods at once.
    _terminate(node.cgroup, "kubepods")
    supervisor.wait(lambda: not cgroups.processes(node.cgroup, "kubepods"), PODS_MAY_TAKE)
    supervisor.wait(lambda: not any(cgroups.processes(worker.cgroup) for worker in workers), PODS_MAY_TAKE)
    others = {component.name for component in components(node)} - {"etcd"}
    supervisor.end(others, COMPONENTS_MAY_TAKE)
    supervisor.end({"etcd"}, COMPONENTS_MAY_TAKE)


def _terminate(group: str, part: str) -> None:
    for pid in cgroups.first_processes(group, part):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def _settings(folder: Path) -> Settings:
    return Settings.from_json(json.loads((folder / "node.json").read_text()))


def _mounts(node: Node) -> None:
    for folder in MOUNT_POINTS:
        folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    NODE_DATA.mkdir()
    _run("mount", "--bind", node.folder, NODE_DATA)
    kubelet, *others = MOUNT_POINTS
    (NODE_DATA / "kubelet").mkdir(exist_ok=True)
    _run("mount", "--bind", NODE_DATA / "kubelet", kubelet)
    for folder in others:
        _run("mount", "-t", "tmpfs", "tmpfs", folder)
    for name, value in KERNEL_SETTINGS.items():
        shown = Path("/run/kernel") / name
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(f"{value}\n")
        _run("mount", "--bind", shown, Path("/proc/sys") / name)
    # Pods that ask for mount propagation need shared mounts; they are shared within the node only.
    _run("mount", "--make-rshared", "/")


def _network(node: Node, outer_network: int) -> None:
    outside = f"/proc/self/fd/{outer_network}"
    outer = ("nsenter", f"--net={outside}", "ip")
    other_end = node.name if node.number else node.cluster.link
    socket.sethostname(node.name)
    _run("ip", "link", "set", "lo", "up")
    # Both ends are made from in here: when the node's namespace ends, and its end with it, the other end goes too.
    _run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", other_end, "netns", outside, keep=outer_network)
    for words in _outer_commands(node):
        _run(*outer, *words, keep=outer_network)
    for words in _inner_commands(node):
        _run("ip", *words)
    # A packet to a service must never leave the node before kube-proxy has its rules; a bridge, because some kernels have no
    # `dummy` links. There is no default route at all: nothing in the cluster reaches beyond this machine.
    _run("ip", "link", "add", "services", "type", "bridge")
    _run("ip", "link", "set", "services", "up")
    _run("ip", "route", "add", SERVICE_NETWORK, "dev", "services")
    # No pod says or hears anything before the enforcer of network policies knows it.
    _run("nft", "-f", CONFIG / CLOSED_RULES)
    kernel = {
        "net/ipv4/ip_forward": "1",
        "net/ipv4/conf/all/rp_filter": "0",
        "net/bridge/bridge-nf-call-iptables": "1",
        "net/bridge/bridge-nf-call-ip6tables": "1",
    }
    if node.number == 0:
        # The host has no way back to a pod's own address.
        _run("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", POD_NETWORK, "-o", "eth0", "-j", "MASQUERADE")
        # The host looks for the workers on its cable to the first node.
        kernel["net/ipv4/conf/eth0/proxy_arp"] = "1"
    for name, value in kernel.items():
        (Path("/proc/sys") / name).write_text(value)


def _outer_commands(node: Node) -> list[tuple[str, ...]]:
    """Arguments of `ip` where the cable leads: on the host, or for a worker on the first node."""
    if node.number == 0:
        link = node.cluster.link
        return [("addr", "add", f"{node.cluster.host_address}/24", "dev", link), ("link", "set", link, "up")]
    return [
        ("link", "set", node.name, "up"),
        ("route", "add", f"{node.address}/32", "dev", node.name),
        ("route", "add", node.pods, "via", node.address, "dev", node.name, "onlink"),
    ]


def _inner_commands(node: Node) -> list[tuple[str, ...]]:
    """Arguments of `ip` in the node. A worker reaches everything through the first one; the other nodes' pods, too."""
    if node.number == 0:
        return [("addr", "add", f"{node.address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")]
    first = node.cluster.node_address
    return [
        ("addr", "add", f"{node.address}/32", "dev", "eth0"),
        ("link", "set", "eth0", "up"),
        ("route", "add", f"{first}/32", "dev", "eth0"),
        ("route", "add", node.cluster.network, "via", first),
        ("route", "add", POD_NETWORK, "via", first),
    ]


def _run(*command: str | Path, keep: int | None = None) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, pass_fds=() if keep is None else (keep,))
    if done.returncode:
        sys.exit(f"`{' '.join(words)}` failed: {done.stderr.strip()}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["launch", folder]:
            launch(Path(folder))
        case ["launch-worker", number]:
            launch_worker(int(number))
        case ["main", folder, number, outer_network]:
            main(Path(folder), int(number), int(outer_network))
