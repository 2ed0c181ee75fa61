"""The copy of a script that a job runs: on S3, in the person's own place, under the hash of what is in it.

Not a ConfigMap: the workspace would have to let notebooks make them, and they end at 1 MB. Under its hash a copy is never replaced by another one,
two jobs of the same script share it, and the job, which knows the hash, runs that and nothing else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from spark_session.batch import s3
from spark_session.errors import SparkSessionError

FOLDER = ".spark-jobs/code"


@dataclass(frozen=True)
class Code:
    """A copy: its address, "s3://bucket/...", and the SHA-256 of it in hexadecimal digits."""

    url: str
    digest: str


def copy_of(home: str | None, script: str, content: bytes) -> Code:
    """Where the copy of a script is.

    Args:
        home: the person's place, "s3://bucket/prefix".
        script: name of the file.
        content: of the file.

    Raises:
        SparkSessionError: there is no such place.
    """
    if home is None:
        raise SparkSessionError(
            "The script cannot be copied to where a job would find it.",
            "This machine names no place on S3 that is yours (SPARK_NOTEBOOKS_S3_HOME).",
            "Stop your server and start it again; if that does not help, tell your administrator.",
        )
    return known_copy(home, script, digest_of(content))


def known_copy(home: str, script: str, digest: str) -> Code:
    """The copy of a file that is known by its digest; home and script as for `copy_of`."""
    return Code(f"{home}/{FOLDER}/{digest}/{script}", digest)


def digest_of(content: bytes) -> str:
    """What content is known by."""
    return hashlib.sha256(content).hexdigest()


def upload(code: Code, content: bytes) -> None:
    """Put a copy where it belongs.

    Raises:
        SparkSessionError: S3 does not take it.
    """
    s3.write(code.url, content, "What the job runs cannot be copied to S3.")


def fetch(code: Code) -> bytes:
    """What is in a copy.

    Raises:
        SparkSessionError: S3 does not give it, or it is not what it was.
    """
    content = s3.read(code.url, "A file of the job cannot be read.")
    if digest_of(content) != code.digest:
        raise SparkSessionError(
            "The job does not run: a file of it was changed.",
            f"What is at {code.url} is not what was submitted.",
            "Submit it again.",
        )
    return content
