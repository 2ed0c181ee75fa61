"""A person's own code: a copy of it as it is when the session starts, which driver and executors import alike."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from spark_session.errors import SparkSessionError, show
from spark_session.packages.items import Item, Kind, repository

MOST_BYTES = 100 * 1024 * 1024
"""Code is small. What is larger is a folder with data in it, which does not belong on every executor."""
_LEFT_OUT = ("__pycache__", "node_modules", "site-packages")


def stamp(place: str) -> str:
    """Changes when a local file, or code in a local folder, changes."""
    return " ".join(f"{path}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in _files(Path(place)))


def check_size(text: str, size: int) -> None:
    """Refuse what is too large to be code.

    Raises:
        SparkSessionError: it is.
    """
    if size > MOST_BYTES:
        raise SparkSessionError(
            f"{show(text)} is too large for code: {size // 2**20} MiB.",
            f"It is copied to every executor, so {MOST_BYTES // 2**20} MiB is the most.",
            "Name the package's own folder or single files; data is read from S3.",
        )


def gather(item: Item, source: Path, target: Path) -> list[str]:
    """Add an entry's modules and packages to a folder.

    Args:
        item: the entry, for messages.
        source: the file or folder on this machine.
        target: folder of everybody's code; what is in it is importable.

    Returns:
        Names that became importable.

    Raises:
        SparkSessionError: an entry before this one brings a module of the same name, there is nothing to import, or it is too large.
    """
    check_size(item.text, sum(path.stat().st_size for path in _files(source)))
    try:
        if source.is_dir():
            # A package keeps its name; any other folder holds what is to be imported.
            inner = (
                [source] if (source / "__init__.py").is_file() else [p for p in sorted(source.iterdir()) if _is_code(p)]
            )
            return _add(item, inner, target)
        if source.suffix == ".py":
            return _add(item, [source], target)
        with zipfile.ZipFile(source) as archive:
            unpacked = Path(tempfile.mkdtemp(dir=target.parent))
            archive.extractall(unpacked)
        return _add(item, [path for path in sorted(unpacked.iterdir()) if _is_code(path)], target)
    except (zipfile.BadZipFile, OSError) as error:
        raise SparkSessionError(f"{show(item.text)} cannot be read.", f"{error}.", "Copy or build it again.") from error


def _add(item: Item, entries: Sequence[Path], target: Path) -> list[str]:
    names = []
    for entry in entries:
        if entry.is_file() and entry.suffix == ".py" and not entry.stem.isidentifier():
            if len(entries) > 1:
                continue  # a folder's script, which nobody can import
            raise SparkSessionError(
                f"{show(entry.name)} cannot be imported.",
                "The name of a module has letters, digits and underscores.",
                f"Call it {entry.stem.replace('-', '_').replace(' ', '_')}.py.",
            )
        aim = target / entry.name
        if aim.exists():
            raise SparkSessionError(
                f"Two entries of py_files bring {show(entry.name)}.",
                f"The other one is from an entry before {show(item.text)}, and only one can be imported.",
                "Rename one, or take one out.",
            )
        if entry.is_dir():
            shutil.copytree(entry, aim, ignore=_ignored)
        else:
            shutil.copy2(entry, aim)
        names.append(entry.stem if entry.is_file() else entry.name)
    if not names:
        raise SparkSessionError(
            f"{show(item.text)} has nothing to import.",
            "A folder or archive holds modules (.py) or packages, or is a package with an __init__.py.",
            'Name the folder that the packages are in, for example py_files=["my-repository/src"].',
        )
    return names


def _is_code(path: Path) -> bool:
    if path.is_file():
        return path.suffix == ".py"
    if path.name.startswith(".") or path.name in _LEFT_OUT or not path.name.isidentifier():
        return False
    return any(found.suffix == ".py" for found in _files(path))


def _ignored(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(".") or name in _LEFT_OUT]


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    found = []
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(set(folders) - set(_ignored("", folders)))
        found += [Path(folder, name) for name in sorted(set(names) - set(_ignored("", names)))]
    return found


def clone(item: Item, target: Path) -> tuple[Path, str]:
    """Check out a repository.

    Args:
        item: of kind REPOSITORY.
        target: an empty folder to make the checkout in.

    Returns:
        Folder to import from, and the commit.

    Raises:
        SparkSessionError: git is missing, or finds no such repository, revision or folder.
    """
    assert item.kind is Kind.REPOSITORY
    address, revision, inner = repository(item.text)
    # Called as the repository is: it may be a package itself.
    target = target / address.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git")
    _git(item, "init", "--quiet", str(target))
    wanted = revision or "HEAD"
    try:
        # One commit is enough, and most servers give any that is asked for.
        _git(item, "-C", str(target), "fetch", "--quiet", "--depth=1", "--", address, wanted)
        _git(item, "-C", str(target), "checkout", "--quiet", "FETCH_HEAD")
    except SparkSessionError:
        # A short commit, or a server that gives branches and tags only.
        _git(item, "-C", str(target), "fetch", "--quiet", "--", address, "+refs/*:refs/fetched/*")
        _git(item, "-C", str(target), "checkout", "--quiet", "--detach", wanted)
    commit = _git(item, "-C", str(target), "rev-parse", "HEAD").strip()
    folder = (target / inner).resolve()
    if not folder.is_relative_to(target.resolve()) or not folder.is_dir():
        raise SparkSessionError(
            f"{show(item.text)} has no folder {show(inner)}.",
            f"It is not in the repository at {commit[:12]}.",
            "Check what stands behind #subdirectory=.",
        )
    return folder, commit


def _git(item: Item, *arguments: str) -> str:
    # Nobody is there to answer a question for a name or a password.
    variables = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", *arguments], env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise SparkSessionError(
            f"{show(item.text)} cannot be fetched.", "The program git is not on this machine.", "Install git."
        ) from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[:300].rstrip(". ")
        raise SparkSessionError(
            f"{show(item.text)} cannot be fetched.",
            f"git says: {said}.",
            "Check the address and what stands behind @, and whether you may read the repository.",
        )
    return done.stdout
