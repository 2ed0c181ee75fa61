"""The person's own place on S3."""

from __future__ import annotations

import os

from spark_session.environment import HOME_VARIABLE
from spark_session.errors import SparkSessionError


def s3_home(*parts: str) -> str:
    """Path in your own place on S3, for Spark, pandas and s3fs alike.

    Args:
        parts: path below it, as for `os.path.join`.

    Returns:
        For example "s3://notebooks/users/ada/data/flights.parquet".

    Raises:
        SparkSessionError: this machine names no such place, or a part leads out of it.
    """
    home = os.environ.get(HOME_VARIABLE, "").rstrip("/")
    if not home.startswith("s3://"):
        raise SparkSessionError(
            "This machine has no place on S3 that is yours.",
            f"The variable {HOME_VARIABLE} is {'not set' if not home else f'{home!r}, which is no s3:// path'}.",
            f"Set it to a place you may write to, such as {HOME_VARIABLE}=s3://my-bucket/me.",
        )
    names: list[str] = []
    for part in parts:
        if not isinstance(part, str):
            raise SparkSessionError(
                f"s3_home got {part!r}.", "A part of a path is text.", 'For example s3_home("data").'
            )
        names += part.strip("/").split("/")
    if any(name in {"", ".", ".."} for name in names):
        raise SparkSessionError(
            f"s3_home got {'/'.join(parts)!r}.",
            "A part is empty, or leads out of your place.",
            'Name folders and files, for example s3_home("data", "flights.parquet").',
        )
    return "/".join([home, *names])
