"""What a job takes along beside what it runs: files and environment variables. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence

from spark_session.batch.source import Source
from spark_session.errors import SparkSessionError, show

FILES_VARIABLE = "SPARK_NOTEBOOKS_JOB_FILES"
"""Of a job's pod: what `written` wrote."""

LARGEST_FILE = 100 * 2**20
"""Bytes. It is in the memory of who submits it, and copied to the pod's disk at each try."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_PLATFORMS = ("SPARK_NOTEBOOKS_", "SPARK_SESSION_", "KUBERNETES_", "POD_", "AWS_")


def parse_variable(text: str, ours: Mapping[str, str]) -> tuple[str, str]:
    """Name and value of a variable that is given as "NAME=value", or as "NAME" for the value that it has here.

    Args:
        text: as it is given.
        ours: environment variables of this process.

    Raises:
        SparkSessionError: it has no value here.
    """
    name, sign, value = text.partition("=")
    if sign:
        return name, value
    if name not in ours:
        raise SparkSessionError(
            f"There is no variable {show(name)} here.",
            "A name without = stands for the value that the variable has where the job is submitted.",
            f"Give the value: --env {name}=...",
        )
    return name, ours[name]


def check_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Those that a job may be given.

    Raises:
        SparkSessionError: a name or a value cannot be one, or the variable is the platform's.
    """
    for name, value in variables.items():
        if not isinstance(name, str) or not isinstance(value, str) or not _NAME.fullmatch(name) or "\0" in value:
            raise SparkSessionError(
                f"{show(name)} cannot be an environment variable with the value {show(value)}.",
                "A name has letters, digits and _, and begins with no digit; the value is a text.",
                'For example env={"STAGE": "test"}, or --env STAGE=test.',
            )
        if name.startswith(_PLATFORMS):
            raise SparkSessionError(
                f"The variable {name} cannot be given to a job.",
                f"Names that begin with {', '.join(_PLATFORMS)} say where a job runs, and are the platform's.",
                "Take another name, or give the script an argument.",
            )
    return dict(variables)


def check_files(script: str, files: Sequence[Source]) -> tuple[Source, ...]:
    """Those that a job may take along.

    Args:
        script: what it runs.
        files: as they are now.

    Raises:
        SparkSessionError: one is too large, or two could not lie in one folder.
    """
    known: dict[str, bytes] = {}
    for file in files:
        if len(file.content) > LARGEST_FILE:
            raise SparkSessionError(
                f"{show(file.name)} is too large to go along with a job.",
                f"It has {len(file.content) / 2**20:.0f} MiB, and {LARGEST_FILE // 2**20} is the most.",
                "Put it on S3, and let the job read it there.",
            )
        if file.name == script or known.setdefault(file.name, file.content) != file.content:
            raise SparkSessionError(
                f"There are two files of the name {show(file.name)}.",
                "All files of a job lie in one folder.",
                "Leave one of them out, or give it another name.",
            )
    return tuple({file.name: file for file in files}.values())


def written(files: Sequence[Source], digest: Callable[[bytes], str]) -> str:
    """Files, as the value of a variable; their content is named by its digest. Empty for none."""
    return json.dumps([[digest(file.content), file.name] for file in files]) if files else ""


def as_written(text: str) -> list[tuple[str, str]]:
    """Digest and name of each file of what `written` wrote."""
    return [(digest, name) for digest, name in json.loads(text or "[]")]
