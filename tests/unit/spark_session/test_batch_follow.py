"""What is told of a job while it goes on, against a server in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from spark_session.batch import follow
from spark_session.batch.apis import Apis
from spark_session.batch.follow import CannotWriteError, Follower
from spark_session.batch.outcome import Outcome, State
from spark_session.kube import ApiError, ServiceAccount

from .api_server import Answer, Server

JOB = {
    "metadata": {"name": "a-1"},
    "spec": {"template": {"spec": {"containers": [{"resources": {"limits": {"memory": "1Gi"}}}]}}},
}
FAILED = {**JOB, "status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}}


def pod(phase: str, **state: Any) -> dict[str, Any]:
    metadata = {"name": "a-1-x", "uid": "u", "creationTimestamp": "2026-11-21T10:00:00Z"}
    return {"metadata": metadata, "status": {"phase": phase, "containerStatuses": [{"name": "job", "state": state}]}}


RUNNING = pod("Running", running={})
ENDED = pod("Failed", terminated={"exitCode": 3, "reason": "Error"})


class Cluster:
    """Answers that change with each look; the last one stays."""

    def __init__(
        self, jobs: list[Any], pods: list[Any], logs: list[list[bytes]] | None = None, events: list[str] | None = None
    ) -> None:
        self.jobs, self.pods, self.logs = jobs, pods, logs or []
        self.events = [{"reason": "FailedCreate", "message": message} for message in events or []]
        self.executors: list[dict[str, Any]] = []
        self.since: list[list[str]] = []

    def answer(self, method: str, path: str) -> Answer:
        url = urlsplit(path)
        query, what = parse_qs(url.query), url.path.partition("/namespaces/user-ada/")[2]
        if what.endswith("/log"):
            self.since.append(query.get("sinceTime", []))
            return 200, next_of(self.logs)
        if what.startswith("jobs/"):
            found = next_of(self.jobs)
            return found if isinstance(found, tuple) else (200, [json.dumps(found).encode()])
        if what == "events":
            return 200, [json.dumps({"items": self.events}).encode()]
        if "spark-notebooks.io/session" in query.get("labelSelector", [""])[0]:
            found, self.executors = self.executors, [] if method == "DELETE" else self.executors
            return 200, [json.dumps({"items": found}).encode()]
        return 200, [json.dumps({"items": next_of(self.pods)}).encode()]


def next_of(answers: list[Any]) -> Any:
    return answers.pop(0) if len(answers) > 1 else answers[0]


Run = Callable[[Cluster], tuple[Outcome, bytes, list[str]]]


@pytest.fixture
def run(server: Server, account: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(follow, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(follow, "REFUSED_AFTER", 0.0)

    def carry_out(cluster: Cluster) -> tuple[Outcome, bytes, list[str]]:
        server.answer = cluster.answer
        written: list[bytes] = []
        told: list[str] = []
        found = Follower(
            "a-1", Apis(server.url, "user-ada", ServiceAccount(account)), written.append, told.append
        ).follow()
        return found, b"".join(written), told

    return carry_out


def test_what_the_script_prints_and_how_it_ends(run: Run) -> None:
    logs = [[b"2026-11-21T10:00:01.5Z one\n", b"2026-11-21T10:00:01.6Z  two \n"]]
    found, written, told = run(Cluster([JOB, JOB, FAILED], [[], [RUNNING], [ENDED]], logs))
    assert found == Outcome(State.FAILED, 3)
    assert (written, told) == (b"one\n two \n", [])


def test_a_log_that_breaks_off_is_taken_up_where_it_broke(run: Run) -> None:
    first = [b"2026-11-21T10:00:01.5Z one\n"]
    again = [*first, b"2026-11-21T10:00:01.7Z two\n"]
    cluster = Cluster([JOB, JOB, JOB, FAILED], [[RUNNING], [RUNNING], [RUNNING], [ENDED]], [first, again])
    _, written, _ = run(cluster)
    assert written == b"one\ntwo\n"
    assert cluster.since == [[], ["2026-11-21T10:00:01.5Z"]]


def test_another_pod_is_told_of_and_begins_its_log_anew(run: Run) -> None:
    job = {**JOB, "spec": {**JOB["spec"], "backoffLimit": 1}}
    lost = pod("Failed", terminated={"exitCode": 75, "reason": "Error"})
    again = {**ENDED, "metadata": {**ENDED["metadata"], "name": "a-1-y"}}
    # The other node's clock is slow.
    logs = [[b"2026-11-21T10:00:01.5Z one\n"], [b"2026-11-21T10:00:00.5Z two\n"]]
    found, written, told = run(Cluster([job, job, FAILED], [[RUNNING], [lost], [again]], logs))
    assert (found.code, written) == (3, b"one\ntwo\n")
    assert told == ["It begins again, in another pod."]


def test_what_a_node_says_in_place_of_a_log_that_is_gone_is_no_line_of_it(run: Run) -> None:
    logs = [
        [b"2026-11-21T10:00:01.5Z one\n"],
        [b"unable to retrieve container logs for containerd://59d0\n"],
        [b"2026-11-21T10:00:01.7Z two\n"],
    ]
    _, written, _ = run(Cluster([JOB, JOB, JOB, JOB, JOB, FAILED], [[RUNNING]] * 5 + [[ENDED]], logs))
    assert written == b"one\ntwo\n"


def test_lines_of_the_same_time_are_all_written(run: Run) -> None:
    lines = [b"2026-11-21T10:00:01.5Z one\n", b"2026-11-21T10:00:01.5Z two\n"]
    _, written, _ = run(Cluster([FAILED], [[RUNNING], [ENDED]], [lines]))
    assert written == b"one\ntwo\n"


def test_why_a_job_has_no_pod_is_told_once(run: Run) -> None:
    found, _, told = run(
        Cluster([JOB, JOB, FAILED], [[], [], [ENDED]], [[]], ["exceeded quota: workspace, requested: pods=1"])
    )
    assert found.code == 3
    assert told == ["Kubernetes does not start it yet: exceeded quota: workspace, requested: pods=1."]


def test_an_api_server_that_is_away_is_waited_for(run: Run) -> None:
    away = (503, [b'{"message": "the server is starting"}'])
    found, _, told = run(Cluster([away, away, FAILED], [[ENDED]], [[]]))
    assert found.code == 3
    assert told == [
        "The Kubernetes API does not answer (the server is starting); the job goes on, and is followed when it answers."
    ]


def test_a_refusal_is_not(run: Run) -> None:
    with pytest.raises(ApiError, match="no rights"):
        run(Cluster([(403, [b'{"message": "no rights"}'])], [[]]))


def test_a_job_that_is_gone_was_cancelled(run: Run) -> None:
    found, _, _ = run(Cluster([(404, [b"{}"])], [[]]))
    assert (found.state, found.code) == (State.CANCELLED, 143)


def test_what_a_killed_driver_leaves_is_cleared_away(run: Run, server: Server) -> None:
    cluster = Cluster([FAILED], [[ENDED]], [[]])
    labels = {"spark-notebooks.io/session": "0123abcd"}
    cluster.executors = [{"metadata": {"labels": labels, "ownerReferences": [{"uid": "u"}]}}]
    run(cluster)
    deleted = [path for method, path, _, _ in server.requests if method == "DELETE"]
    assert len(deleted) == 1
    assert "0123abcd" in deleted[0]


def test_a_pipe_that_nobody_reads_ends_the_following(server: Server, account: Path) -> None:
    def write(_: bytes) -> None:
        raise BrokenPipeError

    server.answer = Cluster([JOB], [[RUNNING]], [[b"2026-11-21T10:00:01.5Z one\n"]]).answer
    with pytest.raises(CannotWriteError):
        Follower("a-1", Apis(server.url, "user-ada", ServiceAccount(account)), write, print).follow()
