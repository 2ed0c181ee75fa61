"""The JupyterLab extension, built on this machine: for the laptop mode and the browser tests. The image builds its own."""

import shutil
import tempfile
from pathlib import Path

from dev.debian import ensure_programs
from dev.locks import locked
from dev.npm import PACKAGE_FILES, contents, key, modules, run
from dev.paths import REPOSITORY, cache_folder
from dev.progress import say, step

SOURCE = REPOSITORY / "notebook-image" / "lab_extension"
NAME = "@spark-notebooks/lab"
# What the build reads beside npm's own files.
SOURCES = ("tsconfig.json", "schema", "src", "style")
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
            installed = modules("lab-extension", SOURCE)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".lab-extension.") as name:
                _build(Path(name), installed).rename(folder)
    return folder


def _build(folder: Path, installed: Path) -> Path:
    with step("Building the JupyterLab extension"):
        work = folder / "work"
        work.mkdir()
        for name in (*PACKAGE_FILES, *SOURCES):
            source = SOURCE / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, work / name)
        (work / "node_modules").symlink_to(installed)
        run(BUILD, work)
        built = folder / "built"
        shutil.copytree(work / "labextension", built / "labextensions" / NAME)
        return built
