"""Schedules of the workspace, for Python: make one, pause it, run it now, take it away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Unpack

from spark_session.batch.apis import Apis
from spark_session.batch.cron_job import DEFAULT_OVERLAP, check_overlap, cron_job, run_of, schedule_of
from spark_session.batch.follow import Write
from spark_session.batch.jobs import Job, JobOptions, answers, known, prepare, refusal, unique, workspace_jobs
from spark_session.batch.schedule_details import Run, next_runs, schedule_details
from spark_session.batch.timetable import DEFAULT_TIME_ZONE, parse_timetable
from spark_session.errors import SparkSessionError
from spark_session.kube import ApiError, Object

_CONFLICT = 409
"""HTTP status: there is an object of that name."""


@dataclass(frozen=True)
class Schedule:
    """A schedule of the workspace. Methods raise SparkSessionError where there is none of that name, and where the Kubernetes API refuses or does not answer.

    Args:
        name: of the schedule, as `spark-session ls` shows it.
        apis: the workspace's.
    """

    name: str
    apis: Apis

    def next_runs(self, count: int = 3) -> list[datetime]:
        """When it runs next, in its time zone; none while it is paused."""
        return next_runs(self._found(), datetime.now(UTC), count)

    def runs(self) -> list[Job]:
        """Its runs that are there, the oldest first; those that were started by hand included."""
        with answers():
            return [Job(job["metadata"]["name"], self.apis) for job, _ in runs_of(self.name, self.apis.list())]

    def details(self) -> list[tuple[str, str]]:
        """Names and values of what is known of it: how it stands, when it runs, what it runs, and whether a run would be refused now."""
        found = self._found()
        with answers():
            runs = runs_of(self.name, self.apis.list())
            return schedule_details(found, runs, self._refusal(found), datetime.now(UTC))

    def logs(self, write: Write | None = None) -> None:
        """Write what its last run has printed so far.

        Args:
            write: as for `Job.logs`.
        """
        runs = self.runs()
        if not runs:
            self._found()
            raise SparkSessionError(
                f"There is no log of the schedule {self.name}.",
                "It has not run yet, or its runs are not kept any more.",
                f"spark-session show {self.name} tells when it runs, and spark-session run-now {self.name} runs it.",
            )
        runs[-1].logs(write)

    def pause(self) -> None:
        """Start no runs until `resume`. One that goes on is not ended."""
        self._change(suspend=True)

    def resume(self) -> None:
        """Start runs again. One whose time was within the last hour is started at once."""
        self._change(suspend=False)

    def run_now(self) -> Job:
        """One more run, now: also while it is paused, and beside one that goes on."""
        manifest = run_of(self._found(), unique())
        with answers():
            self.apis.jobs.create("jobs", manifest)
        return Job(manifest["metadata"]["name"], self.apis)

    def cancel(self) -> None:
        """Take it away, with the runs that it has started and their logs; one that goes on is ended."""
        with answers(), known(_no_schedule(self.name)):
            self.apis.jobs.delete("cronjobs", self.name, propagationPolicy="Background")

    def _found(self) -> Object:
        with answers():
            found = self.apis.schedule(self.name)
        if found is None:
            raise _no_schedule(self.name)
        return found

    def _change(self, **spec: object) -> None:
        with answers(), known(_no_schedule(self.name)):
            self.apis.jobs.patch("cronjobs", self.name, {"spec": spec})

    def _refusal(self, found: Object) -> str:
        """What Kubernetes says against a run; asked by a dry run, because what it said at night is forgotten in the morning."""
        try:
            self.apis.jobs.dry_run("jobs", run_of(found, unique()))
        except ApiError as error:
            return refusal(error).why
        return ""


def schedule(
    script: str | Path,
    when: str,
    args: Sequence[str] = (),
    *,
    time_zone: str = DEFAULT_TIME_ZONE,
    overlap: str = DEFAULT_OVERLAP,
    **options: Unpack[JobOptions],
) -> Schedule:
    """Run a Python script or a notebook as a job again and again, at times of the clock: also while no notebook runs.

    Args:
        script: as for `submit`. It is copied now, and each run runs this copy, with the image that the notebook has now.
        when: a cron expression of five fields (minute, hour, day of the month, month, day of the week), or @hourly, @daily, @weekly, @monthly, @yearly.
        args: arguments of a script.
        time_zone: of the clock, such as "Europe/Vienna".
        overlap: what becomes of a run whose time comes while the one before it goes on: "forbid" lets it wait for the end of that one, for an hour at most,
            "allow" starts it beside, "replace" ends the one before.
        options: as for `submit`, for each run. The name is the schedule's; the script's name by default.

    Returns:
        The schedule.

    Raises:
        SparkSessionError: something is not as it should be, there is a schedule of that name, or Kubernetes refuses it. Nothing was made then.
    """
    timetable = parse_timetable(when, time_zone)
    check_overlap(overlap)
    ready = prepare(script, args, **options)
    name = ready.request.slug
    with answers():
        try:
            ready.create("cronjobs", cron_job(name, timetable, overlap, ready.job))
        except ApiError as error:
            if error.status != _CONFLICT:
                raise
            raise SparkSessionError(
                f"There is a schedule {name} already.",
                "A schedule is not changed, so that it is certain what runs.",
                f"Take it away with spark-session cancel {name}, or give this one another name (--name).",
            ) from error
    return Schedule(name, ready.apis)


def schedules() -> list[Schedule]:
    """All schedules of the workspace.

    Raises:
        SparkSessionError: there is no workspace here, or the Kubernetes API refuses or does not answer.
    """
    apis = workspace_jobs()
    with answers():
        return [Schedule(found["metadata"]["name"], apis) for found in apis.schedules()]


def runs_of(name: str, jobs: Sequence[Run]) -> list[Run]:
    """The runs of a schedule among all jobs, in their order."""
    return [(job, pod) for job, pod in jobs if schedule_of(job) == name]


def _no_schedule(name: str) -> SparkSessionError:
    return SparkSessionError(
        f"There is no schedule {name}.", "It was cancelled, or has another name.", "spark-session ls lists those that there are."
    )  # fmt: skip
