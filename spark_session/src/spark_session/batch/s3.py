"""The few objects on S3 that jobs read and write."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from spark_session import s3_client
from spark_session.errors import SparkSessionError, first_line

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
    with _told(failed, url):
        _client().put_object(**_place(url), Body=content)


def send(file: Path, url: str, failed: str) -> None:
    """Put what is in a file now where it belongs.

    Args:
        file: on this machine; it may grow meanwhile.
        url: as for `write`.
        failed: as for `write`.

    Raises:
        SparkSessionError: S3 does not take it.
        OSError: the file cannot be read.
    """
    with tempfile.TemporaryFile() as copy:
        # S3 is told the length first.
        with file.open("rb") as source:
            shutil.copyfileobj(source, copy)
        copy.seek(0)
        with _told(failed, url):
            _client().put_object(**_place(url), Body=copy)


def read(url: str, failed: str) -> bytes:
    """What is in an object.

    Raises:
        SparkSessionError: S3 does not give it.
    """
    with _told(failed, url):
        return _read(url)


def find(url: str, failed: str) -> bytes | None:
    """What is in an object; None where there is none.

    Raises:
        SparkSessionError: S3 does not say.
    """
    from botocore.exceptions import ClientError

    with _told(failed, url):
        try:
            return _read(url)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _NOT_THERE:
                return None
            raise


def is_there(url: str, failed: str) -> bool:
    """Whether there is an object.

    Raises:
        SparkSessionError: S3 does not say.
    """
    from botocore.exceptions import ClientError

    with _told(failed, url):
        try:
            _client().head_object(**_place(url))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _NOT_THERE:
                return False
            raise
    return True


def names(folder: str, failed: str, most: int | None = None) -> list[str]:
    """Names of the objects in a folder, in the order of S3.

    Args:
        folder: "s3://bucket/prefix/".
        failed: what is said first where S3 does not tell.
        most: how many are enough, up to 1000; None for all.

    Raises:
        SparkSessionError: S3 does not tell.
    """
    place = _place(folder)
    asked = {"Bucket": place["Bucket"], "Prefix": place["Key"], "Delimiter": "/"}
    with _told(failed, folder):
        client = _client()
        if most is None:
            pages = client.get_paginator("list_objects_v2").paginate(**asked)
        else:
            pages = [client.list_objects_v2(**asked, MaxKeys=most)]
        return [each["Key"].removeprefix(place["Key"]) for page in pages for each in page.get("Contents", [])]


def delete(urls: Sequence[str], failed: str) -> None:
    """Delete objects of one bucket, up to 1000.

    Raises:
        SparkSessionError: S3 does not do it.
    """
    places = [_place(url) for url in urls]
    with _told(failed, urls[0]):
        _client().delete_objects(
            Bucket=places[0]["Bucket"],
            Delete={"Objects": [{"Key": place["Key"]} for place in places], "Quiet": True},
        )


def _read(url: str) -> bytes:
    content: bytes = _client().get_object(**_place(url))["Body"].read()
    return content


@contextmanager
def _told(failed: str, url: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        said = first_line(str(error), 300).rstrip(".")
        raise SparkSessionError(
            failed, f"S3 says for {url}: {said}.", "Try again; if it stays so, tell your administrator."
        ) from error


def _client() -> Any:
    """One for all requests and threads: to make one takes longer than a request. Others where the variables have become others."""
    return _made(tuple(sorted((name, text) for name, text in os.environ.items() if name.startswith("AWS_"))))


@lru_cache(maxsize=1)
def _made(_: tuple[tuple[str, str], ...]) -> Any:
    return s3_client.client(5, 30, mode="standard")


def _place(url: str) -> dict[str, str]:
    bucket, key = s3_client.place(url)
    return {"Bucket": bucket, "Key": key}
