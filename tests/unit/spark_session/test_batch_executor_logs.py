"""What the executors of a job said, also those that are gone."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from spark_session.batch import archive, job_executors, s3, session_logs
from spark_session.batch.apis import Apis
from spark_session.batch.archive import Archive
from spark_session.batch.command import main
from spark_session.batch.job_executors import JobExecutors
from spark_session.batch.remember import Findings
from spark_session.control.ended import Ended
from spark_session.errors import SparkSessionError
from spark_session.executor_logs import Executor, parse
from spark_session.kube import ServiceAccount

from spark_session import executor_logs

from .api_server import Server

HOME = "s3://notebooks/users/ada"
NAME = "count-3f09ac"
KEPT = f"{HOME}/.spark-jobs/logs/{NAME}_"
LABELS = {"spark-notebooks.io/session": "0123abcd", "spark-exec-id": "7"}


def pod(name: str, owner: str = "job-pod", **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": {**LABELS, **labels}, "ownerReferences": [{"uid": owner}]}
    return {"metadata": metadata}


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    found: dict[str, bytes] = {}

    def names(folder: str, *_: Any, **__: Any) -> list[str]:
        return sorted(url.removeprefix(folder) for url in found if url.startswith(folder))

    monkeypatch.setattr(s3, "names", names)
    monkeypatch.setattr(s3, "find", lambda url, _: found.get(url))
    monkeypatch.setattr(s3, "send", lambda file, url, _: found.__setitem__(url, file.read_bytes()))
    monkeypatch.setattr(s3, "delete", lambda urls, _: [found.pop(url) for url in urls])
    return found


@pytest.fixture
def of_job(server: Server, account: Path, monkeypatch: pytest.MonkeyPatch) -> JobExecutors:
    """Of a job that runs, with an executor that is there, and one that another driver has."""
    job_pod = {"metadata": {"name": "p", "uid": "job-pod", "creationTimestamp": "2026-11-21T10:00:00Z"}}
    other = pod("other-exec-9", "notebook-pod", **{"spark-exec-id": "9"})

    def answer(_: str, path: str) -> tuple[int, list[bytes]]:
        if path.partition("?")[0].endswith("/log"):
            return 200, [b"it runs\n"]
        if "spark-notebooks.io%2Fsession" in path:
            return 200, [json.dumps({"items": [pod("x-exec-7"), other]}).encode()]
        return 200, [json.dumps({"items": [job_pod]}).encode()]

    server.answer = answer
    monkeypatch.setattr(job_executors, "archive", lambda: Archive(HOME))
    return JobExecutors(NAME, Apis(server.url, "user-ada", ServiceAccount(account)), HOME)


def test_an_executor_is_known_by_its_session_and_number() -> None:
    assert parse(Executor("0123abcd", "12").file) == Executor("0123abcd", "12")
    assert [parse(name) for name in ("0123abcd_.log", "12.log", "x_1.log", "0123abcd_1.partial")] == [None] * 4


def test_a_session_leaves_logs_of_executors_where_somebody_wants_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Pods:
        def log(self, name: str, _: int) -> str:
            return f"last words of {name}"

    ended = Ended(Pods(), "0123abcd")  # type: ignore[arg-type]
    monkeypatch.delenv(executor_logs.FOLDER_VARIABLE, raising=False)
    ended.keep([pod("x-exec-7")])
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv(executor_logs.FOLDER_VARIABLE, str(tmp_path))
    ended.keep([pod("x-exec-7")])
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"0123abcd_7.log": "last words of x-exec-7"}
    monkeypatch.setattr(executor_logs, "MOST", 1)
    ended.keep([pod("x-exec-8", **{"spark-exec-id": "8"})])
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setenv(executor_logs.FOLDER_VARIABLE, str(tmp_path / "gone"))
    ended.keep([pod("x-exec-7")])
    assert ended.log("7") == "last words of x-exec-7"


def test_a_job_sends_them_to_s3(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_SESSION_EVENT_LOGS", raising=False)
    with session_logs.collected({"SPARK_NOTEBOOKS_S3_HOME": HOME, "SPARK_NOTEBOOKS_JOB": NAME}, Findings()):
        executor_logs.write(os.environ, Executor("0123abcd", "1"), "last words")
    assert files == {f"{KEPT}0123abcd_1.log": b"last words"}
    assert not executor_logs.is_wanted(os.environ)


def test_those_that_are_there_and_those_that_are_gone(of_job: JobExecutors, files: dict[str, bytes]) -> None:
    files[f"{KEPT}0123abcd_10.log"] = b"ten"
    files[f"{KEPT}0123abcd_7.log"] = b"of before it was looked at"
    files[f"{KEPT}fedc0000_10.log"] = b"ten of the next session"
    files[f"{HOME}/.spark-jobs/logs/count-3f09ad_0123abcd_1.log"] = b"another job's"
    assert [known.row for known in of_job.list()] == [
        ("7", "there", "0123abcd"), ("10", "gone", "0123abcd"), ("10", "gone", "fedc0000")
    ]  # fmt: skip
    assert of_job.log("7") == "it runs\n"
    assert of_job.log("10") == "ten of the next session"
    assert of_job.log("0123abcd_10") == "ten"
    with pytest.raises(SparkSessionError, match="no log of executor '9' of the job count-3f09ac"):
        of_job.log("9")


def test_of_a_job_that_nobody_knows_there_are_none(
    of_job: JobExecutors, server: Server, files: dict[str, bytes]
) -> None:
    server.answer = lambda _, path: (200, [b'{"items": []}']) if "?" in path else (404, [b"{}"])
    with pytest.raises(SparkSessionError, match="There is no job count-3f09ac"):
        of_job.list()
    files[f"{KEPT}0123abcd_1.log"] = b"one"
    assert of_job.log("1") == "one"


def test_the_command_lists_and_shows_them(
    of_job: JobExecutors, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], files: dict[str, bytes]
) -> None:
    monkeypatch.setattr(JobExecutors, "of", lambda name: of_job)
    assert main(["logs", NAME, "--executor"]) == 0
    assert capsys.readouterr().out == "EXECUTOR  STATE  SESSION\n7         there  0123abcd\n"
    assert main(["logs", NAME, "--executor", "7"]) == 0
    assert capsys.readouterr().out == "it runs\n"


def test_they_are_forgotten_with_their_job(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = "2026-01-01T00-00-00-old-000001.json", "2026-11-20T00-00-00-new-000001.json"
    folder, logs = f"{HOME}/.spark-jobs/history/", f"{HOME}/.spark-jobs/logs/"
    files |= {f"{folder}{old}": b"", f"{folder}{new}": b""}
    files |= {f"{logs}old-000001_0123abcd_{number}.log": b"" for number in range(3)}
    files |= {f"{logs}new-000001_0123abcd_1.log": b""}
    monkeypatch.setattr(archive, "MOST_DELETED", 2)
    Archive(HOME).forget(datetime(2026, 11, 21, tzinfo=UTC))
    assert files.keys() == {f"{folder}{new}", f"{logs}new-000001_0123abcd_1.log"}
