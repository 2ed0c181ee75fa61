"""jupyter_server's tests of checkpoints and of large files, run against this contents manager."""

from __future__ import annotations

import pytest
from nbformat import writes
from nbformat.v4 import new_notebook
from s3_contents import S3ContentsManager

from dev.s3_server import S3Server
from tests.integration.s3_contents import upstream

LARGE_FILES = upstream.module("services.contents.test_largefilemanager")
LEFT_OUT = {
    "test_save_in_subdirectory": "makes its folder on the local file system",
    "test_saving_different_chunks": "sends each chunk twice, which the stock manager appends twice and this one refuses",
}

globals().update(upstream.tests_of(upstream.module("services.contents.test_checkpoints"), {}))
globals().update(upstream.tests_of(LARGE_FILES, LEFT_OUT))


@pytest.fixture
def jp_large_contents_manager(manager: S3ContentsManager) -> S3ContentsManager:
    return manager


@pytest.fixture
def contents_manager(manager: S3ContentsManager, s3_server: S3Server, bucket: str) -> S3ContentsManager:
    for name, body in (("a.ipynb", writes(new_notebook(), version=4)), ("a.txt", "a text file")):
        s3_server.client.put_object(Bucket=bucket, Key=f"users/ada/foo/{name}", Body=body.encode())
    return manager
