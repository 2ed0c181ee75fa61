"""A watcher from its beginning to its end, with a Kubernetes API in this process and without Spark."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from spark_session.errors import SparkSessionError, TryAgainError
from spark_session.follow import Follower
from spark_session.kube import Api, ServiceAccount
from spark_session.plan import build
from spark_session.reasons import Kind
from spark_session.report import Report
from spark_session.watch import Watcher

from spark_session import driver, watch

from .api_server import Answer, Server
from .conftest import MakeContext

NOTEBOOK = {"metadata": {"name": "notebook", "uid": "the-uid"}}
QUOTA = {
    "reason": "Forbidden",
    "message": 'pods "x" is forbidden: exceeded quota: workspace, requested: pods=1, used: pods=4, limited: pods=4',
}
POLICY = {
    "reason": "Forbidden",
    "message": "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
}


def pod(number: int, **status: Any) -> dict[str, Any]:
    metadata = {
        "name": f"exec-{number}",
        "labels": {"spark-exec-id": str(number)},
        "creationTimestamp": "2026-11-21T02:00:00Z",
        "resourceVersion": "5",
    }
    return {"metadata": metadata, "status": {"phase": "Running", **status}}


RUNNING = {"containerStatuses": [{"state": {"running": {"startedAt": "2126-11-21T02:00:00Z"}}}]}
CRASHED = {
    "phase": "Failed",
    "containerStatuses": [{"state": {"terminated": {"exitCode": 1, "reason": "Error", "message": "short"}}}],
}


class Kubernetes:
    """Pods, changes of them, and an answer to dry runs."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        server.answer = self.answer
        self.pods: list[dict[str, Any]] = []
        self.dry_run: dict[str, str] | None = None
        self.changes: list[dict[str, Any]] = []
        self.over = threading.Event()

    def answer(self, method: str, path: str) -> Answer:
        if method == "POST":
            return (201, [b"{}"]) if self.dry_run is None else (403, [json.dumps(self.dry_run).encode()])
        if "/log" in path:
            return 200, [b"the whole log"]
        if "watch=1" in path:
            if not self.changes:
                self.over.wait(0.3)
            changes, self.changes = self.changes, []
            return 200, [json.dumps(change).encode() + b"\n" for change in changes]
        return 200, [json.dumps({"metadata": {"resourceVersion": "1"}, "items": self.pods}).encode()]


class Reports:
    """A display that keeps what it is shown."""

    def __init__(self) -> None:
        self.all: list[Report] = []

    def show(self, report: Report) -> None:
        self.all.append(report)

    def wait(self, condition: Callable[[Report], bool]) -> Report:
        deadline = time.monotonic() + 20
        while not condition(self.all[-1]):
            assert time.monotonic() < deadline, self.all[-1]
            time.sleep(0.05)
        return self.all[-1]


class Spark:
    """What a watcher asks of the driver."""

    def __init__(self) -> None:
        self.registered: frozenset[str] = frozenset()
        self.stopped = False
        self.exit_code: int | None = None


@pytest.fixture
def kubernetes(server: Server) -> Kubernetes:
    return Kubernetes(server)


