"""The node's first process: sets the node up in its new namespaces, then supervises the components.

`launch` is what the host runs; it joins the instance's control group, then becomes `unshare`, which starts `main` as process 1.
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
from cluster.settings import NODE_DATA, NODE_NAME, POD_NETWORK, SERVICE_NETWORK, Settings
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
    host_network = os.open("/proc/self/ns/net", os.O_RDONLY)
    for descriptor in (lock, host_network):
        os.set_inheritable(descriptor, True)
    command = (*UNSHARE, sys.executable, "-m", "cluster.node", "main", str(folder), str(host_network))
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


def main(folder: Path, host_network: int) -> None:
    """Process 1 of the node."""
    settings = _settings(folder)
    os.umask(0o022)
    # Containers inherit the soft limit, and 1024 files, the usual one, are too few for a JVM with many peers.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    supervisor = Supervisor(components(settings), NODE_DATA / "logs", NODE_DATA / STATE_FILE)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _mounts(settings)
        _network(settings, host_network)
        os.close(host_network)
        supervisor.run()
    except KeyboardInterrupt:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _stop(supervisor, settings)


def _stop(supervisor: Supervisor, settings: Settings) -> None:
    """In an order that lets each say its last words. What takes too long dies with this process."""
    supervisor.end({"kubelet"}, COMPONENTS_MAY_TAKE)
    # As the kubelet does, but all pods at once.
    for pid in cgroups.first_processes(settings.cgroup, "kubepods"):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    supervisor.wait(lambda: not cgroups.processes(settings.cgroup, "kubepods"), PODS_MAY_TAKE)
    others = {component.name for component in components(settings)} - {"etcd"}
    supervisor.end(others, COMPONENTS_MAY_TAKE)
    supervisor.end({"etcd"}, COMPONENTS_MAY_TAKE)


def _settings(folder: Path) -> Settings:
    return Settings.from_json(json.loads((folder / "node.json").read_text()))


def _mounts(settings: Settings) -> None:
    for folder in MOUNT_POINTS:
        folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    NODE_DATA.mkdir()
    _run("mount", "--bind", settings.folder, NODE_DATA)
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


def _network(settings: Settings, host_network: int) -> None:
    host = f"/proc/self/fd/{host_network}"
    socket.sethostname(NODE_NAME)
    _run("ip", "link", "set", "lo", "up")
    # Both ends are made from in here: when the node's namespace ends, and its end with it, the host's end goes too.
    _run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", settings.link, "netns", host, keep=host_network)
    on_host = ("nsenter", f"--net={host}", "ip")
    _run(*on_host, "addr", "add", f"{settings.host_address}/24", "dev", settings.link, keep=host_network)
    _run(*on_host, "link", "set", settings.link, "up", keep=host_network)
    _run("ip", "addr", "add", f"{settings.node_address}/24", "dev", "eth0")
    _run("ip", "link", "set", "eth0", "up")
    # A packet to a service must never leave the node before kube-proxy has its rules; a bridge, because some kernels have no
    # `dummy` links. There is no default route at all: nothing in the cluster reaches beyond this machine.
    _run("ip", "link", "add", "services", "type", "bridge")
    _run("ip", "link", "set", "services", "up")
    _run("ip", "route", "add", SERVICE_NETWORK, "dev", "services")
    # The host has no way back to a pod's own address.
    _run("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", POD_NETWORK, "-o", "eth0", "-j", "MASQUERADE")
    for name, value in (
        ("net/ipv4/ip_forward", "1"),
        ("net/ipv4/conf/all/rp_filter", "0"),
        ("net/bridge/bridge-nf-call-iptables", "1"),
    ):
        (Path("/proc/sys") / name).write_text(value)


def _run(*command: str | Path, keep: int | None = None) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, pass_fds=() if keep is None else (keep,))
    if done.returncode:
        sys.exit(f"`{' '.join(words)}` failed: {done.stderr.strip()}")


if __name__ == "__main__":
    if sys.argv[1] == "launch":
        launch(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[2]), int(sys.argv[3]))
