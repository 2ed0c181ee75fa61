"""What is kept of a job when Kubernetes has forgotten it: how it ended, and the job itself, so that it can be run again. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from spark_session.batch.details import digest_of_image, ran, what_runs
from spark_session.batch.manifest import CONTAINER, SCRIPT_NOTE
from spark_session.batch.outcome import GONE, Outcome, State, outcome
from spark_session.errors import SparkSessionError
from spark_session.kube import Object
from spark_session.pod_template import LABEL_PREFIX

FOLDER = ".spark-jobs/history"
"""In the person's own place."""

KEPT_DAYS = 90
HEADINGS = ("NAME", "STATE", "EXIT CODE", "SUBMITTED", "TOOK", "SCRIPT")
_TIME = "%Y-%m-%dT%H-%M-%S"
_KEY = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)-(?P<name>[a-z0-9.-]+)\.json", re.ASCII)
_WRITTEN_BY_KUBERNETES = {"controller-uid", "job-name"}

UNSEEN = Outcome(
    State.UNKNOWN,
    None,
    "Its end was not seen: its pod went without a word, and nobody looked while Kubernetes still knew why.",
)


@dataclass(frozen=True)
class PastJob:
    """A job as it is remembered.

    Args:
        job: its Job object, without what Kubernetes adds to one.
        outcome: how it ended; None while that is not known.
        began: when its script began, the last time if it was run again; None where it never did, or that is not known.
        ended: when that ended; None while it runs, or where that is not known.
        digest: of its image, as the node has pulled it; empty where that is not known.
        applications: what Spark calls its sessions, by which the history server knows them.
        executed: "s3://..." address of the executed notebook; empty where there is none, or that is not known.
    """

    job: Object
    outcome: Outcome | None
    began: datetime | None = None
    ended: datetime | None = None
    digest: str = ""
    applications: tuple[str, ...] = ()
    executed: str = ""

    @property
    def name(self) -> str:
        """Of the job."""
        return str(self.job["metadata"]["name"])

    @property
    def submitted(self) -> datetime:
        """When it was made."""
        return datetime.fromisoformat(self.job["metadata"]["creationTimestamp"])

    @property
    def stands(self) -> Outcome:
        """How it ended, or that nobody knows."""
        return self.outcome or UNSEEN

    @property
    def took(self) -> timedelta | None:
        """How long its script ran; None where that is not known."""
        return None if self.began is None or self.ended is None else max(timedelta(), self.ended - self.began)

    def row(self) -> tuple[str, ...]:
        """Its line in a table, below HEADINGS."""
        found = self.stands
        code = "" if found.code is None or found.state is State.CANCELLED else str(found.code)
        took = "" if self.took is None else f"{self.took // timedelta(seconds=1)} s"
        script = self.job["metadata"]["annotations"].get(SCRIPT_NOTE, "")
        return self.name, found.state.value, code, f"{self.submitted:%Y-%m-%d %H:%M}", took, script

    def details(self) -> list[tuple[str, str]]:
        """Names and values, in the order in which they are shown; what is not known is left out."""
        _, state, code, _, took, _ = self.row()
        metadata = self.job["metadata"]
        shown = {
            "job": self.name,
            "state": state,
            "exit code": code,
            "why": self.stands.message,
            "submitted": metadata["creationTimestamp"],
            "took": took,
            **what_runs(metadata["annotations"], self.job["spec"]),
            "digest": self.digest,
            "executed": self.executed,
            "kept": f"as a record until {self.submitted + timedelta(days=KEPT_DAYS):%Y-%m-%d}; its log is gone",
        }
        return [(name, value) for name, value in shown.items() if value]


def past(job: Object, pod: Object | None, found: Outcome | None = None) -> PastJob:
    """A job as it is remembered.

    Args:
        job: the Job object.
        pod: its newest Pod object; None where there is none.
        found: how it ended, where these two do not say it.
    """
    stands = found or outcome(job, pod)
    began, ended = ran(pod)
    return PastJob(bare(job), stands if stands.state.is_over else None, began, ended, digest_of_image(pod))


