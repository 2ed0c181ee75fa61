"""One instance of the cluster, as the host handles it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from cluster import cgroups, machine
from cluster.addons import addons
from cluster.instance import ClusterError, Instance
from cluster.processes import Processes, until
from cluster.readiness import node_ready, stale_pods
from cluster.settings import (
    BINARIES,
    CONTAINERD_SOCKET,
    MOST_NODES,
    POLICY_STATUS,
    PROGRAMS,
    Node,
    Settings,
    all_nodes,
    free_index,
    link,
    valid_name,
)
from dev.locks import locked
from dev.paths import REPOSITORY, cache_folder, data_folder
from dev.progress import Step, say, step
from dev.toolchain import binaries, ensure_programs

START_TIMEOUT = 180.0
STOP_TIMEOUT = 20.0  # for an orderly end; after that the processes are killed
KILL_TIMEOUT = 30.0
LINK_TIMEOUT = 5.0
TOO_MANY_FAILURES = 3


class Cluster:
    """The instance called `name` (lower-case letters, digits and hyphens). Instances live side by side and share nothing but images."""

    def __init__(self, name: str) -> None:
        if not valid_name(name):
            raise ClusterError(f"{name!r} cannot name a cluster: use up to 40 lower-case letters, digits and hyphens.")
        self.name = name
        self.folder = data_folder() / "clusters" / name
        self.instance = Instance(name, self.folder)

    # ---- what others ask ----

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, there once the cluster has been started."""
        return self.folder / "kubeconfig"

    @property
    def node_address(self) -> str:
        """Where the host reaches the node, and with it every NodePort service. Raises ClusterError before the first start."""
        return self.instance.settings.node_address

    @property
    def host_address(self) -> str:
        """Where pods reach this machine."""
        return self.instance.settings.host_address

    @property
    def registry(self) -> str:
        """Address of the image registry (plain HTTP): the host pushes to it, and pods name their images by it."""
        return self.instance.settings.registry

    @property
    def running(self) -> bool:
        """Whether the node is up, all its components answer, and it takes pods."""
        return self._healthy()

    def status(self) -> dict[str, Any]:
        """For people: "stopped", "starting" or "running", addresses, the components with process, readiness and failures, refused NetworkPolicies."""
        alive = bool(cgroups.processes(self.instance.group))
        known = (self.folder / "node.json").exists()
        return {
            "name": self.name,
            "state": "running" if alive and self._healthy() else "starting" if alive else "stopped",
            "folder": str(self.folder),
            "kubeconfig": str(self.kubeconfig) if known else None,
            "node_address": self.node_address if known else None,
            "registry": self.registry if known else None,
            "memory": cgroups.memory(self.instance.group) if alive else None,
            "components": self.instance.state().get("components", {}) if alive else {},
            "refused_policies": self.instance.refused_policies() if alive else {},
        }

    # ---- what others tell it ----

    def check_machine(self) -> None:
        """Raises ClusterError with all that stands in the way of a node that does not run yet, and what to do about it."""
        self._require_root()
        if not self.instance.first_process():
            self._check_machine()

    def up(self, *, durable: bool = True, nodes: int | None = None) -> None:
        """Start the cluster, or do nothing where it runs. Its objects and volumes are those of the last time.

        `durable=False` spares etcd the waiting for the disk: for tests, whose data nobody needs after a power cut. `nodes` is the number
        of nodes, None for as many as it had, or one. All have the whole machine's cores and memory to give: more nodes are for trying out
        what happens between them. Returns when all take pods. Whatever ends it early (an error, Ctrl-C), nothing is left running.
        """
        self._require_root()
        if nodes is not None and not 1 <= nodes <= MOST_NODES:
            raise ClusterError(f"A cluster has 1 to {MOST_NODES} nodes, not {nodes}.")
        with self.instance.locked():
            fits = nodes in (None, self.instance.known_nodes)
            if fits and self._healthy():
                return
            try:
                if not (fits and self._finish()):
                    self._start(durable=durable, nodes=nodes or self.instance.known_nodes or 1)
                    self._wait_until_ready()
                self.instance.first_start.unlink(missing_ok=True)
            except BaseException:
                self._stop()
                raise

    def down(self) -> None:
        """End the node; pods are told to end first. Objects, volumes and images are kept for the next `up`."""
        self._require_root()
        with self.instance.locked():
            if cgroups.processes(self.instance.group):
                with step(f"Stopping the cluster {self.name}"):
                    self._stop(orderly=True)
            else:
                self._stop()

    def delete(self) -> None:
        """End the node and remove all its data."""
        self.down()
        with self.instance.locked():
            if self.folder.exists():
                with step(f"Deleting {self.folder}"):
                    shutil.rmtree(self.folder)

    def lose_node(self, number: int) -> None:
        """Take the power from a worker: all that runs on it is gone at once, and the others hear nothing more of it until the next `up`."""
        node = next((node for node in all_nodes(self.instance.settings) if node.number == number), None)
        if node is None or number == 0:
            raise ClusterError(
                f"The cluster {self.name} has no worker {number}: it has {self.instance.settings.nodes} nodes."
            )
        if not (process := self.instance.node_process(node)):
            raise ClusterError(f"The {node.name} of the cluster {self.name} does not run.")
        os.kill(process, signal.SIGKILL)

    def pull(self, image: str) -> None:
        """Bring `image` from the registry to all nodes, so that the first pod which uses it starts at once."""
        for node in all_nodes(self.instance.settings):
            done = self._ctr(node, "images", "pull", "--plain-http", image)
            if done.returncode:
                raise ClusterError(f"{node.name} could not pull {image}: {done.stderr.strip()}. Is it in the registry?")

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What `kubectl` prints, run by the administrator. Raises ClusterError with its complaint."""
        command = [str(self.instance.settings.binaries["kubectl"]), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, env=_environment())
        if done.returncode:
            raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    # ---- starting ----

    def _start(self, *, durable: bool, nodes: int) -> None:
        self._stop(orderly=True)
        self._check_machine()
        settings = self._place(durable=durable, nodes=nodes)
        # A store that was cut off while it was made does not start again, and holds nothing yet.
        if self.instance.first_start.exists():
            shutil.rmtree(self.folder / "etcd", ignore_errors=True)
        elif not (self.folder / "etcd").exists():
            self.instance.first_start.touch()
        from cluster import files  # needs packages that _check_machine has looked for

        files.write(settings)
        try:
            for node in all_nodes(settings):
                cgroups.create(node.cgroup)
        except OSError as error:
            raise ClusterError(
                f"Control groups cannot be made ({error}). A container needs them writable, its root group empty."
            ) from error
        with (self.folder / "logs" / "node.log").open("wb") as log:
            done = subprocess.run(
                [sys.executable, "-m", "cluster.node", "launch", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                cwd="/",
                check=False,
            )
        if done.returncode:
            raise ClusterError(f"The node could not be launched.\n{self.instance.log('node')}")

    def _finish(self) -> bool:
        """Whether a node that is there already comes up: its `up` may have been killed. It may also be dying, or beyond help."""
        if not self.instance.first_process():
            return False
        try:
            self._wait_until_ready()
        except ClusterError as error:
            say(f"The node that is there does not come up, so a new one is started. {error}")
            return False
        return True

    def _check_machine(self) -> None:
        found = machine.survey(self.folder, cache_folder())
        if not (problems := machine.problems(found)):
            ensure_programs(*PROGRAMS)
            problems = machine.problems(replace(found, refusals=machine.kernel_refusals(self.folder.parent)))
        if problems:
            raise ClusterError("\n".join(problems))

    def _place(self, *, durable: bool, nodes: int) -> Settings:
        """Settings with an index that is nobody else's. They are written under the lock, so two starts cannot take the same one."""
        programs = binaries(*BINARIES)
        blobs = cache_folder() / "registry"
        blobs.mkdir(parents=True, exist_ok=True)
        clusters = self.folder.parent
        with locked(clusters / ".lock"):
            others = [path for path in clusters.glob("*/index") if path.parent != self.folder]
            taken = {int(path.read_text()) for path in others}
            index = free_index(self.instance.index, taken, machine.routes())
            if index is None:
                raise ClusterError(
                    "No network 10.89.<n>.0/24 is free on this machine: delete clusters that you do not need."
                )
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = self.folder / ".index.new"
            temporary.write_text(str(index))
            temporary.replace(self.folder / "index")
        return Settings(self.name, index, self.folder, blobs, programs, durable, nodes)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        has_addons = False
        with step(f"Starting the cluster {self.name}") as progress:
            while True:
                components = self.instance.state().get("components", {})
                self._raise_if_failed(components, deadline)
                if not has_addons and components.get("kube-apiserver", {}).get("ready"):
                    has_addons = self._apply_addons()
                if has_addons and self._healthy() and not self._stale_pods():
                    return self._forget_nodes()
                self._report(progress, components)
                time.sleep(0.2)

    def _apply_addons(self) -> bool:
        command = ("apply", "--server-side", "--force-conflicts", "--request-timeout=30s", "--filename=-")
        try:
            self.kubectl(*command, stdin=json.dumps(addons()))
        except ClusterError:
            if self.instance.first_process():
                raise
            return False  # the node has died, and that is what the next round reports
        return True

    def _report(self, progress: Step, components: dict[str, Any]) -> None:
        waiting = [name for name, component in components.items() if not component["ready"]]
        progress.update(
            f"waiting for {', '.join(waiting)}" if waiting else "waiting for the node to look after its pods"
        )

    def _raise_if_failed(self, components: dict[str, Any], deadline: float) -> None:
        if not cgroups.processes(self.instance.group):
            raise ClusterError(f"The node ended while it started.\n{self.instance.log('node')}")
        for name, component in components.items():
            if component["failures"] >= TOO_MANY_FAILURES:
                raise ClusterError(f"{name} ends again and again.\n{self.instance.log(name)}")
            if component["done"] and not component["ready"]:
                raise ClusterError(f"{name} has ended.\n{self.instance.log(name)}")
        if time.monotonic() > deadline:
            late = next((name for name, component in components.items() if not component["ready"]), "kubelet")
            raise ClusterError(
                f"The node was not ready after {START_TIMEOUT:.0f} s; {late} is late.\n{self.instance.log(late)}"
            )

    # ---- stopping ----

    def _stop(self, *, orderly: bool = False) -> None:
        """Nothing of the instance is left in the machine afterwards."""
        with Processes(lambda: cgroups.processes(self.instance.group)) as processes:
            if orderly and (first := self.instance.first_process()):
                os.kill(first, signal.SIGTERM)
                processes.wait(STOP_TIMEOUT)
            if not processes.kill(KILL_TIMEOUT):
                numbers = sorted(cgroups.processes(self.instance.group))
                raise ClusterError(f"Processes of the cluster {self.name} do not end: {numbers}.")
        if index := self.instance.index:
            device = link(index)
            # The kernel takes the link away with the node's namespace, a little after the last process.
            if not until(lambda: not Path("/sys/class/net", device).exists(), LINK_TIMEOUT):
                subprocess.run(("ip", "link", "delete", device), capture_output=True, check=False)
        try:
            cgroups.remove(self.instance.group, KILL_TIMEOUT)
        except OSError as error:
            raise ClusterError(f"The control groups of the cluster {self.name} cannot be removed: {error}") from error
        for name in ("state.json", POLICY_STATUS):
            (self.folder / name).unlink(missing_ok=True)

    # ---- looking ----

    def _healthy(self) -> bool:
        state = self.instance.state()
        if not state or not all(component["ready"] for component in state["components"].values()):
            return False
        if not self.instance.first_process():
            return False
        try:
            found = self._nodes()
        except ClusterError:
            return False
        wanted = [node.name for node in all_nodes(self.instance.settings)]
        return all(name in found and node_ready(found[name], since=state["started"]) for name in wanted)

    def _nodes(self) -> dict[str, dict[str, Any]]:
        """The Node objects by name."""
        found = json.loads(self.kubectl("get", "nodes", "--output=json", "--request-timeout=5s"))["items"]
        return {node["metadata"]["name"]: node for node in found}

    def _forget_nodes(self) -> None:
        """Workers of an earlier start that the cluster has no more."""
        known = {node.name for node in all_nodes(self.instance.settings)}
        for name in self._nodes().keys() - known:
            self.kubectl("delete", "node", name)

    def _stale_pods(self) -> list[str]:
        pods = json.loads(self.kubectl("get", "pods", "--all-namespaces", "--output=json"))["items"]
        return stale_pods(pods, since=self.instance.state()["started"])

    def _ctr(self, node: Node, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.instance.node_process(node)
        if not process:
            raise ClusterError(f"The cluster {self.name} does not run.")
        # The node's /run is not the host's, but its sockets are reached through its first process.
        socket = f"/proc/{process}/root{CONTAINERD_SOCKET}"
        command = ["ctr", "--address", socket, "--namespace", "k8s.io", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())

    def _require_root(self) -> None:
        if os.geteuid() != 0:
            raise ClusterError(machine.ROOT_NEEDED)


def _environment() -> dict[str, str]:
    """For the node's processes and our own clients: nothing of the user's, proxies least of all, since nothing leaves this machine."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "HOME": str(Path.home()), "LANG": "C.UTF-8", "PYTHONPATH": str(REPOSITORY)}
