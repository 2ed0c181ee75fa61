"""What is known of schedules: how they stand, their next and last runs, and exactly what they run. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from spark_session.batch.cron_job import timetable_of
from spark_session.batch.details import what_runs
from spark_session.batch.manifest import SCRIPT_NOTE
from spark_session.batch.outcome import State, outcome
from spark_session.batch.timetable import parse_timetable
from spark_session.errors import SparkSessionError
from spark_session.kube import Object

Run = tuple[Object, Object | None]
"""A Job object, and its newest Pod object, if there is one."""

HEADINGS = ("SCHEDULE", "STATE", "WHEN", "TIME ZONE", "LAST RUN", "NEXT RUN", "SCRIPT")

_SCHEDULED_NOTE = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_PATIENCE = timedelta(minutes=2)
"""That Kubernetes has for starting a run."""


def schedule_row(schedule: Object, runs: Sequence[Run], now: datetime) -> tuple[str, ...]:
    """A schedule in the table, below HEADINGS.

    Args:
        schedule: the CronJob object.
        runs: of it, the oldest first.
        now: the time.
    """
    metadata, timetable = schedule["metadata"], timetable_of(schedule)
    last = last_run(schedule, runs)
    coming = next_runs(schedule, now, 1)
    return (
        metadata["name"],
        state_of(schedule),
        timetable.expression,
        timetable.time_zone,
        last[1] if last else "",
        told(coming[0]) if coming else "",
        (metadata.get("annotations") or {}).get(SCRIPT_NOTE, ""),
    )


def schedule_details(schedule: Object, runs: Sequence[Run], refusal: str, now: datetime) -> list[tuple[str, str]]:
    """Names and values, in the order in which they are shown; what is not known is left out.

    Args:
        schedule: the CronJob object.
        runs: of it, the oldest first.
        refusal: why a run would be refused now; empty where it would not be.
        now: the time.
    """
    metadata, spec, timetable = schedule["metadata"], schedule["spec"], timetable_of(schedule)
    notes = metadata.get("annotations") or {}
    first, *more = [told(moment) for moment in next_runs(schedule, now)] or [""]
    last, left_out = last_run(schedule, runs), _left_out(schedule, now)
    found = [
        ("schedule", metadata["name"]),
        ("state", state_of(schedule)),
        ("when", f"{timetable.expression}, {timetable.time_zone}"),
        ("overlap", str(spec.get("concurrencyPolicy") or "").lower()),
        ("next runs", first),
        *(("", moment) for moment in more),
        ("last run", ", ".join(last or ())),
        ("left out", f"runs since {told(left_out)}" if left_out else ""),
        ("a run now", f"would be refused: {refusal}" if refusal else ""),
        ("submitted", metadata["creationTimestamp"]),
        *what_runs(notes, spec["jobTemplate"]["spec"]).items(),
    ]
    return [(name, value) for name, value in found if value]


def next_runs(schedule: Object, now: datetime, count: int = 3) -> list[datetime]:
    """When it runs next, in its time zone; none while it is paused, or where its times were not written by `spark-session`."""
    if schedule["spec"].get("suspend"):
        return []
    timetable = timetable_of(schedule)
    try:
        return parse_timetable(timetable.expression, timetable.time_zone).next_runs(now, count)
    except SparkSessionError:
        return []


def told(moment: datetime) -> str:
    """A time, as people say it: Sun 2026-11-22 03:00 CET."""
    return f"{moment:%a %Y-%m-%d %H:%M %Z}"


def state_of(schedule: Object) -> str:
    """Whether a schedule is paused, waits for its time, or has a run that goes on."""
    if schedule["spec"].get("suspend"):
        return "paused"
    return "running" if (schedule.get("status") or {}).get("active") else "waiting"


def last_run(schedule: Object, runs: Sequence[Run]) -> tuple[str, str] | None:
    """The name of the last run, and how it stands, of which time."""
    if not runs:
        return None
    job, pod = runs[-1]
    metadata, stands = job["metadata"], outcome(job, pod)
    moment = (metadata.get("annotations") or {}).get(_SCHEDULED_NOTE) or metadata["creationTimestamp"]
    code = f" ({stands.code})" if stands.state is State.FAILED else ""
    return metadata["name"], f"{stands.state.value}{code}, {told(_local(schedule, moment))}"


def _local(schedule: Object, text: str) -> datetime:
    """A time of the Kubernetes API in the schedule's time zone."""
    moment = datetime.fromisoformat(text)
    try:
        return moment.astimezone(ZoneInfo(timetable_of(schedule).time_zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):  # not written by `spark-session`
        return moment


def _left_out(schedule: Object, now: datetime) -> datetime | None:
    """The first run whose time has come and that was not started; None where there is none."""
    status = schedule.get("status") or {}
    last = status.get("lastScheduleTime") or schedule["metadata"]["creationTimestamp"]
    due = next_runs(schedule, datetime.fromisoformat(last), 1)
    return due[0] if due and due[0] + _PATIENCE < now and not status.get("active") else None
