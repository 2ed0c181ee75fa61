"""A real S3 server for tests: one per test session, one bucket per test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from dev.s3_server import S3Server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A versitygw with random keys on a free port of the loopback interface."""
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3_environment(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process finds the server through the usual AWS variables, and nothing else."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)


def new_bucket(server: S3Server, versioning: bool = False) -> str:
    """The name of a new, empty bucket."""
    name = f"bucket-{next(_numbers)}"
    server.create_bucket(name, versioning)
    return name