@pytest.fixture
def spark(monkeypatch: pytest.MonkeyPatch) -> Spark:
    made = Spark()
    monkeypatch.setattr(driver, "registered", lambda _: made.registered)
    monkeypatch.setattr(driver, "is_stopped", lambda _: made.stopped)
    monkeypatch.setattr(driver, "exit_code", lambda: made.exit_code)
    monkeypatch.setattr(driver, "log_refusals", lambda: None)
    monkeypatch.setattr("spark_session.mismatch.look", lambda *_: None)
    return made


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the watcher waits for takes a fifth of its time."""
    for name in ("SECONDS_BETWEEN_LOOKS", "SECONDS_BETWEEN_LATE_LOOKS", "SILENCE_WORTH_A_WORD", "UNMADE_WORTH_A_WORD"):
        monkeypatch.setattr(watch, name, getattr(watch, name) / 5)
    monkeypatch.setattr(
        watch, "SECONDS_BETWEEN_QUESTIONS", tuple(seconds / 5 for seconds in watch.SECONDS_BETWEEN_QUESTIONS)
    )


@pytest.fixture
def watcher(
    kubernetes: Kubernetes, account: Path, make_context: MakeContext, spark: Spark, reports: Reports
) -> Watcher:
    url = kubernetes.url
    plan = build(make_context(executors=2))
    follower = Follower(Api(url, "user-ada", ServiceAccount(account)), "0123abcd")
    made = Watcher(plan, Api(url, "user-ada", ServiceAccount(account)), follower, NOTEBOOK, display=reports)
    made.begin(spark)  # type: ignore[arg-type]
    return made


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "spark-session" in thread.name]


def test_until_all_are_ready_and_stopped(
    watcher: Watcher, kubernetes: Kubernetes, spark: Spark, reports: Reports
) -> None:
    assert reports.all[0].count.asked == 2
    kubernetes.changes = [{"type": "ADDED", "object": pod(number, **RUNNING)} for number in (1, 2)]
    assert reports.wait(lambda report: report.count.running == 2).count.registered == 0
    spark.registered = frozenset({"1", "2"})
    watcher.wait_for_first(20)
    assert reports.wait(lambda report: report.is_ready).troubles == ()
    spark.stopped = True
    watcher.end()
    deadline = time.monotonic() + 20
    while threads() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threads() == []


def test_a_quota_is_told_while_it_holds(
    watcher: Watcher, kubernetes: Kubernetes, spark: Spark, reports: Reports
) -> None:
    kubernetes.dry_run = QUOTA
    kubernetes.changes = [{"type": "ADDED", "object": pod(1, **RUNNING)}]
    spark.registered = frozenset({"1"})
    [trouble] = reports.wait(lambda report: bool(report.troubles)).troubles
    assert trouble.reason.kind is Kind.QUOTA
    watcher.wait_for_first(1)  # one is enough for a script
    kubernetes.changes = [{"type": "ADDED", "object": pod(2, **RUNNING)}]
    spark.registered = frozenset({"1", "2"})
    assert reports.wait(lambda report: report.is_ready).troubles == ()
    watcher.end()


def test_a_script_ends_where_there_will_never_be_an_executor(watcher: Watcher, kubernetes: Kubernetes) -> None:
    kubernetes.dry_run = POLICY
    with pytest.raises(SparkSessionError, match="A rule of your platform refuses these executors"):
        watcher.wait_for_first(20)
    watcher.end()


def test_a_script_ends_after_a_while_and_may_be_run_again(watcher: Watcher) -> None:
    with pytest.raises(TryAgainError, match=r"No executor came within 1 s\. Of 2 executors 0 were created"):
        watcher.wait_for_first(1)
    watcher.end()


def test_a_script_without_room_may_be_run_again_and_one_without_a_right_may_not(
    watcher: Watcher, kubernetes: Kubernetes, reports: Reports
) -> None:
    kubernetes.dry_run = QUOTA
    reports.wait(lambda report: bool(report.troubles))
    with pytest.raises(TryAgainError, match="no room for more executors"):
        watcher.wait_for_first(0.1)
    kubernetes.dry_run = POLICY
    reports.wait(lambda report: any(trouble.reason.kind is Kind.POLICY for trouble in report.troubles))
    with pytest.raises(SparkSessionError) as caught:
        watcher.wait_for_first(0.1)
    assert not isinstance(caught.value, TryAgainError)
    watcher.end()


def test_a_script_ends_where_executors_only_crash(watcher: Watcher, kubernetes: Kubernetes, reports: Reports) -> None:
    kubernetes.changes = [{"type": "ADDED", "object": pod(number, **CRASHED)} for number in range(6)]
    with pytest.raises(SparkSessionError, match="An executor crashed") as caught:
        watcher.wait_for_first(20)
    assert "the whole log" in str(caught.value)
    assert reports.all[-1].past[0].executors == 6
    assert not isinstance(caught.value, TryAgainError)
    assert watcher.ends() == {Kind.CRASH}
    watcher.end()


def test_a_crash_is_told_once(watcher: Watcher, kubernetes: Kubernetes, reports: Reports) -> None:
    kubernetes.changes = [
        {"type": "ADDED", "object": pod(1, **RUNNING)},
        {"type": "MODIFIED", "object": pod(1, **CRASHED)},
        {"type": "MODIFIED", "object": pod(1, **CRASHED)},
        {"type": "DELETED", "object": pod(1, **CRASHED)},
    ]
    [trouble] = reports.wait(lambda report: bool(report.past)).past
    assert trouble.executors == 1
    watcher.end()


def test_an_executor_that_goes_without_a_word_of_its_node_is_lost(
    watcher: Watcher, kubernetes: Kubernetes, reports: Reports
) -> None:
    kubernetes.changes = [
        {"type": "ADDED", "object": pod(1, **RUNNING)},
        {"type": "DELETED", "object": pod(1, **RUNNING)},
    ]
    [trouble] = reports.wait(lambda report: bool(report.past)).past
    assert trouble.reason.kind is Kind.NODE
    watcher.end()


def test_a_new_list_tells_no_crash_again(watcher: Watcher, kubernetes: Kubernetes, reports: Reports) -> None:
    kubernetes.pods = [pod(1, **CRASHED)]
    too_old = {"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}}
    for _ in range(2):
        kubernetes.changes = [too_old]
        reports.wait(lambda report: bool(report.past) and not kubernetes.changes)
    time.sleep(1.5)
    assert [trouble.executors for trouble in reports.all[-1].past] == [1]
    watcher.end()


def test_the_end_of_the_driver_is_told(watcher: Watcher, spark: Spark, reports: Reports) -> None:
    spark.exit_code = -9
    last = reports.wait(lambda report: report.ended)
    assert last.troubles[0].reason.kind is Kind.DRIVER
    with pytest.raises(SparkSessionError):
        watcher.wait_for_first(5)


def test_silence_of_kubernetes_is_told_and_forgotten(
    watcher: Watcher, kubernetes: Kubernetes, server: Server, reports: Reports
) -> None:
    server.answer = lambda _, __: (503, [b"{}"])
    last = reports.wait(lambda report: any(trouble.reason.kind is Kind.API for trouble in report.troubles))
    assert not last.ended
    server.answer = kubernetes.answer
    reports.wait(lambda report: not any(trouble.reason.kind is Kind.API for trouble in report.troubles))
    watcher.end()


def test_another_number_of_executors(watcher: Watcher, kubernetes: Kubernetes, spark: Spark, reports: Reports) -> None:
    kubernetes.changes = [{"type": "ADDED", "object": pod(1, **RUNNING)}]
    spark.registered = frozenset({"1"})
    reports.wait(lambda report: report.count.registered == 1)
    watcher.expect(1)
    assert reports.wait(lambda report: report.is_ready).count.asked == 1
    watcher.end()


def test_a_display_that_fails_disturbs_nobody(
    watcher: Watcher, spark: Spark, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Report) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(reports, "show", fail)
    spark.registered = frozenset({"1", "2"})
    with pytest.raises(SparkSessionError):
        watcher.wait_for_first(1)  # they have no pods
    assert threads()
    watcher.end()
