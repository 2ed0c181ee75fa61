"""What a project's files say: its name and version, the Python that it needs, and the packages that it is locked to. Pure."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from spark_session.errors import SparkSessionError, show

PYPROJECT, UV_LOCK = "pyproject.toml", "uv.lock"
LOCKS = ("requirements.lock", "requirements.txt")
"""Files of requirements, the first that is there counts."""

_HOW = "uv pip compile --generate-hashes pyproject.toml --output-file requirements.txt"
_ELSEWHERE = ("-r", "--requirement", "-c", "--constraint", "-e", "--editable")


@dataclass(frozen=True)
class Project:
    """A project.

    Args:
        name: as images are named: small letters, digits and hyphens.
        version: as it names it itself; "0" where it does not.
        requires_python: versions of Python, as in "requires-python"; None for any.
        dependencies: as in pyproject.toml.
    """

    name: str
    version: str = "0"
    requires_python: str | None = None
    dependencies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lock:
    """A list of requirements with hashes.

    Args:
        source: name of the file that it is of.
        content: as pip reads it; empty where nothing is to be installed.
    """

    source: str
    content: str

    @property
    def digest(self) -> str:
        """SHA-256 of it."""
        return hashlib.sha256(self.content.encode()).hexdigest()


NOTHING = Lock("", "")


def parse(pyproject: str | None, folder: str) -> Project:
    """A project by its pyproject.toml.

    Args:
        pyproject: what is in it; None where there is none.
        folder: name of the project's folder, for one that has no name.

    Raises:
        SparkSessionError: it is not what it should be.
    """
    try:
        found: Mapping[str, Any] = tomllib.loads(pyproject or "").get("project", {})
        project = Project(
            slug(str(found.get("name") or folder)),
            str(found.get("version") or "0"),
            found.get("requires-python"),
            tuple(map(str, found.get("dependencies", ()))),
        )
        SpecifierSet(project.requires_python or "")
    except (tomllib.TOMLDecodeError, AttributeError, TypeError, InvalidSpecifier) as error:
        raise SparkSessionError(
            f"The {PYPROJECT} of the project cannot be read.", f"{error}.", "Mend it, and build again."
        ) from error
    return project


def slug(name: str) -> str:
    """A name as images may have it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "project"


def check_files(files: Collection[str]) -> None:
    """Refuse a folder that is no project.

    Args:
        files: their paths in the folder.

    Raises:
        SparkSessionError: it has neither a pyproject.toml nor a list of requirements.
    """
    if not {PYPROJECT, UV_LOCK, *LOCKS} & set(files):
        raise SparkSessionError(
            "This folder is no project.",
            f"It has none of {PYPROJECT}, {UV_LOCK}, {', '.join(LOCKS)} that git knows of.",
            f"Make a {PYPROJECT}, or a requirements.txt with hashes, and commit it.",
        )


def source_of(project: Project, files: Collection[str]) -> str | None:
    """Name of the file that says what is installed; None where nothing is.

    Args:
        project: the project.
        files: their paths in its folder.

    Raises:
        SparkSessionError: it depends on packages, and no file locks them.
    """
    found = next((name for name in (*LOCKS, UV_LOCK) if name in files), None)
    if found is None and project.dependencies:
        raise SparkSessionError(
            "What the project depends on is not locked.",
            f"{PYPROJECT} names {show(project.dependencies[0])}, and which version and file of it that is would change from build to build.",
            f"Lock it, and commit the file: {_HOW}",
        )
    return found


def check_lock(lock: Lock) -> Lock:
    """A lock in which each requirement has a hash.

    Raises:
        SparkSessionError: one has none, or is in another file.
    """
    for line in _logical_lines(lock.content):
        word = line.split()[0]
        if word.split("=")[0] in _ELSEWHERE:
            raise SparkSessionError(
                f"{lock.source} does not say by itself what is installed.",
                f"The line {show(line)} leads elsewhere.",
                f"Make it whole: {_HOW}",
            )
        if not word.startswith("-") and "--hash=" not in line:
            raise SparkSessionError(
                f"{lock.source} does not say for certain what is installed.",
                f"{show(line)} has no hash.",
                f"Make it anew: {_HOW}",
            )
    return lock


def _logical_lines(content: str) -> list[str]:
    """Lines of a file of requirements, without comments, and joined where a backslash says so."""
    joined = re.sub(r"\\\r?\n", " ", content)
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]
