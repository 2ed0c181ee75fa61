"""Whether this machine can carry a node."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GIB = 2**30
LEAST_MEMORY = 4 * GIB
LEAST_DISK = 15 * GIB
ROOT_NEEDED = "A Kubernetes node needs root: it makes network and process namespaces. Run this as root."
PYTHON_PACKAGES = ("cryptography", "kubernetes", "yaml")
# What the node is going to make, in namespaces that end with the command.
TRIAL = ("unshare", "--net", "--mount", "--pid", "--fork", "sh", "-ec")
TRIAL_LINKS = "ip link add trial0 type veth peer name trial1; ip link add trial2 type bridge"
TRIAL_RULES = (
    'printf "table inet trial {\\nchain trial {\\ntype filter hook forward priority filter\\n'
    'ct state established accept\\n}\\n}\\n" | nft -f -'
)
TRIAL_LAYERS = "cd $0; mkdir a b c d; mount -t overlay overlay -o lowerdir=a,upperdir=b,workdir=c d"
KERNEL_MODULES: dict[str, Callable[[], bool]] = {
    "overlay": lambda: "\toverlay\n" in Path("/proc/filesystems").read_text(),
    "br_netfilter": lambda: Path("/proc/sys/net/bridge").exists(),
}


@dataclass(frozen=True)
class Machine:
    """What was found: bytes of memory to be had without swapping, free bytes of each file system in use, the kernel's refusals."""

    root: bool
    memory: int
    disks: dict[Path, int]
    missing_packages: tuple[str, ...]
    refusals: tuple[str, ...] = ()


def problems(machine: Machine) -> list[str]:
    """What stands in the way of a node, each with what to do about it. Pure."""
    if not machine.root:
        return [ROOT_NEEDED]
    found = []
    if machine.missing_packages:
        found.append(
            f"Python packages are missing: {', '.join(machine.missing_packages)}. "
            "Use the project's make targets, or install requirements/bootstrap.txt."
        )
    if machine.memory < LEAST_MEMORY:
        found.append(
            f"{machine.memory / GIB:.1f} GiB of memory is free, the node needs {LEAST_MEMORY // GIB} GiB. "
            "End other programs, or stop another instance of the cluster."
        )
    for folder, free in machine.disks.items():
        if free < LEAST_DISK:
            found.append(
                f"{folder} has {free / GIB:.1f} GiB free, the node and its images need {LEAST_DISK // GIB} GiB. "
                "Make room, or set XDG_DATA_HOME and XDG_CACHE_HOME to folders on a larger disk."
            )
    found.extend(f"{refusal} A container must be started with all privileges." for refusal in machine.refusals)
    return found


def survey(*folders: Path) -> Machine:
    """Look at the machine; `folders` are those that will grow."""
    root = os.geteuid() == 0
    return Machine(
        root=root,
        memory=available_memory(Path("/proc/meminfo").read_text()),
        disks={folder: _free(folder) for folder in folders},
        missing_packages=tuple(name for name in PYTHON_PACKAGES if importlib.util.find_spec(name) is None),
    )


def available_memory(meminfo: str) -> int:
    """Bytes, from the text of /proc/meminfo. Pure."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo, re.MULTILINE)
    if not found:
        raise ValueError("/proc/meminfo does not say how much memory is available.")
    return int(found[1]) * 1024


def kernel_refusals(folder: Path) -> tuple[str, ...]:
    """What the kernel does not let us do, after loading those of its modules that are missing. `folder` will hold containers."""
    refusals = []
    for module, present in KERNEL_MODULES.items():
        if not present() and shutil.which("modprobe"):
            subprocess.run(("modprobe", module), capture_output=True, check=False)
        if not present():
            refusals.append(f"The kernel module {module} is not there and cannot be loaded.")
    if complaint := _trial(TRIAL_LINKS):
        refusals.append(f"The kernel refuses to make network namespaces and links ({complaint}).")
    if complaint := _trial(TRIAL_RULES):
        refusals.append(f"The kernel refuses the rules that enforce network policies, nftables ({complaint}).")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".trial-") as layers:
        if complaint := _trial(TRIAL_LAYERS, layers):
            refusals.append(
                f"Containers' layers cannot be stacked in {folder} ({complaint}): set XDG_DATA_HOME to another disk."
            )
    return tuple(refusals)


def _trial(*script: str) -> str:
    """The complaint of a script, "" where there is none."""
    done = subprocess.run((*TRIAL, *script), capture_output=True, text=True, check=False)
    return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""


def routes() -> list[str]:
    """The networks that this machine has routes to: "default" or CIDR."""
    done = subprocess.run(("ip", "-json", "-4", "route"), capture_output=True, text=True, check=True)
    return [route["dst"] for route in json.loads(done.stdout)]


def _free(folder: Path) -> int:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    found = os.statvfs(existing)
    return found.f_bavail * found.f_frsize
