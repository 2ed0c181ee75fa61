"""What a person does with jobs, by the functions of spark_session. Each call may take as long as Kubernetes and S3 take."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from spark_session.batch import submit
from spark_session.batch.apis import UNANSWERED, Apis
from spark_session.batch.archive import Archive
from spark_session.batch.excerpt import why_it_waits
from spark_session.batch.follow import is_passing
from spark_session.batch.job_executors import JobExecutors
from spark_session.batch.jobs import Job, answers, workspace_jobs
from spark_session.batch.past import PastJob, past
from spark_session.batch.recall import SHOWN, merged
from spark_session.batch.repeat import rerun
from spark_session.batch.schedule_details import Run
from spark_session.batch.scheduling import Schedule, runs_of, schedule
from spark_session.defaults import load_defaults
from spark_session.environment import detect
from spark_session.errors import SparkSessionError
from spark_session.kube import ApiError

from lab_jobs import entries
from lab_jobs.asked import Asked
from lab_jobs.entries import Entry
from lab_jobs.memory import Memory

FORBIDDEN = 403
"""HTTP status: the service account may not do that."""

NO_WORKSPACE = (
    "Jobs run in a workspace of the platform, and this JupyterLab is in none: here, python runs the same script."
)

NO_RIGHT = (
    "Your notebook may not make jobs: your platform is older than your image, or has jobs switched off; "
    "ask your administrator."
)

REFUSED_AFTER = timedelta(seconds=10)
"""Time without a pod after which somebody seems to be against it."""


class Jobs:
    """The jobs and schedules of the workspace that this runs in, for use by any thread. Every method raises SparkSessionError."""

    def __init__(self) -> None:
        self._memory = Memory(None)

    def overview(self) -> Entry:
        """{"unavailable", "jobs": [...], "schedules": [...], "ended": [...], "note"}.

        `unavailable` says why there can be no jobs here, and is null where there can. `ended` are the last ones, the newest first; `note` says why
        those of before cannot be told, null where they can.
        """
        if detect(os.environ, Path.home()).workspace is None:
            return _nothing(NO_WORKSPACE)
        apis, now = workspace_jobs(), datetime.now(UTC)
        try:
            with answers():
                found, schedules = apis.list(), apis.schedules()
        except SparkSessionError as error:
            if _is_forbidden(error):
                return _nothing(NO_RIGHT)
            raise
        history, note = self._ended(found)
        has_log = {job["metadata"]["name"] for job, pod in found if pod is not None}
        return {
            "unavailable": None,
            "jobs": [
                entries.going(job, pod, _why(apis, (job, pod), now))
                for job, pod in reversed(found)
                if past(job, pod).outcome is None
            ],
            "schedules": [entries.scheduled(each, runs_of(each["metadata"]["name"], found), now) for each in schedules],
            "ended": [entries.ended(each, _home(), has_log=each.name in has_log) for each in reversed(history)],
            "note": note,
        }

    def options(self) -> Entry:
        """{"executors", "most_executors", "profiles": {"executors": [...], "drivers": [...]}}: the administrator's."""
        defaults = load_defaults(os.environ)
        return {
            "executors": defaults.executors,
            "most_executors": defaults.max_executors,
            "profiles": entries.profiles(defaults.offered),
        }

    def start(self, asked: Asked) -> Entry:
        """Start a job, or make a schedule; {"job": name} or {"schedule": name}."""
        if asked.when is None:
            return {"job": submit(asked.script, asked.arguments, **asked.options).name}
        made = schedule(
            asked.script, asked.when, asked.arguments, time_zone=asked.time_zone, overlap=asked.overlap, **asked.options
        )
        return {"schedule": made.name}

    def details(self, name: str) -> Entry:
        """{"details": [(name, value), ...]} of a job."""
        return {"details": Job(name, workspace_jobs()).details()}

    def log(self, name: str, pod: str, since: str) -> Entry:
        """What is new in the log of a job, and how it stands: {"state", "code", "message", "over", "pod", "since", "text", "cut", "again"}.

        Args:
            name: of the job.
            pod: of the answer before; empty for none.
            since: of the answer before; empty for none.
        """
        return entries.excerpt(Job(name, workspace_jobs()).look(pod, since))

    def executors(self, name: str) -> Entry:
        """{"executors": [{"id", "number", "gone"}, ...]} of a job, those that are gone included."""
        return {"executors": [entries.executor(each) for each in JobExecutors.of(name).list()]}

    def executor_log(self, name: str, executor: str) -> Entry:
        """{"text"}: the last lines of an executor; `executor` is an id."""
        return {"text": JobExecutors.of(name).log(executor)}

    def cancel(self, name: str) -> Entry:
        """End a job; {"job": name}."""
        Job(name, workspace_jobs()).cancel()
        return {"job": name}

    def rerun(self, name: str, *, overlap: bool) -> Entry:
        """Run a job again; {"job": name of the new one}."""
        return {"job": rerun(name, overlap=overlap).name}

    def schedule_details(self, name: str) -> Entry:
        """{"details": [(name, value), ...]} of a schedule."""
        return {"details": Schedule(name, workspace_jobs()).details()}

    def change_schedule(self, name: str, action: str) -> Entry:
        """Do "pause", "resume", "run-now" or "cancel" with a schedule; {"schedule": name}, or {"job": name of the run}."""
        found = Schedule(name, workspace_jobs())
        if action == "run-now":
            return {"job": found.run_now().name}
        {"pause": found.pause, "resume": found.resume, "cancel": found.cancel}[action]()
        return {"schedule": name}

    def _ended(self, found: list[Run]) -> tuple[list[PastJob], str | None]:
        """Jobs that have ended, the oldest first, and why there are not all of them."""
        present = {job["metadata"]["name"]: past(job, pod) for job, pod in found}
        try:
            return merged(self._archive(), present, SHOWN), None
        except SparkSessionError as error:
            here = sorted((job for job in present.values() if job.outcome is not None), key=lambda job: job.submitted)
            return here[-SHOWN:], str(error)

    def _archive(self) -> Archive:
        home = _home()
        if self._memory.home != home:
            self._memory = Memory(home)
        return self._memory


def is_unanswered(error: SparkSessionError) -> bool:
    """Whether Kubernetes or S3 has not answered, as opposed to what was asked for not being possible."""
    cause: Any = error.__cause__
    if isinstance(cause, ApiError):
        return is_passing(cause)
    return isinstance(cause, UNANSWERED) or type(cause).__module__.startswith("botocore.")


def _is_forbidden(error: SparkSessionError) -> bool:
    return isinstance(error.__cause__, ApiError) and error.__cause__.status == FORBIDDEN


def _home() -> str | None:
    return detect(os.environ, Path.home()).s3.home


def _why(apis: Apis, run: Run, now: datetime) -> str:
    """Why a job waits; empty where it does not, or nothing is wrong."""
    job, pod = run
    age = now - datetime.fromisoformat(job["metadata"]["creationTimestamp"])
    if pod is None and age < REFUSED_AFTER:
        return ""
    with suppress(SparkSessionError), answers():
        return why_it_waits(pod, apis, job["metadata"]["name"])
    return ""


def _nothing(why: str) -> Entry:
    return {"unavailable": why, "jobs": [], "schedules": [], "ended": [], "note": None}
