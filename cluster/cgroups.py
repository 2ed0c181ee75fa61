"""Control groups: where every process of an instance is found, whatever became of the process that started it.

An instance has one group of its name in every hierarchy: `<name>/node` for the components, `<name>/kubepods` (the kubelet's) for pods.
Being in that group is what makes a process ours, so there are no pid files to go stale.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

CONTROLLERS = ("cpuset", "cpu", "io", "memory", "pids", "hugetlb")
NODE = "node"


def hierarchies(mounts: str) -> list[Path]:
    """The roots of all hierarchies, from the text of /proc/mounts. Pure.

    Version 1 has one per controller; version 2 has one, and stands beside those of version 1 in a hybrid set-up (there
    without controllers, but runc makes groups in it all the same).
    """
    fields = [line.split() for line in mounts.splitlines()]
    return [Path(mount[1]) for mount in fields if mount[2] in {"cgroup", "cgroup2"}]


def _roots() -> list[Path]:
    return hierarchies(Path("/proc/mounts").read_text())


def create(group: str) -> None:
    """Make the group and its part for the node's components, in every hierarchy."""
    for root in _roots():
        for folder in (root / group, root / group / NODE):
            folder.mkdir(exist_ok=True)
            _inherit_cpuset(folder)
        if (root / "cgroup.controllers").exists():
            _delegate(root)
            _delegate(root / group)


def _inherit_cpuset(folder: Path) -> None:
    # Version 1: a new cpuset group is empty, and no process can join it.
    for file in ("cpuset.cpus", "cpuset.mems"):
        path = folder / file
        if path.exists() and not (folder / "cgroup.controllers").exists() and not path.read_text().strip():
            path.write_text((folder.parent / file).read_text())


def _delegate(folder: Path) -> None:
    # Version 2: children have the controllers that the parent hands down.
    available = (folder / "cgroup.controllers").read_text().split()
    if wanted := [f"+{name}" for name in CONTROLLERS if name in available]:
        (folder / "cgroup.subtree_control").write_text(" ".join(wanted))


def join(group: str) -> None:
    """Put this process, and with it all that it starts, into the part for the node's components."""
    for root in _roots():
        (root / group / NODE / "cgroup.procs").write_text(str(os.getpid()))


def processes(group: str, part: str = "") -> set[int]:
    """Process ids in the group, pods included, as this process's namespace counts them."""
    found: set[int] = set()
    for root in _roots():
        for folder in _tree(root / group / part):
            try:
                found.update(int(pid) for pid in (folder / "cgroup.procs").read_text().split())
            except OSError:
                continue  # the group ended while we looked
    # 0 stands for a process of another pid namespace.
    return found - {0}


def first_processes(group: str, part: str) -> set[int]:
    """Those of `processes` that are the first of a pid namespace: the node's own, or the main processes of containers."""
    return {pid for pid in processes(group, part) if _is_first(pid)}


def _is_first(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False  # it ended while we looked
    # Its number in every namespace from ours down to its own.
    numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
    return len(numbers) > 1 and numbers[-1] == "1"


def memory(group: str) -> int | None:
    """Bytes in use by the group (page cache included), or None where it is not known."""
    for root in _roots():
        for file in ("memory.usage_in_bytes", "memory.current"):
            path = root / group / file
            if path.exists():
                return int(path.read_text())
    return None


def remove(group: str, timeout: float) -> None:
    """Remove the group from every hierarchy. Its processes must have ended; the kernel needs a moment after that (`timeout` seconds at most)."""
    deadline = time.monotonic() + timeout
    for root in _roots():
        while (root / group).exists():
            try:
                for folder in _tree(root / group):
                    folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def _tree(folder: Path) -> Iterator[Path]:
    """The groups below `folder` and itself, children first."""
    for path, _, _ in os.walk(folder, topdown=False):
        yield Path(path)
