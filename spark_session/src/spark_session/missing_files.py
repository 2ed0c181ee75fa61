"""What a person is told who opens a file that is beside the notebook on S3, but not beside the kernel on the disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spark_session.environment import notebook_folder
from spark_session.s3_client import client, place

_SECONDS = 3  # for S3 to answer: the person waits for a traceback
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def hint(error: FileNotFoundError, start: Path, variables: Mapping[str, str]) -> str | None:
    """A sentence for the end of the traceback, or None where the file is not on S3 either.

    Asks S3 once, or twice for a folder.

    Args:
        error: as ``open`` raises it.
        start: the folder in which the kernel started.
        variables: environment variables.

    Raises:
        Exception: S3 does not answer, or refuses.
    """
    folder = notebook_folder(variables)
    if folder is None or not isinstance(error.filename, str | os.PathLike):
        return None
    # Not resolved: a link is no file of S3.
    wanted = Path(os.path.normpath(Path.cwd() / error.filename))
    if wanted == start or not wanted.is_relative_to(start):
        return None
    url = f"{folder}/{wanted.relative_to(start).as_posix()}"
    bucket, key = place(url)
    s3 = client(_SECONDS, _SECONDS, total_max_attempts=1)
    size = _size(s3, bucket, key)
    if size is None and not s3.list_objects_v2(Bucket=bucket, Prefix=f"{key}/", MaxKeys=1).get("Contents"):
        return None
    what = "A folder of this name" if size is None else f"A file of this name ({_readable(size)})"
    return (
        f"{what} is beside your notebook on S3, but not on this kernel's disk: it is too large or too much for that, "
        f"or has not arrived yet. Read it from {url}"
    )


def _size(s3: Any, bucket: str, key: str) -> int | None:
    found = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
    return next((entry["Size"] for entry in found if entry["Key"] == key), None)


def _readable(size: float) -> str:
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:.1f} {unit}"
