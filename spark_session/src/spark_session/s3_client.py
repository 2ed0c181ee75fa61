"""The S3 client for a few small requests; what is read and written as data goes by Spark or pandas."""

from __future__ import annotations

from typing import Any


def client(connect_seconds: float, read_seconds: float, **retries: Any) -> Any:
    """botocore's client of S3, with the credentials, endpoint and region of the usual AWS variables.

    Args:
        connect_seconds: for a connection.
        read_seconds: for an answer.
        retries: botocore's settings of that name.
    """
    import botocore.config
    import botocore.session

    settings = botocore.config.Config(connect_timeout=connect_seconds, read_timeout=read_seconds, retries=retries)
    return botocore.session.get_session().create_client("s3", config=settings)


def place(url: str) -> tuple[str, str]:
    """Bucket and key of "s3://bucket/key"; the key may have a `?` or a `#` in it."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key
