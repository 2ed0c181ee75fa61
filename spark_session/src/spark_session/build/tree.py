"""The project's files as git knows them, and the build's context that is made of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from spark_session.build.naming import State
from spark_session.errors import SparkSessionError, show

EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"
_SHOWN = 5


def files_of(folder: Path) -> list[str]:
    """Paths of the files in a project's folder: what git knows, and what is new and not ignored. Sorted.

    Raises:
        SparkSessionError: the folder is not there, or is in no git repository.
    """
    if not folder.is_dir():
        raise SparkSessionError(
            f"{show(str(folder))} is not there.", "It is no folder.", "Name the folder of a project."
        )
    listed = _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed is None:
        raise SparkSessionError(
            f"{show(str(folder))} is in no git repository, or there is no git here.",
            "An image is named by a commit, so that it is certain what is in it.",
            "git init && git add . && git commit",
        )
    # Deleted files are known until the deletion is committed.
    return sorted({path for path in listed.split("\0") if path and os.path.lexists(folder / path)})


def state_of(folder: Path, files: Sequence[str], variables: Mapping[str, str], *, dirty: bool) -> State:
    """The state of a project's files.

    Args:
        folder: of the project.
        files: their paths in it.
        variables: environment variables.
        dirty: whether files may be other than they were committed.

    Raises:
        SparkSessionError: they are, and may not be.
    """
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD") or ""
    changed = _git(folder, "status", "--porcelain", "-z", "--", ".")
    is_dirty = not commit or changed is None or changed != ""
    if is_dirty and not dirty:
        names = [entry[3:] for entry in (changed or "").split("\0") if entry]
        more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise SparkSessionError(
            "The project is not as it was committed.",
            f"Changed or new: {', '.join(names[:_SHOWN])}{more}." if commit else "Nothing was committed yet.",
            "Commit it, or say --dirty, which marks the image.",
        )
    return State(commit, _time(folder, variables), is_dirty, digest_of(folder, files))


def digest_of(folder: Path, files: Sequence[str]) -> str:
    """SHA-256 over the paths, kinds and contents of files."""
    found = hashlib.sha256()
    for path in files:
        place = folder / path
        if place.is_symlink():
            kind, content = "link", os.fsencode(place.readlink())
        elif place.is_file():
            kind, content = _kind(place), place.read_bytes()
        else:
            continue  # a submodule
        found.update(f"{path}\0{kind}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return found.hexdigest()


def stage(folder: Path, files: Sequence[str], target: Path) -> None:
    """Copy files, so that nobody edits them while they are built.

    Args:
        folder: of the project.
        files: their paths in it.
        target: a new folder.
    """
    target.mkdir()
    for path in files:
        source, copy = folder / path, target / path
        if not source.is_symlink() and not source.is_file():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy, follow_symlinks=False)


def settle(folder: Path, time: int) -> None:
    """Give all that is in a folder rights and times that are the same on each machine.

    buildah 1.39 writes a hash of what is mounted for a step into the image's history, times included.

    Args:
        folder: the context of a build.
        time: of all files, seconds since 1970.
    """
    for place in folder.rglob("*"):
        if not place.is_symlink():
            place.chmod(0o755 if place.is_dir() or _kind(place) == "program" else 0o644)
        os.utime(place, (time, time), follow_symlinks=False)


def _kind(path: Path) -> str:
    return "program" if path.stat().st_mode & 0o100 else "file"


def _time(folder: Path, variables: Mapping[str, str]) -> int:
    """When a commit was made, or what is to be taken for that."""
    given = variables.get(EPOCH_VARIABLE, "")
    if given.isascii() and given.isdigit():
        return int(given)
    return int(_git(folder, "log", "-1", "--format=%ct") or 0)


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip("\n")
