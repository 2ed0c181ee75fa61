"""What counts as the end of a job, and what is known of it from its Job object alone."""

from __future__ import annotations

from typing import Any

import pytest
from spark_notebooks_hub.notices import ending as module
from spark_notebooks_hub.notices.ending import ending, is_wanted, one_line
from spark_session.batch import cron_job, manifest
from spark_session.batch.outcome import State, outcome
from spark_session.defaults import CHOICES

from tests.unit.notices.objects import complete, condition, failed, job

DEADLINE = condition("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
BACKOFF = condition("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")


def pod(**state: Any) -> dict[str, Any]:
    statuses = [{"name": "job", "state": {"terminated": state}}] if state else []
    return {"status": {"phase": "Failed", "containerStatuses": statuses}}


@pytest.mark.parametrize(
    ("conditions", "of_the_pod"),
    [
        ([complete()], pod(exitCode=0)),
        ([condition("FailureTarget", "PodFailurePolicy"), failed(1)], pod(exitCode=1)),
        ([failed(2)], pod(exitCode=2)),
        ([failed(11)], pod(exitCode=11)),
        ([failed(52)], pod(exitCode=52)),
        ([failed(137)], pod(exitCode=137, reason="OOMKilled")),
        ([failed(143)], pod(exitCode=143)),
        ([failed(255)], pod(exitCode=255)),
        ([DEADLINE], None),
        ([BACKOFF], pod(exitCode=75)),
        ([BACKOFF], None),
    ],
)
def test_it_says_what_the_command_says(conditions: list[dict[str, Any]], of_the_pod: dict[str, Any] | None) -> None:
    found = job("count-3f09ac", *conditions)
    end, stands = ending(found), outcome(found, of_the_pod)
    assert end
    assert end.code == stands.code
    assert end.state == stands.state.value
    assert (end.state == "succeeded") == (stands.state is State.SUCCEEDED)


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        [condition("Suspended")],
        [condition("FailureTarget", "PodFailurePolicy")],
        [condition("SuccessCriteriaMet")],
        [{**complete(), "status": "False"}],
    ],
)
def test_a_job_that_goes_on_has_not_ended(conditions: list[dict[str, Any]]) -> None:
    assert ending(job("count-3f09ac", *conditions)) is None


def test_jobs_of_others_are_none_of_ours() -> None:
    found = job("count-3f09ac", complete())
    found["metadata"]["labels"] = {"app.kubernetes.io/component": "job"}
    assert ending(found) is None


def test_one_that_was_taken_away_before_its_end_has_none() -> None:
    found = job()
    found["metadata"]["deletionTimestamp"] = "2026-11-21T16:31:00Z"
    assert ending(found) is None


def test_it_knows_when_and_how_long_and_why() -> None:
    end = ending(job("nightly-29384820", DEADLINE, schedule="nightly", notify="always"))
    assert end
    assert (end.seconds, end.schedule, end.script, end.choice) == (41, "nightly", "count.py", "always")
    assert end.reason == "It took longer than its time limit of 2 h and was ended."
    assert f"{end.submitted:%H:%M:%S} {end.started:%H:%M:%S} {end.ended:%H:%M:%S}" == "16:29:59 16:30:00 16:30:41"


def test_one_that_never_began_took_no_time() -> None:
    found = job("count-3f09ac", DEADLINE)
    del found["status"]["startTime"]
    end = ending(found)
    assert end
    assert (end.started, end.seconds) == (None, 0)


def test_an_end_that_kubernetes_words_differently_is_told_in_its_words() -> None:
    end = ending(job("count-3f09ac", condition("Failed", "NewReason", "Something\nnew.")))
    assert end
    assert (end.state, end.code, end.reason) == ("failed", None, "Kubernetes says: Something new.")


def test_tries_are_counted() -> None:
    found = job("count-3f09ac", BACKOFF)
    found["spec"]["backoffLimit"] = 3
    end = ending(found)
    assert end
    assert end.reason.endswith("at each of 4 tries.")


@pytest.mark.parametrize(
    ("choice", "default", "of_success", "of_failure"),
    [
        ("", "always", True, True),
        ("", "failure", False, True),
        ("", "never", False, False),
        ("always", "never", True, True),
        ("failure", "always", False, True),
        ("never", "always", False, False),
        ("loudly", "failure", False, True),
    ],
)
def test_the_persons_choice_comes_before_the_administrators(
    choice: str, default: str, of_success: bool, of_failure: bool
) -> None:
    ends = [
        ending(job("count-3f09ac", how, **({"notify": choice} if choice else {}))) for how in (complete(), failed(1))
    ]
    assert [is_wanted(end, default) for end in ends if end] == [of_success, of_failure]


def test_what_others_wrote_is_one_line_without_colours() -> None:
    assert one_line("a\r\nBcc: b\x1b[31m\t c") == "a Bcc: b [31m c"
    assert len(one_line("x" * 1000)) == 300


def test_helper_and_service_mean_the_same() -> None:
    assert dict(module.LABELS) == manifest.LABELS
    assert (module.NOTIFY_NOTE, module.SCRIPT_NOTE) == (manifest.NOTIFY_NOTE, manifest.SCRIPT_NOTE)
    assert module.SCHEDULE_NOTE == cron_job.SCHEDULE_NOTE
    assert module.CHOICES == CHOICES
    assert module.TRY_AGAIN == manifest.TRY_AGAIN
