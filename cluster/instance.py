"""What there is of an instance: its files on disk, and its processes in the machine."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster import cgroups
from cluster.settings import POLICY_STATUS, Node, Settings, cgroup
from dev.locks import locked
from dev.progress import say

LINES_OF_A_LOG = 15


class ClusterError(Exception):
    """The cluster cannot do what was asked. The text is for the user."""


class Instance:
    """The instance called `name`, whose files are in `folder`. Nothing is kept: each question looks anew."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.group = cgroup(name, folder)

    @property
    def first_start(self) -> Path:
        """There from the first start until the node has been ready once."""
        return self.folder / "first-start"

    @property
    def settings(self) -> Settings:
        """Those of the last start. Raises ClusterError where there was none, or another version of this made it."""
        command = f"python -m cluster up --name {self.name}"
        try:
            return Settings.from_json(json.loads((self.folder / "node.json").read_text()))
        except FileNotFoundError:
            raise ClusterError(f"The cluster {self.name} has never been started: `{command}`.") from None
        except (KeyError, TypeError):
            raise ClusterError(
                f"Another version of this started the cluster {self.name}. Once more: `{command}`."
            ) from None

    @property
    def known_nodes(self) -> int | None:
        """How many nodes it had at its last start; None where there was none, or another version of this made it."""
        try:
            return self.settings.nodes
        except ClusterError:
            return None

    @property
    def index(self) -> int | None:
        """The number of its network, None before its first start."""
        path = self.folder / "index"
        return int(path.read_text()) if path.exists() else None

    def state(self) -> dict[str, Any]:
        """What the node's first process says of its components, {} before it says anything."""
        return self._said("state.json")

    def refused_policies(self) -> dict[str, list[str]]:
        """What of NetworkPolicies is not enforced as written, by namespace/name. All nodes say the same."""
        refused: dict[str, list[str]] = self._said(POLICY_STATUS).get("refused", {})
        return refused

    def first_process(self) -> int | None:
        """Process 1 of the first node, by the number that the host knows it by; there even while its files are being written."""
        return _process(self.group)

    def node_process(self, node: Node) -> int | None:
        """Process 1 of a node, None where it does not run."""
        return _process(node.cgroup)

    def log(self, component: str) -> str:
        """The end of a component's log, for an error message."""
        path = self.folder / "logs" / f"{component}.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return "\n".join([f"The last lines of {path}:", *lines[-LINES_OF_A_LOG:]])

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One command at a time works on the instance; others wait, and say so."""
        path = self.folder.parent / f".{self.name}.lock"
        with locked(path, lambda: say(f"Another command works on the cluster {self.name}; waiting for it.")):
            yield

    def _said(self, file: str) -> dict[str, Any]:
        try:
            said: dict[str, Any] = json.loads((self.folder / file).read_text())
        except FileNotFoundError:
            return {}
        return said


def _process(group: str) -> int | None:
    return next(iter(cgroups.first_processes(group, cgroups.NODE)), None)
