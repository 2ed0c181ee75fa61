"""What a project's image is called, and what is written on it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from spark_session.build.project import Lock, Project
from spark_session.errors import SparkSessionError, show
from spark_session.pod_template import LABEL_PREFIX

_COMMIT_SHOWN = 12
_LONGEST_TAG = 128
_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<name>(?:[a-z0-9][a-z0-9.-]*(?::\d+)?/)?{_PART}(?:/{_PART})*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}))?",
    re.ASCII,
)


@dataclass(frozen=True)
class State:
    """The state of the project's files.

    Args:
        commit: that git is at; empty where there is none.
        time: of the commit, or $SOURCE_DATE_EPOCH; seconds since 1970.
        is_dirty: whether files are not as they are in the commit.
        digest: SHA-256 of all files.
    """

    commit: str
    time: int
    is_dirty: bool
    digest: str


def reference(asked: str | None, project: Project, state: State) -> str:
    """The image's name and tag.

    Args:
        asked: "NAME", "NAME:TAG", or None: the project's name; a tag that is not named is the version with the commit, and the hash of all files of a
            folder that is not as it was committed.
        project: the project.
        state: of its files.

    Raises:
        SparkSessionError: an image cannot be called so.
    """
    match = _REFERENCE.fullmatch(asked or project.name)
    if match is None:
        raise SparkSessionError(
            f"--tag {show(asked)} is no name of an image.",
            "It is a registry and a path in small letters, and a tag if you like.",
            "For example --tag registry.example/team/flights, or --tag registry.example/team/flights:1.2.",
        )
    return f"{match['name']}:{match['tag'] or tag(project, state)}"


def tag(project: Project, state: State) -> str:
    """Version and commit; an image of the same tag has the same project in it."""
    version = re.sub(r"[^A-Za-z0-9._-]", "-", project.version).lstrip(".-") or "0"
    parts = [version, state.commit[:_COMMIT_SHOWN]]
    if state.is_dirty:
        parts += ["dirty", state.digest[:8]]
    return "-".join(filter(None, parts))[:_LONGEST_TAG]


def labels(project: Project, lock: Lock, state: State, base: str) -> dict[str, str]:
    """What is written on the image: the names are the Open Container Initiative's, where it has one.

    Args:
        project: the project.
        lock: what is installed.
        state: of its files.
        base: the notebook image, by its digest.
    """
    name, _, digest = base.partition("@")
    found = {
        "org.opencontainers.image.title": project.name,
        "org.opencontainers.image.version": project.version,
        "org.opencontainers.image.created": datetime.fromtimestamp(state.time, UTC).isoformat().replace("+00:00", "Z"),
        "org.opencontainers.image.revision": f"{state.commit or 'none'}{'-dirty' if state.is_dirty else ''}",
        "org.opencontainers.image.base.name": name,
        "org.opencontainers.image.base.digest": digest,
        f"{LABEL_PREFIX}/project-sha256": state.digest,
        f"{LABEL_PREFIX}/lock-sha256": lock.digest if lock.content else "",
    }
    return {label: text for label, text in found.items() if text}
