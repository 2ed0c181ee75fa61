from __future__ import annotations

import aiohttp
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from s3_contents import errors

URL = "s3://bucket/users/ada/a.ipynb"
SECRET = "AKIA_SECRET"


def refused(code: str, status: int) -> ClientError:
    body = {"Error": {"Code": code, "Message": f"{SECRET} is wrong"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(body, "PutObject")


@pytest.mark.parametrize(
    ("code", "status", "expected", "http"),
    [
        ("NoSuchKey", 404, errors.NotFoundError, 404),
        ("404", 404, errors.NotFoundError, 404),
        ("NoSuchUpload", 404, errors.NotFoundError, 404),
        ("PreconditionFailed", 412, errors.ConflictError, 409),
        ("ConditionalRequestConflict", 409, errors.ConflictError, 409),
        ("304", 304, errors.NotModifiedError, 304),
        ("InvalidRange", 416, errors.RangeNotSatisfiableError, 416),
        ("KeyTooLongError", 400, errors.RejectedError, 400),
        ("ObjectParentIsFile", 409, errors.RejectedError, 400),
        ("EntityTooLarge", 400, errors.TooLargeError, 413),
        ("NoSuchBucket", 404, errors.UnavailableError, 503),
        ("AccessDenied", 403, errors.RefusedError, 403),
        ("403", 403, errors.RefusedError, 403),
        ("SignatureDoesNotMatch", 403, errors.RefusedError, 403),
        ("ExpiredToken", 400, errors.RefusedError, 403),
        ("XAdminUserNotFound", 404, errors.RefusedError, 403),
        ("SlowDown", 503, errors.UnavailableError, 503),
        ("InternalError", 500, errors.UnavailableError, 503),
        ("NotImplemented", 501, errors.UnavailableError, 503),
    ],
)
def test_answers_of_s3(code: str, status: int, expected: type[errors.S3Error], http: int) -> None:
    with pytest.raises(expected) as raised, errors.translated("save", URL):
        raise refused(code, status)
    assert raised.value.status_code == http
    message = str(raised.value.log_message)
    assert URL in message
    assert SECRET not in message


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://s3"),
        ReadTimeoutError(endpoint_url="http://s3"),
        BotoCoreError(),
        aiohttp.ClientPayloadError(),
        TimeoutError(),
        ConnectionResetError(),
    ],
)
def test_no_answer(error: Exception) -> None:
    with pytest.raises(errors.UnavailableError, match="S3 does not answer") as raised, errors.translated("read", URL):
        raise error
    assert type(error).__name__ in str(raised.value)


def test_no_credentials() -> None:
    with pytest.raises(errors.RefusedError, match="has no S3 credentials"), errors.translated("read", URL):
        raise NoCredentialsError


def test_mistakes_of_our_own_stay_what_they_are() -> None:
    with pytest.raises(KeyError), errors.translated("read", URL):
        raise KeyError("x")
