"""What is told of one job, and the git commit that it is of."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from spark_session.batch.details import details
from spark_session.batch.git import commit_of

NOW = datetime(2026, 11, 21, 10, 1, tzinfo=UTC)
NOTES = {
    "spark-notebooks.io/script": "flights.py",
    "spark-notebooks.io/code": "s3://n/ada/.spark-jobs/code/00/flights.py",
    "spark-notebooks.io/code-sha256": "00",
}
JOB = {
    "metadata": {"name": "flights-1", "creationTimestamp": "2026-11-21T10:00:00Z", "annotations": NOTES},
    "spec": {"template": {"spec": {"containers": [{"name": "job", "image": "registry/notebook:1"}]}}},
}


def pod(**state: Any) -> dict[str, Any]:
    status = {"name": "job", "imageID": "registry/notebook@sha256:11", "state": state}
    return {"metadata": {}, "status": {"containerStatuses": [{"name": "mesh", "state": {}}, status]}}


def test_a_job_says_how_it_stands_and_exactly_what_it_runs() -> None:
    times = {"startedAt": "2026-11-21T10:00:10Z", "finishedAt": "2026-11-21T10:00:30Z"}
    found = details(JOB, pod(terminated={"exitCode": 143, "reason": "Error", **times}), NOW)
    assert found == [
        ("job", "flights-1"), ("state", "failed"), ("exit code", "143"), ("why", "Something asked it to end (SIGTERM)."),
        ("submitted", "2026-11-21T10:00:00Z"), ("took", "20 s"), ("script", "flights.py"),
        ("code", "s3://n/ada/.spark-jobs/code/00/flights.py"), ("SHA-256", "00"), ("image", "registry/notebook:1"), ("digest", "sha256:11"),
    ]  # fmt: skip


def test_what_is_not_known_is_left_out() -> None:
    assert dict(details(JOB, pod(running={"startedAt": "2026-11-21T10:00:30Z"}), NOW))["took"] == "30 s so far"
    assert not {"took", "digest", "exit code", "why"} & dict(details(JOB, None, NOW)).keys()
    noted = {**JOB, "metadata": {**JOB["metadata"], "annotations": {**NOTES, "spark-notebooks.io/git-commit": "ab"}}}
    assert dict(details(noted, None, NOW))["git commit"] == "ab"


def test_profiles_are_told() -> None:
    notes = {
        **NOTES,
        "spark-notebooks.io/executor-profile": "spot",
        "spark-notebooks.io/driver-profile": "core",
    }
    found = dict(details({**JOB, "metadata": {**JOB["metadata"], "annotations": notes}}, None, NOW))
    assert (found["profile"], found["driver profile"]) == ("spot", "core")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "jobs").mkdir(parents=True)
    (folder / "jobs" / "x.py").write_text("print(1)")
    return folder


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    return subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_commit_of_a_script_is_told_and_whether_it_is_as_it_is_there(repository: Path) -> None:
    script = repository / "jobs" / "x.py"
    assert commit_of(script) is None
    git(repository, "init", "--quiet")
    assert commit_of(script) is None
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "x")
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "other.py").touch()
    assert commit_of(script) == commit
    assert commit_of(repository / "jobs" / "nowhere.py") is None
    script.write_text("print(2)")
    assert commit_of(script) == f"{commit} with changes"
    new = repository / "jobs" / "new.py"
    new.touch()
    assert commit_of(new) == f"{commit} with changes"
