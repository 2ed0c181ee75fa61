"""What Spark did in a job: its event logs on S3, and what the history says of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from spark_session.batch import s3, session_logs
from spark_session.batch.past import PastJob, from_json, past, to_json, with_findings
from spark_session.batch.recall import merged
from spark_session.batch.remember import Findings
from spark_session.batch.session_logs import collected

from .test_batch_past import FAILED, RUNNING, Memory, job

HOME = "s3://notebooks/users/ada"
PLACE = f"{HOME}/.spark-history/eventlog_v2_spark-1"
VARIABLES = {"SPARK_NOTEBOOKS_S3_HOME": HOME}


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    monkeypatch.setattr(s3, "is_there", lambda url, _: url in found)
    monkeypatch.setattr(s3, "write", lambda url, content, _: found.__setitem__(url, content))
    monkeypatch.setattr(s3, "send", lambda file, url, _: found.__setitem__(url, file.read_bytes()))
    monkeypatch.setattr(s3, "delete", lambda urls, _: [found.pop(url) for url in urls])
    monkeypatch.delenv("SPARK_SESSION_EVENT_LOGS", raising=False)
    return found


def log(*, ended: bool) -> Path:
    """As Spark writes it."""
    folder = Path(os.environ["SPARK_SESSION_EVENT_LOGS"]) / "eventlog_v2_spark-1"
    folder.mkdir(exist_ok=True)
    (folder / "events_1_spark-1").write_text("what Spark did")
    unfinished = folder / "appstatus_spark-1.inprogress"
    unfinished.touch()
    return unfinished.rename(folder / "appstatus_spark-1") if ended else unfinished


def wait_for(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_session_that_has_stopped_is_on_s3_at_the_end_of_its_job(files: dict[str, bytes]) -> None:
    findings = Findings()
    with collected(VARIABLES, findings):
        log(ended=True)
    assert files == {f"{PLACE}/events_1_spark-1": b"what Spark did", f"{PLACE}/appstatus_spark-1": b""}
    assert findings.applications == ("spark-1",)
    assert "SPARK_SESSION_EVENT_LOGS" not in os.environ


def test_one_that_was_killed_is_there_as_far_as_it_came(files: dict[str, bytes]) -> None:
    with collected(VARIABLES, Findings()):
        log(ended=False)
    assert files.keys() == {f"{PLACE}/events_1_spark-1", f"{PLACE}/appstatus_spark-1.inprogress"}


def test_one_that_runs_is_written_down_and_sent_before_its_pod_may_go(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_logs, "COLLECT_SECONDS", 0.01)
    told: list[tuple[str, ...]] = []
    findings = Findings()
    findings.tell = lambda: told.append(findings.applications)
    with collected(VARIABLES, findings):
        log(ended=False)
        wait_for(lambda: f"{PLACE}/appstatus_spark-1.inprogress" in files)
        assert told == [("spark-1",)]
        log(ended=True)
        wait_for(lambda: f"{PLACE}/appstatus_spark-1" in files)
    assert f"{PLACE}/appstatus_spark-1.inprogress" not in files
    assert (told, findings.applications) == ([("spark-1",)], ("spark-1",))


def test_s3_that_is_away_ends_no_job(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> None:
        raise OSError("away")

    monkeypatch.delenv("SPARK_SESSION_EVENT_LOGS", raising=False)
    for name in ("send", "write"):
        monkeypatch.setattr(s3, name, fail)
    with collected(VARIABLES, Findings()):
        log(ended=True)
    assert capfd.readouterr().err == ""


def test_where_there_is_no_place_for_them_no_logs_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_SESSION_EVENT_LOGS", raising=False)
    with collected({}, Findings()):
        assert "SPARK_SESSION_EVENT_LOGS" not in os.environ


def found_of(job: PastJob) -> PastJob:
    return replace(job, applications=("spark-1",), executed=f"{HOME}/report/x.ipynb")


def test_the_record_of_a_job_says_what_came_of_it() -> None:
    kept = found_of(past(job(), FAILED))
    assert from_json(to_json(kept), "s3://x") == kept
    assert dict(kept.details())["executed"] == f"{HOME}/report/x.ipynb"
    before = to_json(past(job(), FAILED)).replace(b'"applications": [], ', b"").replace(b'"executed": "", ', b"")
    assert b"applications" not in before
    assert from_json(before, "s3://x") == past(job(), FAILED)


def test_an_end_that_only_kubernetes_saw_keeps_what_the_job_had_written_down() -> None:
    kept = Memory()
    kept.write(found_of(past(job(), RUNNING)))
    ended = past(job(), FAILED)
    [found] = merged(kept, {ended.name: ended}, 1)
    assert found == found_of(ended) == kept.find(ended.name)
    assert with_findings(ended, None) == ended
