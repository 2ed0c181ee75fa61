"""What is known of one job: how it stands, and exactly what it runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from spark_session.batch.manifest import (
    CLASS_NOTE,
    CODE_NOTE,
    COMMIT_NOTE,
    CONTAINER,
    DIGEST_NOTE,
    PACKAGES_NOTE,
    SCRIPT_NOTE,
)
from spark_session.batch.outcome import State, outcome
from spark_session.kube import Object


def details(job: Object, pod: Object | None, now: datetime) -> list[tuple[str, str]]:
    """Names and values, in the order in which they are shown; what is not known is left out.

    Args:
        job: the Job object.
        pod: its newest Pod object; None where there is none.
        now: the time.
    """
    stands = outcome(job, pod)
    metadata, notes = job["metadata"], job["metadata"].get("annotations") or {}
    status = _status(pod)
    code = None if stands.state is State.CANCELLED else stands.code
    found = {
        "job": metadata["name"],
        "state": stands.state.value,
        "exit code": "" if code is None else str(code),
        "why": stands.message,
        "submitted": metadata["creationTimestamp"],
        "took": _took(status, now),
        **what_runs(notes, job["spec"]),
        # As the node has pulled it: a tag may have been moved since.
        "digest": str(status.get("imageID") or "").rpartition("@")[2],
    }
    return [(name, value) for name, value in found.items() if value]


def what_runs(notes: Mapping[str, str], spec: Object) -> dict[str, str | None]:
    """What a job runs, by what it is called: from the annotations and the `spec` of its Job object."""
    [container] = spec["template"]["spec"]["containers"]
    return {
        "script": notes.get(SCRIPT_NOTE),
        "class": notes.get(CLASS_NOTE),
        "packages": notes.get(PACKAGES_NOTE),
        "git commit": notes.get(COMMIT_NOTE),
        "code": notes.get(CODE_NOTE),
        "SHA-256": notes.get(DIGEST_NOTE),
        "image": container["image"],
    }


def _status(pod: Object | None) -> Object:
    statuses = (pod or {}).get("status", {}).get("containerStatuses") or []
    return next((each for each in statuses if each["name"] == CONTAINER), {})


def _took(status: Object, now: datetime) -> str:
    state = status.get("state") or {}
    ran = state.get("running") or state.get("terminated") or {}
    if not ran.get("startedAt"):
        return ""
    ended = datetime.fromisoformat(ran["finishedAt"]) if ran.get("finishedAt") else now
    took = ended - datetime.fromisoformat(ran["startedAt"])
    return f"{max(timedelta(), took) // timedelta(seconds=1)} s" + ("" if ran.get("finishedAt") else " so far")
