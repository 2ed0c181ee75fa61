"""What is remembered of jobs that have ended, and jobs that are run again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from spark_session.batch.archive import Archive
from spark_session.batch.outcome import GONE, Outcome, State
from spark_session.batch.past import PastJob, bare, ended_with, from_json, key, parse_key, past, to_json
from spark_session.batch.recall import history, merged
from spark_session.batch.repeat import again, check_image
from spark_session.errors import SparkSessionError

NOW = datetime(2026, 11, 21, 10, 1, tzinfo=UTC)
NOTES = {
    "spark-notebooks.io/script": "flights.py",
    "spark-notebooks.io/code": "s3://n/ada/.spark-jobs/code/00/flights.py",
}
BEGAN = "2026-11-21T10:00:10Z"
OURS = {"app.kubernetes.io/managed-by": "spark-notebooks", "app.kubernetes.io/component": "job"}
THEIRS = {"batch.kubernetes.io/controller-uid": "u", "controller-uid": "u", "batch.kubernetes.io/job-name": "flights-1", "job-name": "flights-1"}  # fmt: skip


def job(
    name: str = "flights-3f09ac", minute: int = 0, conditions: Sequence[dict[str, str]] = (), **spec: Any
) -> dict[str, Any]:
    """As Kubernetes gives it."""
    container = {
        "name": "job",
        "image": "registry/notebook:1",
        "args": ["a"],
        "resources": {"limits": {"memory": "3Gi"}},
    }
    metadata = {
        "name": name, "uid": "u", "creationTimestamp": f"2026-11-21T10:{minute:02}:00Z", "labels": {**OURS, **THEIRS},
        "annotations": {**NOTES, "batch.kubernetes.io/cronjob-scheduled-timestamp": "x"},
    }  # fmt: skip
    given = {
        "backoffLimit": 2, "podFailurePolicy": {"rules": []}, "activeDeadlineSeconds": 7200, "ttlSecondsAfterFinished": 604800,
        "selector": {"matchLabels": THEIRS}, "completions": 1, "suspend": False,
        "template": {"metadata": {"labels": {**OURS, **THEIRS}}, "spec": {"containers": [container]}},
    }  # fmt: skip
    return {
        "metadata": metadata,
        "spec": {**given, **spec},
        "status": {"conditions": [{"status": "True", **each} for each in conditions]},
    }


def pod(state: dict[str, Any], conditions: Sequence[dict[str, str]] = ()) -> dict[str, Any]:
    mine = {"name": "job", "imageID": "registry/notebook@sha256:11", "state": state}
    return {
        "metadata": {},
        "status": {"conditions": conditions, "containerStatuses": [{"name": "mesh", "state": {}}, mine]},
    }


RUNNING = pod({"running": {"startedAt": BEGAN}})
FAILED = pod({"terminated": {"exitCode": 3, "startedAt": BEGAN, "finishedAt": "2026-11-21T10:00:45Z"}})


def test_a_job_is_remembered_with_its_end_and_what_it_ran() -> None:
    found = from_json(to_json(past(job(), FAILED)), "s3://x")
    assert found == past(job(), FAILED)
    assert found.row() == ("flights-3f09ac", "failed", "3", "2026-11-21 10:00", "35 s", "flights.py")
    assert found.took == timedelta(seconds=35)
    shown = dict(found.details())
    assert (shown["exit code"], shown["digest"], shown["image"]) == ("3", "sha256:11", "registry/notebook:1")
    assert shown["kept"] == "as a record until 2027-02-19; its log is gone"


def test_one_that_runs_has_no_end_and_one_whose_end_nobody_saw_says_so() -> None:
    running = past(job(), RUNNING)
    assert (running.outcome, running.began, running.took) == (None, datetime.fromisoformat(BEGAN), None)
    assert running.row()[1:3] == ("unknown", "")
    assert "Its end was not seen" in dict(running.details())["why"]


def test_what_kubernetes_wrote_into_a_job_is_left_out() -> None:
    found = bare(job())
    assert found["metadata"]["annotations"] == NOTES
    assert found["metadata"]["labels"] == OURS
    assert found["spec"].keys() == {
        "backoffLimit",
        "podFailurePolicy",
        "activeDeadlineSeconds",
        "ttlSecondsAfterFinished",
        "template",
    }
    assert found["spec"]["template"]["metadata"] == {"labels": OURS}


def test_the_names_of_records_are_in_the_order_of_time() -> None:
    first, second = (key(NOW + timedelta(seconds=seconds), "a-1") for seconds in (0, 1))
    assert first < second
    assert parse_key(first) == (NOW, "a-1")
    for other in ("notes.json", "2026-13-40T10-00-00-a.json", f"{first}.tmp", "2026-11-21T10-00-00-.json"):
        assert parse_key(other) is None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"job": {}, "outcome": null, "began": null, "ended": null, "digest": ""}']
)
def test_another_object_is_named(content: bytes) -> None:
    with pytest.raises(SparkSessionError, match="What is at s3://x is not what was written there"):
        from_json(content, "s3://x")


DEADLINE = ({"type": "FailureTarget", "reason": "DeadlineExceeded"},)
DISRUPTED = ({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "m"},)


@pytest.mark.parametrize(
    ("now", "conditions", "code", "expected"),
    [
        (job(), (), 0, Outcome(State.SUCCEEDED, 0)),
        (job(), (), 3, Outcome(State.FAILED, 3, "why.")),
        (job(conditions=DEADLINE), (), 143, 124),
        (None, (), 143, GONE),
        (job(backoffLimit=0), DISRUPTED, 143, 75),
        # It is run again.
        (job(), DISRUPTED, 143, None),
        (job(), (), 75, None),
    ],
)
def test_a_jobs_own_process_knows_how_it_ended(now: Any, conditions: Any, code: int, expected: Any) -> None:
    running = pod({"running": {"startedAt": BEGAN}}, conditions)
    found = ended_with(now, job(), running, code=code, words="why", now=NOW)
    assert found is not None
    assert (found.outcome.code if isinstance(expected, int) and found.outcome else found.outcome) == expected
    assert (found.name, found.began, found.ended) == ("flights-3f09ac", datetime.fromisoformat(BEGAN), NOW)


def test_of_what_nobody_knows_nothing_is_remembered() -> None:
    assert ended_with(None, None, RUNNING, code=0, words="", now=NOW) is None


@dataclass(frozen=True)
class Memory(Archive):
    """An archive that is no further than this process."""

    home: str | None = "s3://n/ada"
    written: dict[str, PastJob] = field(default_factory=dict)

    def write(self, remembered: PastJob) -> None:
        self.written[key(remembered.submitted, remembered.name)] = remembered

    def names(self) -> list[str]:
        return sorted(self.written)

    def read(self, names: Sequence[str]) -> list[PastJob]:
        return [self.written[name] for name in names if name in self.written]


def test_the_history_is_what_is_remembered_and_what_kubernetes_still_knows() -> None:
    kept = Memory()
    gone, unseen, ended, cleared = (
        past(job(f"{name}-000000", minute), FAILED)
        for minute, name in enumerate(("gone", "unseen", "ended", "cleared"))
    )
    for each in (gone, replace(unseen, outcome=None), replace(ended, outcome=None), replace(cleared, outcome=None)):
        kept.write(each)
    going = past(job("going-000000", 5), RUNNING)
    kept.write(going)
    new = past(job("new-000000", 6), FAILED)
    present = {each.name: each for each in (ended, going, new)}
    found = merged(kept, present, 20)
    assert [(each.name, each.stands.state.value) for each in found] == [
        ("gone-000000", "failed"), ("unseen-000000", "unknown"), ("ended-000000", "failed"), ("cleared-000000", "unknown"), ("new-000000", "failed")
    ]  # fmt: skip
    # What was not written down is, now: tomorrow Kubernetes knows it no more.
    assert kept.written[key(ended.submitted, ended.name)].outcome == ended.outcome
    assert key(new.submitted, new.name) in kept.written
    assert [each.name for each in merged(kept, {}, 2)] == ["going-000000", "new-000000"]


def test_who_saw_a_job_end_is_believed() -> None:
    kept = Memory()
    seen = replace(past(job(), FAILED), outcome=Outcome(State.FAILED, 3, "Cell In [4] failed."))
    kept.write(seen)
    [found] = merged(kept, {seen.name: past(job(), None, Outcome(State.FAILED, 75))}, 20)
    assert found.outcome == seen.outcome


@pytest.mark.parametrize("last", [0, 1001, True, "3"])
def test_a_number_that_is_none_is_refused(last: Any) -> None:
    with pytest.raises(SparkSessionError, match="is not a number of jobs"):
        history(last)


@pytest.mark.parametrize(
    ("name", "begins"), [("flights-3f09ac", "flights-"), ("report-29384750", "report-"), ("my-own-name", "my-own-name-"), ("a" * 60, "a" * 40 + "-")]
)  # fmt: skip
def test_a_rerun_is_the_same_job_under_another_name(name: str, begins: str) -> None:
    origin = job(name)
    origin["metadata"]["annotations"]["spark-notebooks.io/schedule"] = "flights"
    found = again(origin, "123456")
    assert found["metadata"]["name"] == f"{begins}123456"
    assert found["metadata"]["annotations"] == {**NOTES, "spark-notebooks.io/rerun-of": name}
    assert "creationTimestamp" not in found["metadata"]
    assert found["spec"] == {**bare(origin)["spec"], "ttlSecondsAfterFinished": 86400}


def notebook(image: str, digest: str) -> dict[str, Any]:
    status = {"name": "notebook", "imageID": f"registry/notebook@{digest}" if digest else "", "state": {}}
    return {"spec": {"containers": [{"name": "notebook", "image": image}]}, "status": {"containerStatuses": [status]}}


def test_a_name_that_stands_for_another_image_by_now_is_refused() -> None:
    origin = past(job(), FAILED)
    for image, digest in (
        ("registry/notebook:1", "sha256:11"),
        ("registry/notebook:2", "sha256:22"),
        ("registry/notebook:1", ""),
    ):
        check_image(origin, notebook(image, digest))
    check_image(replace(origin, digest=""), notebook("registry/notebook:1", "sha256:22"))
    with pytest.raises(SparkSessionError, match="That name stands for sha256:22 now; it ran sha256:11"):
        check_image(origin, notebook("registry/notebook:1", "sha256:22"))
