"""How a job stands, by what Kubernetes says of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from spark_session.batch.command import last_line, row
from spark_session.batch.jobs import refusal
from spark_session.batch.outcome import Outcome, State, is_settled, outcome, waiting_for
from spark_session.kube import ApiError


def job(*conditions: tuple[str, str], retries: int = 0, **metadata: Any) -> dict[str, Any]:
    found = [{"type": kind, "status": "True", "reason": reason, "message": "m"} for kind, reason in conditions]
    container = {"name": "job", "resources": {"limits": {"memory": "3Gi"}}}
    spec = {"activeDeadlineSeconds": 7200, "backoffLimit": retries, "template": {"spec": {"containers": [container]}}}
    named = {
        "name": "flights-1",
        "creationTimestamp": "2026-11-21T10:00:00Z",
        "annotations": {"spark-notebooks.io/script": "flights.py"},
    }
    return {"metadata": {**named, **metadata}, "spec": spec, "status": {"conditions": found}}


def pod(phase: str = "Running", conditions: list[dict[str, str]] | None = None, **state: Any) -> dict[str, Any]:
    statuses = [{"name": "mesh", "state": {"running": {}}}, {"name": "job", "state": state}]
    return {"metadata": {}, "status": {"phase": phase, "containerStatuses": statuses, "conditions": conditions or []}}


def ended(code: int, reason: str = "Error") -> dict[str, Any]:
    return pod(terminated={"exitCode": code, "reason": reason})


@pytest.mark.parametrize("code", [1, 2, 11, 52, 255])
def test_the_exit_code_is_the_scripts_own(code: int) -> None:
    assert outcome(job(("Failed", "BackoffLimitExceeded")), ended(code)) == Outcome(State.FAILED, code)


def test_zero_is_success_before_kubernetes_has_come_to_a_verdict() -> None:
    assert outcome(job(), ended(0)) == Outcome(State.SUCCEEDED, 0)
    assert outcome(job(("Complete", "")), None) == Outcome(State.SUCCEEDED, 0)


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (137, "OOMKilled", "used more memory than the job has (3Gi). Give it more with --driver-memory"),
        (1, "OOMKilled", "used more memory than the job has (3Gi)"),
        (137, "Error", "Something killed it (SIGKILL), most often because"),
        (143, "Error", "Something asked it to end (SIGTERM)."),
        (128, "StartError", "Its program could not be started"),
    ],
)
def test_an_end_by_others_is_named(code: int, reason: str, words: str) -> None:
    found = outcome(job(), ended(code, reason))
    assert (found.state, found.code) == (State.FAILED, code)
    assert words in found.message


def test_the_last_words_of_a_notebook_are_told_unless_kubernetes_knows_better() -> None:
    words = "Cell In [4] failed, '1 / 0': ZeroDivisionError: division by zero"
    for code in (1, 137, 143):
        found = outcome(job(), pod(terminated={"exitCode": code, "reason": "Error", "message": words}))
        assert found == Outcome(State.FAILED, code, f"{words}.")
    killed = pod(terminated={"exitCode": 137, "reason": "OOMKilled", "message": words})
    assert "used more memory than the job has" in outcome(job(), killed).message


@pytest.mark.parametrize("condition", ["Failed", "FailureTarget"])
@pytest.mark.parametrize("left", [None, ended(143)])
def test_the_time_limit_is_named(condition: str, left: dict[str, Any] | None) -> None:
    found = outcome(job((condition, "DeadlineExceeded")), left)
    assert (found.state, found.code) == (State.FAILED, 124)
    assert "its time limit of 2 h" in found.message


def test_a_lost_pod_is_not_the_scripts_failure() -> None:
    evicted = {
        "metadata": {},
        "status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on disk."},
    }
    for found in (outcome(job(), evicted), outcome(job(("Failed", "BackoffLimitExceeded")), None)):
        assert (found.state, found.code) == (State.FAILED, 75)
        assert "Submit it again." in found.message


def disrupted(code: int) -> dict[str, Any]:
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    }
    return pod("Failed", [condition], terminated={"exitCode": code, "reason": "Error"})  # fmt: skip


def test_the_exit_code_of_an_evicted_script_is_not_its_own() -> None:
    found = outcome(job(), disrupted(143))
    assert (found.state, found.code) == (State.FAILED, 75)
    assert "(EvictionByEvictionAPI: Eviction API: evicting)" in found.message
    assert outcome(job(), disrupted(0)) == Outcome(State.SUCCEEDED, 0)


@pytest.mark.parametrize("left", [disrupted(143), ended(75), {"metadata": {}, "status": {"phase": "Failed"}}])
def test_what_is_run_again_is_not_over_until_kubernetes_says_so(left: dict[str, Any]) -> None:
    assert outcome(job(retries=2), left) == Outcome(State.WAITING)
    for condition in ("FailureTarget", "Failed"):
        assert outcome(job((condition, "BackoffLimitExceeded"), retries=2), left).code == 75


def test_what_failed_by_itself_is_over() -> None:
    assert outcome(job(retries=2), ended(1)) == Outcome(State.FAILED, 1)


def test_what_is_not_over_has_no_code() -> None:
    assert outcome(job(), None) == Outcome(State.WAITING)
    assert outcome(job(), pod("Pending", waiting={"reason": "ContainerCreating"})) == Outcome(State.WAITING)
    assert outcome(job(), pod(running={})) == Outcome(State.RUNNING)
    assert outcome(job(deletionTimestamp="2026-11-21T10:00:00Z"), pod(running={})).state is State.CANCELLED


def test_only_a_last_verdict_settles_a_job() -> None:
    assert not is_settled(job(("FailureTarget", "DeadlineExceeded")))
    assert is_settled(job(("Failed", "DeadlineExceeded")))


def test_why_a_job_waits() -> None:
    full = [
        {"type": "PodScheduled", "reason": "Unschedulable", "message": "0/3 nodes are available: 3 Insufficient cpu."}
    ]
    assert "no room for it yet: 0/3 nodes are available: 3 Insufficient cpu" in waiting_for(pod("Pending", full))
    assert "cannot be fetched: no such" in waiting_for(
        pod("Pending", waiting={"reason": "ErrImagePull", "message": "no such"})
    )
    assert waiting_for(pod("Pending", waiting={"reason": "ContainerCreating"})) == ""


def test_the_line_at_the_end() -> None:
    assert last_line("a-1", Outcome(State.SUCCEEDED, 0)) == "Job a-1 succeeded."
    assert last_line("a-1", Outcome(State.FAILED, 3)) == "Job a-1 failed with exit code 3."
    assert last_line("a-1", Outcome(State.CANCELLED, 143, "It was cancelled.")) == "Job a-1 ended. It was cancelled."


def test_a_row_of_the_list() -> None:
    now = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
    assert row(job(), ended(2), now) == ("flights-1", "failed", "2", "2h", "flights.py")
    assert row(job(), None, now)[1:3] == ("waiting", "")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            "jobs.batch \"a\" is forbidden: ValidatingAdmissionPolicy 'x-workspace-jobs' with binding 'b' denied request: a job has a time limit. Use --timeout.",
            'The policy "x-workspace-jobs" says: a job has a time limit. Use --timeout.',
        ),
        (
            'jobs.batch is forbidden: User "u" cannot create resource "jobs" in API group "batch"',
            "may not do that with jobs",
        ),
        ("exceeded quota: workspace", "It says (403): exceeded quota: workspace."),
    ],
)
def test_a_refusal_is_told_in_kubernetes_own_words(message: str, words: str) -> None:
    assert words in str(refusal(ApiError(403, "Forbidden", message)))
