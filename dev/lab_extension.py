"""The JupyterLab extension, built on this machine: for the laptop mode and the browser tests. The image builds its own."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dev.debian import ToolchainError, ensure_programs, tail
from dev.locks import locked
from dev.paths import REPOSITORY, cache_folder
from dev.progress import say, step

SOURCE = REPOSITORY / "notebook-image" / "lab_extension"
NAME = "@spark-notebooks/lab"
# What npm installs, and what the build reads beside that.
PACKAGE_FILES = ("package.json", "package-lock.json")
SOURCES = ("tsconfig.json", "schema", "src", "style")
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
BUILD = ("npm", "run", "build")


def lab_extension() -> Path:
    """A folder for JUPYTER_PATH with the extension, built once for each content of its sources.

    Raises ToolchainError where node or npm is missing and cannot be installed, or where the build fails.
    """
    folder = cache_folder() / "bin" / f"lab-extension-{key(contents(SOURCE, (*PACKAGE_FILES, *SOURCES)))}"
    if folder.is_dir():
        return folder
    ensure_programs("node", "npm")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(
        folder.parent / ".lab-extension.lock",
        lambda: say("Another process builds the JupyterLab extension, waiting for that"),
    ):
        if not folder.is_dir():
            modules = _modules(key(contents(SOURCE, ("package-lock.json",))))
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".lab-extension.") as name:
                _build(Path(name), modules).rename(folder)
    return folder


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


def _modules(version: str) -> Path:
    folder = cache_folder() / "downloads" / f"lab-extension-modules-{version}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (
            step("Fetching what the JupyterLab extension is built with"),
            tempfile.TemporaryDirectory(dir=folder.parent, prefix=".lab-extension.") as name,
        ):
            partial = Path(name) / "modules"
            partial.mkdir()
            for file in PACKAGE_FILES:
                shutil.copy(SOURCE / file, partial)
            _run(INSTALL, partial)
            partial.rename(folder)
    return folder / "node_modules"


def _build(folder: Path, modules: Path) -> Path:
    with step("Building the JupyterLab extension"):
        work = folder / "work"
        work.mkdir()
        for name in (*PACKAGE_FILES, *SOURCES):
            source = SOURCE / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, work / name)
        (work / "node_modules").symlink_to(modules)
        _run(BUILD, work)
        built = folder / "built"
        shutil.copytree(work / "labextension", built / "labextensions" / NAME)
        return built


def _run(command: tuple[str, ...], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolchainError(
            f"`{' '.join(command)}` failed for the JupyterLab extension ({SOURCE}):\n{tail(done.stdout + done.stderr)}\n"
            "npm packages come from the network: check it (the registry in .npmrc, proxy settings) if it is what failed, and try again."
        )
