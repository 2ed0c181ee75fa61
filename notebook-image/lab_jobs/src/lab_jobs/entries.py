"""Jobs and schedules as the panel shows them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from spark_session.batch.cron_job import schedule_of, timetable_of
from spark_session.batch.details import ran
from spark_session.batch.excerpt import Excerpt
from spark_session.batch.job_executors import Known
from spark_session.batch.manifest import SCRIPT_NOTE
from spark_session.batch.outcome import Outcome, State, outcome
from spark_session.batch.past import PastJob
from spark_session.batch.schedule_details import Run, last_run, next_runs, state_of, told
from spark_session.kube import Object
from spark_session.placement import ROLES, Offered

Entry = dict[str, Any]


def going(job: Object, pod: Object | None, why: str) -> Entry:
    """A job that runs or waits.

    Args:
        job: the Job object.
        pod: its newest Pod object; None where there is none.
        why: why it waits; empty where nothing is wrong.
    """
    stands = outcome(job, pod)
    began, _ = ran(pod)
    told_why = why if stands.state is State.WAITING else stands.message
    return {
        **_what(job), **_stands(stands), "message": told_why, "began": _text(began), "ended": None, "log": began is not None,
        "applications": [], "executed": None,
    }  # fmt: skip


def ended(past: PastJob, home: str | None, *, has_log: bool) -> Entry:
    """A job that has ended.

    Args:
        past: the job.
        home: the person's own place, "s3://bucket/prefix"; None where there is none.
        has_log: whether its log is still there.
    """
    return {
        **_what(past.job), **_stands(past.stands), "began": _text(past.began), "ended": _text(past.ended), "log": has_log,
        "applications": list(past.applications), "executed": path_of(past.executed, home),
    }  # fmt: skip


def scheduled(schedule: Object, runs: Sequence[Run], now: datetime) -> Entry:
    """A schedule.

    Args:
        schedule: the CronJob object.
        runs: of it, the oldest first.
        now: the time.
    """
    metadata, timetable = schedule["metadata"], timetable_of(schedule)
    last, coming = last_run(schedule, runs), next_runs(schedule, now, 1)
    return {
        "name": metadata["name"],
        "script": (metadata.get("annotations") or {}).get(SCRIPT_NOTE, ""),
        "state": state_of(schedule),
        "when": timetable.expression,
        "time_zone": timetable.time_zone,
        "next": told(coming[0]) if coming else None,
        "last": None if last is None else {"job": last[0], "told": last[1]},
    }


def excerpt(found: Excerpt) -> Entry:
    """What is new in a log."""
    return {
        **_stands(found.outcome),
        "over": found.outcome.state.is_over,
        "pod": found.pod,
        "since": found.since,
        "text": found.text,
        "cut": found.is_cut,
        "again": found.has_begun_again,
    }


def executor(known: Known) -> Entry:
    """An executor of a job."""
    return {"id": known.executor.file.removesuffix(".log"), "number": known.executor.number, "gone": known.pod is None}


def profiles(offered: Offered) -> dict[str, list[Entry]]:
    """The profiles that a job may name, by role: "executors", "drivers"."""
    return {
        role: [
            {"name": each.name, "description": each.description, "default": offered.defaults.get(role) == each.name}
            for each in offered.profiles.values()
            if role in each.roles
        ]
        for role in ROLES
    }


def path_of(url: str, home: str | None) -> str | None:
    """Where JupyterLab shows an object of the person's own place; None for another one."""
    prefix = f"{home}/"
    return url.removeprefix(prefix) if home is not None and url.startswith(prefix) else None


def _what(job: Object) -> Entry:
    metadata = job["metadata"]
    return {
        "name": metadata["name"],
        "script": (metadata.get("annotations") or {}).get(SCRIPT_NOTE, ""),
        "schedule": schedule_of(job),
        "submitted": metadata["creationTimestamp"],
    }


def _stands(found: Outcome) -> Entry:
    code = None if found.state is State.CANCELLED else found.code
    return {"state": found.state.value, "code": code, "message": found.message}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
