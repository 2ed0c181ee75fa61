"""The copy of a script that a job runs, on a real S3 server."""

from __future__ import annotations

import pytest
from spark_session.batch.code import Code, copy_of, fetch, upload
from spark_session.errors import SparkSessionError

from dev.s3_server import S3Server

CONTENT = b"print('\xc3\xa4')\n"


@pytest.fixture(autouse=True)
def variables(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("name", ["flights.py", "Flüge? 100% #1 (neu).py"])
def test_a_copy_comes_back_as_it_was(name: str) -> None:
    code = copy_of("s3://notebooks/users/ada", name, CONTENT)
    upload(code, CONTENT)
    upload(code, CONTENT)
    assert fetch(code) == CONTENT


def test_a_copy_that_was_changed_does_not_run() -> None:
    code = copy_of("s3://notebooks/users/ada", "changed.py", CONTENT)
    upload(code, b"print('something else')\n")
    with pytest.raises(SparkSessionError, match="a file of it was changed"):
        fetch(code)


def test_a_copy_that_is_gone_is_named() -> None:
    with pytest.raises(SparkSessionError, match=r"S3 says for s3://notebooks/users/ada/gone\.py"):
        fetch(Code("s3://notebooks/users/ada/gone.py", "0"))


def test_a_place_that_takes_nothing_is_named() -> None:
    with pytest.raises(SparkSessionError, match="cannot be copied to S3"):
        upload(Code("s3://nobodys-bucket/x.py", "0"), CONTENT)
