"""The Kubernetes CronJob of a schedule: the Job of a script or notebook, and when it is made. Pure."""

from __future__ import annotations

from spark_session.batch.timetable import Timetable
from spark_session.errors import SparkSessionError, show
from spark_session.kube import Object
from spark_session.pod_template import LABEL_PREFIX

SCHEDULE_NOTE = f"{LABEL_PREFIX}/schedule"
"""On the Jobs of a schedule: its name."""

DEFAULT_OVERLAP = "forbid"
_OVERLAPS = {"forbid": "Forbid", "allow": "Allow", "replace": "Replace"}
OVERLAPS = tuple(_OVERLAPS)

LATE_SECONDS = 3600
"""How much later than its time a run may still be started. A run of the night is worth having an hour late, and not at noon."""

RUNS_KEPT = 3
"""Runs that are kept of those that went well, and of those that did not."""

KEPT_SECONDS = 7 * 24 * 3600
"""For how long a run is kept after its end, with its log: nobody watches at night, and some look on Monday. The admission policy allows no more."""


def check_overlap(overlap: str) -> str:
    """What is to become of a run whose time comes while the one before it goes on, if it is one of OVERLAPS.

    Raises:
        SparkSessionError: it is not.
    """
    if overlap in OVERLAPS:
        return overlap
    raise SparkSessionError(
        f"overlap={show(overlap)} is not known.",
        "It says what becomes of a run whose time comes while the one before it goes on: forbid lets it wait for an hour at most, allow starts it beside, "
        "replace ends the one before.",
        'For example overlap="forbid".',
    )


def cron_job(name: str, timetable: Timetable, overlap: str, job: Object) -> Object:
    """The manifest of a CronJob.

    Args:
        name: of the schedule, and of the object.
        timetable: when it runs.
        overlap: one of OVERLAPS.
        job: the Job that is to be made each time.
    """
    notes, labels = job["metadata"]["annotations"], job["metadata"]["labels"]
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "labels": dict(labels), "annotations": notes},
        "spec": {
            "schedule": timetable.expression,
            "timeZone": timetable.time_zone,
            "concurrencyPolicy": _OVERLAPS[overlap],
            "startingDeadlineSeconds": LATE_SECONDS,
            "successfulJobsHistoryLimit": RUNS_KEPT,
            "failedJobsHistoryLimit": RUNS_KEPT,
            "jobTemplate": {
                "metadata": {"labels": dict(labels), "annotations": {**notes, SCHEDULE_NOTE: name}},
                "spec": {**job["spec"], "ttlSecondsAfterFinished": KEPT_SECONDS},
            },
        },
    }


def run_of(schedule: Object, suffix: str) -> Object:
    """The Job of one more run of a schedule, which belongs to nobody as every job that a person starts.

    Args:
        schedule: the CronJob object.
        suffix: what makes its name different from those of all others.
    """
    template = schedule["spec"]["jobTemplate"]
    metadata = template.get("metadata") or {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{schedule['metadata']['name']}-{suffix}",
            "labels": metadata.get("labels") or {},
            "annotations": metadata.get("annotations") or {},
        },
        "spec": template["spec"],
    }


def schedule_of(job: Object) -> str | None:
    """The name of the schedule that a Job is a run of; None for none."""
    found: str | None = (job["metadata"].get("annotations") or {}).get(SCHEDULE_NOTE)
    return found


def timetable_of(schedule: Object) -> Timetable:
    """When a CronJob object runs."""
    spec = schedule["spec"]
    return Timetable(spec["schedule"], spec.get("timeZone") or "UTC")