def with_findings(found: PastJob, before: PastJob | None) -> PastJob:
    """A job as Kubernetes tells of it, with what its own process has written down; before: that, None for nothing."""
    return found if before is None else replace(found, applications=before.applications, executed=before.executed)


def bare(job: Object) -> Object:
    """A Job object without what Kubernetes and its controllers wrote into it: a Job of the same may be made of it."""
    metadata, spec = job["metadata"], job["spec"]
    notes = metadata.get("annotations") or {}
    labels = spec["template"].get("metadata", {}).get("labels") or {}
    kept = ("backoffLimit", "podFailurePolicy", "activeDeadlineSeconds", "ttlSecondsAfterFinished")
    template = {"metadata": {"labels": _ours(labels)}, "spec": spec["template"]["spec"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": metadata["name"],
            "creationTimestamp": metadata["creationTimestamp"],
            "labels": _ours(metadata.get("labels") or {}),
            "annotations": {note: text for note, text in notes.items() if note.startswith(f"{LABEL_PREFIX}/")},
        },
        "spec": {**{name: spec[name] for name in kept if name in spec}, "template": template},
    }


def ended_with(
    job: Object | None, before: Object | None, pod: Object, *, code: int, words: str, now: datetime
) -> PastJob | None:
    """A job whose script has just ended, as its own process sees it; None where nobody knows what job it was.

    Args:
        job: its Job object; None where there is none any more: it was cancelled.
        before: its Job object as it was when the script began; None where nobody could tell.
        pod: its Pod object, whose container runs still.
        code: exit code of the script.
        words: what there is to say of its end.
        now: the time.
    """
    known = job or before
    if known is None:
        return None
    status = pod.get("status", {})
    others = [each for each in status.get("containerStatuses") or [] if each["name"] != CONTAINER]
    mine: Object = next((each for each in status.get("containerStatuses") or [] if each["name"] == CONTAINER), {})
    running = (mine.get("state") or {}).get("running") or {}
    terminated = {**running, "exitCode": code, "message": words, "finishedAt": now.isoformat()}
    statuses = [*others, {**mine, "name": CONTAINER, "state": {"terminated": terminated}}]
    return past(known, {**pod, "status": {**status, "containerStatuses": statuses}}, GONE if job is None else None)


def key(submitted: datetime, name: str) -> str:
    """Name of the object that a job is remembered in: the order of names is that of time."""
    return f"{submitted.astimezone(UTC).strftime(_TIME)}-{name}.json"


def parse_key(text: str) -> tuple[datetime, str] | None:
    """When a job was made, and its name, of the name of the object that it is remembered in; None for another object."""
    match = _KEY.fullmatch(text)
    try:
        return (datetime.strptime(match["time"], _TIME).replace(tzinfo=UTC), match["name"]) if match else None
    except ValueError:
        return None


def to_json(remembered: PastJob) -> bytes:
    """What is written of a job."""
    found = remembered.outcome
    content = {
        "job": remembered.job,
        "outcome": None if found is None else [found.state.value, found.code, found.message],
        "began": _text(remembered.began),
        "ended": _text(remembered.ended),
        "digest": remembered.digest,
        "applications": list(remembered.applications),
        "executed": remembered.executed,
    }
    return json.dumps(content, sort_keys=True).encode()


def from_json(content: bytes, url: str) -> PastJob:
    """What was written of a job.

    Raises:
        SparkSessionError: something else is there.
    """
    try:
        found: dict[str, Any] = json.loads(content)
        ended = found["outcome"]
        remembered = PastJob(
            found["job"],
            None if ended is None else Outcome(State(ended[0]), ended[1], ended[2]),
            _time(found["began"]),
            _time(found["ended"]),
            found["digest"],
            # Records of before have neither.
            tuple(map(str, found.get("applications", ()))),
            str(found.get("executed", "")),
        )
        remembered.row()
        what_runs(remembered.job["metadata"]["annotations"], remembered.job["spec"])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise SparkSessionError(
            "The record of a job cannot be read.",
            f"What is at {url} is not what was written there ({error!r}).",
            "Delete it, if nobody can mend it.",
        ) from error
    return remembered


def _ours(labels: dict[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in labels.items() if name.rpartition("/")[2] not in _WRITTEN_BY_KUBERNETES
    }  # fmt: skip


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
