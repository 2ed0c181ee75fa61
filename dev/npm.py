"""npm packages of this repository's package-lock.json files, on this machine."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dev.debian import ToolchainError, ensure_programs, tail
from dev.locks import locked
from dev.paths import cache_folder
from dev.progress import step

# What npm reads to install.
PACKAGE_FILES = ("package.json", "package-lock.json")
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def modules(name: str, source: Path) -> Path:
    """The folder node_modules of the locked packages of `source`, fetched once for each content of the lock; `name` names it in the cache.

    Raises ToolchainError where node or npm is missing and cannot be installed, or where npm fails.
    """
    folder = cache_folder() / "downloads" / f"{name}-modules-{key(contents(source, ('package-lock.json',)))}"
    if not folder.is_dir():
        ensure_programs("node", "npm")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.parent / f".{name}-modules.lock"):
            if not folder.is_dir():
                _install(source, folder)
    return folder / "node_modules"


def _install(source: Path, folder: Path) -> None:
    with (
        step(f"Fetching npm packages: {folder.name}"),
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=".npm.") as temporary,
    ):
        partial = Path(temporary) / "modules"
        partial.mkdir()
        for file in PACKAGE_FILES:
            shutil.copy(source / file, partial)
        run(INSTALL, partial)
        partial.rename(folder)


def contents(source: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """The files with these names, and those in the folders with these names, by their paths below `source`."""
    found: dict[str, bytes] = {}
    for name in names:
        path = source / name
        files = path.rglob("*") if path.is_dir() else [path]
        found |= {str(file.relative_to(source)): file.read_bytes() for file in files if file.is_file()}
    return found


def key(files: Mapping[str, bytes]) -> str:
    """A short hash over names and contents. Pure."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


def run(command: tuple[str, ...], folder: Path) -> None:
    """Run npm. Raises ToolchainError with the end of its output where it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolchainError(
            f"`{' '.join(command)}` failed:\n{tail(done.stdout + done.stderr)}\n"
            "npm packages come from the network: check it (the registry in .npmrc, proxy settings) if it is what failed, and try again."
        )
