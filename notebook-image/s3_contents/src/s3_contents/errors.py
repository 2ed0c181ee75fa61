"""What can go wrong with S3, as the few cases that a person can tell apart.

Each error is an HTTP error of Jupyter Server, so that its text reaches the browser as it stands. The texts name the
operation, the object and S3's error code. They never quote S3's own message, which may hold keys and signatures.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)
from tornado.web import HTTPError


class S3Error(HTTPError):
    """An operation on S3 did not succeed; the text says what, why, and what to do."""

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(self.status, message)


class RejectedError(S3Error):
    """It cannot be done as it was asked for."""

    status = 400


class NotFoundError(S3Error):
    """There is no such object."""

    status = 404


class ConflictError(S3Error):
    """A condition of the request did not hold: the object changed, or exists already."""

    status = 409


class NotModifiedError(S3Error):
    """The client has this version already."""

    status = 304


class RangeNotSatisfiableError(S3Error):
    """The range lies outside the object."""

    status = 416


class TooLargeError(S3Error):
    """The object is larger than the operation allows."""

    status = 413


class RefusedError(S3Error):
    """S3 knows the request's keys but does not allow the operation, or does not know the keys."""

    status = 403


class UnsafeError(S3Error):
    """The S3 server lacks what makes the operation safe."""

    status = 501


class UnavailableError(S3Error):
    """S3 cannot be reached, is too slow, or is not set up."""

    status = 503


_CASES: dict[str, type[S3Error]] = {
    "304": NotModifiedError,
    "404": NotFoundError,
    "NoSuchKey": NotFoundError,
    "NoSuchUpload": NotFoundError,
    "NotFound": NotFoundError,
    "412": ConflictError,
    "PreconditionFailed": ConflictError,
    "ConditionalRequestConflict": ConflictError,
    "416": RangeNotSatisfiableError,
    "InvalidRange": RangeNotSatisfiableError,
    "EntityTooLarge": TooLargeError,
    "KeyTooLongError": RejectedError,
    "ObjectParentIsFile": RejectedError,
    "ExistingObjectIsDirectory": RejectedError,
}
# Refusals that do not have the status 401 or 403; the last is versitygw's for an unknown access key.
_REFUSALS = {"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "XAdminUserNotFound"}
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError)


@contextmanager
def translated(action: str, url: str) -> Iterator[None]:
    """Raise what an AWS client raises inside the block as an S3Error about ``action`` on ``url``.

    ``action`` is a verb ("save"), ``url`` an ``s3://`` address.
    """
    try:
        yield
    except ClientError as error:
        raise _of_response(error, action, url) from error
    except _NO_CREDENTIALS as error:
        raise RefusedError(
            f"Cannot {action} {url}: this server has no S3 credentials ({type(error).__name__}). "
            "Restart it; if that does not help, the administrator has to look at the S3 settings."
        ) from error
    except (BotoCoreError, aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UnavailableError(
            f"Cannot {action} {url}: S3 does not answer ({type(error).__name__}). "
            "Keep your documents open and try again in a moment."
        ) from error


def _of_response(error: ClientError, action: str, url: str) -> S3Error:
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    bucket = url.removeprefix("s3://").partition("/")[0]
    if code == "NoSuchBucket":
        return UnavailableError(
            f"Cannot {action} {url}: the S3 bucket {bucket!r} does not exist. "
            "The administrator has to create it, or to correct the S3 settings."
        )
    case = _CASES.get(code)
    if case is RejectedError:
        return RejectedError(f"Cannot {action} {url}: S3 does not accept this name ({code}). Choose another one.")
    if case is not None:
        return case(f"Cannot {action} {url}: {code}.")
    if status in (401, 403) or code in _REFUSALS:
        return RefusedError(
            f"S3 refused to {action} {url} ({code}): the keys of this server have expired, or do not allow it. "
            "Restart your server; if that does not help, ask the administrator."
        )
    return UnavailableError(
        f"Cannot {action} {url}: S3 answered {status} {code}. Keep your documents open and try again in a moment."
    )


def changed(path: str, replacing: bool) -> ConflictError:
    """What is said to a person whose save found another version there than the one that it was to replace, or a file where none was."""
    if not replacing:
        return ConflictError(
            f"{path} was created by someone else in the meantime. Open it, or save under another name."
        )
    return ConflictError(
        f"{path} was changed by someone else since you opened it, and has not been saved. Open their version (File > "
        "Reload from Disk), or save yours under another name."
    )
