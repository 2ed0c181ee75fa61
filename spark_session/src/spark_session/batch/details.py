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
    DRIVER_PROFILE_NOTE,
    FILES_NOTE,
    NOTIFY_NOTE,
    ORIGIN_NOTE,
    PACKAGES_NOTE,
    PROFILE_NOTE,
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
    code = None if stands.state is State.CANCELLED else stands.code
    found = {
        "job": metadata["name"],
        "state": stands.state.value,
        "exit code": "" if code is None else str(code),
        "why": stands.message,
        "submitted": metadata["creationTimestamp"],
        "took": _took(pod, now),
        **what_runs(notes, job["spec"]),
        "digest": digest_of_image(pod),
    }
    return [(name, value) for name, value in found.items() if value]


def what_runs(notes: Mapping[str, str], spec: Object) -> dict[str, str | None]:
    """What a job runs, by what it is called: from the annotations and the `spec` of its Job object."""
    [container] = spec["template"]["spec"]["containers"]
    return {
        "rerun of": notes.get(ORIGIN_NOTE),
        "script": notes.get(SCRIPT_NOTE),
        "class": notes.get(CLASS_NOTE),
        "packages": notes.get(PACKAGES_NOTE),
        "files": notes.get(FILES_NOTE),
        "git commit": notes.get(COMMIT_NOTE),
        "code": notes.get(CODE_NOTE),
        "SHA-256": notes.get(DIGEST_NOTE),
        "image": container["image"],
        "profile": notes.get(PROFILE_NOTE),
        "driver profile": notes.get(DRIVER_PROFILE_NOTE),
        "notices": notes.get(NOTIFY_NOTE),
    }


def digest_of_image(pod: Object | None, container: str = CONTAINER) -> str:
    """Digest of the image of a container as its node has pulled it: a tag may have been moved since. Empty where it is not known."""
    return str(_status(pod, container).get("imageID") or "").rpartition("@")[2]


def ran(pod: Object | None) -> tuple[datetime | None, datetime | None]:
    """When the script of a pod began, and when it ended; None where it has not, or that is not known."""
    state = _status(pod).get("state") or {}
    found = state.get("running") or state.get("terminated") or {}
    began, ended = found.get("startedAt"), found.get("finishedAt")
    return (datetime.fromisoformat(began) if began else None), (datetime.fromisoformat(ended) if ended else None)


def _status(pod: Object | None, container: str = CONTAINER) -> Object:
    statuses = (pod or {}).get("status", {}).get("containerStatuses") or []
    return next((each for each in statuses if each["name"] == container), {})


def _took(pod: Object | None, now: datetime) -> str:
    began, ended = ran(pod)
    if began is None:
        return ""
    took = (ended or now) - began
    return f"{max(timedelta(), took) // timedelta(seconds=1)} s" + ("" if ended else " so far")
