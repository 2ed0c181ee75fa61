"""Programs out of Debian packages: installed where they are missing, or unpacked into the cache."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dev.locks import locked
from dev.paths import cache_folder
from dev.progress import step

# The program, and the Debian package that has it.
PACKAGES = {
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/lib/podman/netavark": "netavark",
    "apt-get": "apt",
    "buildah": "buildah",
    "chromium": "chromium",
    "containerd": "containerd",
    "ctr": "containerd",
    "ip": "iproute2",
    "iptables": "iptables",
    "java": "default-jre-headless",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "mvn": "maven",
    "node": "nodejs",
    "npm": "npm",
    "nft": "nftables",
    "nsenter": "util-linux",
    "runc": "runc",
    "socat": "socat",
    "unshare": "util-linux",
}
ADMINISTRATOR_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
LINES_OF_A_FAILURE = 15


class ToolchainError(Exception):
    """A program could be neither found nor made. The text is for the user."""


@dataclass(frozen=True)
class Unpacked:
    """A program taken out of its package without installing that: `path` is where the package has it, below `usr/` or not, as releases differ.

    With `libraries` what it depends on and this machine lacks is unpacked into the same tree.
    """

    package: str
    path: str
    libraries: bool = False


UNPACKED = {
    # Installed, it would become a service of the machine.
    "docker-registry": Unpacked("docker-registry", "bin/docker-registry"),
    # Installed, it would take the place of a busybox that is linked dynamically.
    "busybox": Unpacked("busybox-static", "bin/busybox"),
    # Installed, it would be a directory of this machine, open to its network.
    "slapd": Unpacked("slapd", "sbin/slapd", libraries=True),
}


def ensure_programs(*programs: str) -> None:
    """Install the Debian packages of those programs that the machine lacks.

    A program is named as on the PATH, or by its absolute path. The PATH is extended by the administrator's folders, which it may lack
    under sudo, su or cron.
    """
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([*path, *(folder for folder in ADMINISTRATOR_FOLDERS if folder not in path)])
    missing = [program for program in programs if not shutil.which(program)]
    if not missing:
        return
    packages = packages_for(missing)
    by_hand = f"Install them by hand and try again: {', '.join(missing)} (Debian packages: {' '.join(packages)})."
    if shutil.which("apt-get") is None:
        raise ToolchainError(f"Programs are missing, and this machine has no apt-get to install them. {by_hand}")
    if os.geteuid() != 0:
        raise ToolchainError(f"Programs are missing, and only root may install them. {by_hand}")
    with step(f"Installing {', '.join(packages)}"):
        command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-y", "--no-install-recommends", "install", *packages]
        _with_fresh_lists(command)
    if still_missing := [program for program in missing if not shutil.which(program)]:
        raise ToolchainError(f"The packages {' '.join(packages)} did not bring {', '.join(still_missing)}. {by_hand}")


def packages_for(programs: Iterable[str]) -> list[str]:
    """The Debian packages that have these programs, in order, each once. Pure."""
    if unknown := [program for program in programs if program not in PACKAGES]:
        raise ToolchainError(f"No Debian package is known for {', '.join(unknown)} (PACKAGES in dev/debian.py).")
    return sorted({PACKAGES[program] for program in programs})


def unpacked(program: str) -> Path:
    """The path of one of UNPACKED, fetched first where the cache has not got it yet."""
    wanted, folder = UNPACKED[program], cache_folder() / "bin"
    if found := _newest(folder, wanted):
        return found
    ensure_programs("apt-get")
    with (
        locked(folder / f".{wanted.package}.lock"),
        tempfile.TemporaryDirectory(dir=folder, prefix=f".{wanted.package}.") as name,
    ):
        # Whoever had the lock before us may have fetched it.
        if found := _newest(folder, wanted):
            return found
        with step(f"Fetching {wanted.package}"):
            temporary = Path(name)
            # apt's unprivileged downloader writes here.
            temporary.chmod(0o777)
            _with_fresh_lists(_download(wanted, temporary), temporary)
            package = next(temporary.glob(f"{wanted.package}_*.deb"))
            for found in temporary.glob("*.deb"):
                _run(["dpkg", "-x", found.name, "tree"], temporary)
            # <name>_<epoch>%3a<version>_<architecture>.deb; a colon in a path could not stand on the PATH.
            version = package.name.split("_")[1].rpartition("%3a")[2]
            (temporary / "tree").rename(folder / f"{wanted.package}-{version}")
    if found := _newest(folder, wanted):
        return found
    raise ToolchainError(f"The Debian package {wanted.package} has no {wanted.path}.")


def _download(wanted: Unpacked, folder: Path) -> list[str]:
    if not wanted.libraries:
        return ["apt-get", "download", wanted.package]
    (folder / "partial").mkdir(exist_ok=True)
    # As if to install it (again): so apt finds out what is missing beside it.
    options = [
        "-o",
        f"Dir::Cache::archives={folder}/",
        "-o",
        "DPkg::Lock::Timeout=300",
        "--no-install-recommends",
        "-y",
    ]
    return ["apt-get", *options, "--download-only", "--reinstall", "install", wanted.package]


def tail(text: str) -> str:
    """The end of a program's output, where its complaint is. Pure."""
    return "\n".join(text.strip().splitlines()[-LINES_OF_A_FAILURE:])


def _newest(folder: Path, wanted: Unpacked) -> Path | None:
    found = [path for place in ("", "usr/") for path in folder.glob(f"{wanted.package}-*/{place}{wanted.path}")]
    return max(found, default=None)


def _with_fresh_lists(command: list[str], folder: Path | None = None) -> None:
    # A machine that has never fetched its package lists knows no package, and old lists name packages that are gone.
    try:
        _run(command, folder)
    except ToolchainError:
        _run(["apt-get", "update"], folder)
        _run(command, folder)


def _run(command: list[str], folder: Path | None) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolchainError(f"`{' '.join(command)}` failed:\n{tail(done.stdout + done.stderr)}")
