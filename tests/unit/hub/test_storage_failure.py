"""Errors of S3, in words; that they are raised at all is tested on a real server."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, SSLError
from spark_notebooks_hub.notebook import NotebookStorage
from spark_notebooks_hub.storage import storage_failure

STORAGE = NotebookStorage("notebooks", "users", "eu-west-1", "http://s3.example:7070")


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "AKIA-KEY"}}, "ListObjectsV2")


@pytest.mark.parametrize(
    ("error", "reason", "parts"),
    [
        (refusal("InvalidAccessKeyId"), "storage-keys", ["does not accept", "s3.credentials"]),
        (refusal("SignatureDoesNotMatch"), "storage-keys", ["does not accept", "s3.credentials"]),
        (refusal("NoSuchBucket"), "storage-bucket", ["no bucket notebooks", "s3.bucket"]),
        (refusal("AccessDenied"), "storage-keys", ["may not read the bucket notebooks"]),
        (refusal("PermanentRedirect"), "storage-region", ["eu-west-1", "s3.region"]),
        (refusal("SlowDown"), "storage-refused", ["SlowDown"]),
        (NoCredentialsError(), "storage-keys", ["no keys", "s3.credentials"]),
        (EndpointConnectionError(endpoint_url="http://s3.example:7070"), "storage-connection", ["does not answer"]),
        (SSLError(endpoint_url="x", error="self-signed"), "storage-certificate", ["certificate", "s3.endpoint"]),
        (ValueError("Invalid endpoint"), "storage-error", ["ValueError", "values of s3"]),
    ],
)
def test_what_why_and_what_to_do(error: Exception, reason: str, parts: list[str]) -> None:
    failure = storage_failure(error, STORAGE)
    assert failure.reason == reason
    assert "Ask your administrator to" in failure.message
    assert "AKIA-KEY" not in failure.message
    for part in parts:
        assert part in failure.message


def test_without_an_endpoint_it_is_aws() -> None:
    failure = storage_failure(refusal("NoSuchBucket"), NotebookStorage("notebooks", "users", "eu-west-1"))
    assert "AWS eu-west-1" in failure.message
