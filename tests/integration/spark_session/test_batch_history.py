"""The history of jobs on a real S3 server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from spark_session.batch import s3
from spark_session.batch.archive import Archive
from spark_session.batch.outcome import Outcome, State
from spark_session.batch.past import PastJob
from spark_session.errors import SparkSessionError

from dev.s3_server import S3Server

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
KEPT = Archive("s3://notebooks/users/ada")
ENDED = Outcome(State.FAILED, 3, "Ümlaut.")


@pytest.fixture(autouse=True)
def variables(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)


def job(name: str, days: int = 0, outcome: Outcome | None = ENDED) -> PastJob:
    submitted = (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    spec: dict[str, Any] = {"template": {"spec": {"containers": [{"image": "registry/notebook:1"}]}}}
    metadata = {"name": name, "creationTimestamp": submitted, "annotations": {}}
    return PastJob({"metadata": metadata, "spec": spec}, outcome, NOW, NOW, "sha256:11")


def test_jobs_are_remembered_for_a_time_and_the_folder_is_nobody_elses() -> None:
    assert KEPT.names() == []
    assert KEPT.find("flights-1") is None
    KEPT.forget(NOW)
    for each in (
        job("flights-1", 1, None),
        job("flights-1-2"),
        job("flights-1", 1),
        job("old-1", 91),
        job("old-2", 89),
    ):
        KEPT.write(each)
    s3.write("s3://notebooks/users/ada/.spark-jobs/history/notes.txt", b"", "")
    s3.write("s3://notebooks/users/ada/.spark-jobs/history/a/b.json", b"", "")
    assert [each.name for each in KEPT.read(KEPT.names())] == ["old-1", "old-2", "flights-1", "flights-1-2"]
    # The last word on a job stands; a name is taken whole.
    assert KEPT.find("flights-1") == job("flights-1", 1)
    assert KEPT.find("1-2") is None
    KEPT.forget(NOW)
    assert [each.name for each in KEPT.read(KEPT.names())] == ["old-2", "flights-1", "flights-1-2"]
    assert s3.is_there("s3://notebooks/users/ada/.spark-jobs/history/notes.txt", "")
    assert not s3.is_there("s3://notebooks/users/ada/nowhere", "")


def test_a_place_that_does_not_answer_is_named() -> None:
    with pytest.raises(SparkSessionError, match="The history of your jobs cannot be read"):
        Archive("s3://nobodys-bucket/ada").names()
    with pytest.raises(SparkSessionError, match="cannot be added to your history"):
        Archive("s3://nobodys-bucket/ada").write(job("a-1"))
    assert Archive(None).names() == []
    Archive(None).write(job("a-1"))
