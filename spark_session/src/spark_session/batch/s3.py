"""The few objects on S3 that jobs read and write."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from spark_session.errors import SparkSessionError
from spark_session.reasons import first_line

_NOT_THERE = ("NoSuchKey", "NoSuchBucket", "404")


def write(url: str, content: bytes, failed: str) -> None:
    """Put an object where it belongs.

    Args:
        url: "s3://bucket/key".
        content: of the object.
        failed: what is said first where S3 does not take it.

    Raises:
        SparkSessionError: S3 does not take it.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        _client().put_object(**_place(url), Body=content)
    except (BotoCoreError, ClientError) as error:
        raise _failed(failed, url, error) from error


def read(url: str, failed: str) -> bytes:
    """What is in an object.

    Raises:
        SparkSessionError: S3 does not give it.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return _read(url)
    except (BotoCoreError, ClientError) as error:
        raise _failed(failed, url, error) from error


def find(url: str, failed: str) -> bytes | None:
    """What is in an object; None where there is none.

    Raises:
        SparkSessionError: S3 does not say.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return _read(url)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _NOT_THERE:
            return None
        raise _failed(failed, url, error) from error
    except BotoCoreError as error:
        raise _failed(failed, url, error) from error


def _read(url: str) -> bytes:
    content: bytes = _client().get_object(**_place(url))["Body"].read()
    return content


def _client() -> Any:
    import botocore.config
    import botocore.session

    settings = botocore.config.Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard"})
    return botocore.session.get_session().create_client("s3", config=settings)


def _place(url: str) -> dict[str, str]:
    # Not urlsplit for the path: a name may have a `?` or a `#` in it.
    bucket = urlsplit(url).netloc
    return {"Bucket": bucket, "Key": url.removeprefix(f"s3://{bucket}/")}


def _failed(what: str, url: str, error: Exception) -> SparkSessionError:
    said = first_line(str(error), 300).rstrip(".")
    return SparkSessionError(what, f"S3 says for {url}: {said}.", "Try again; if it stays so, tell your administrator.")
