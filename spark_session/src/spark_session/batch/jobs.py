"""Jobs of the workspace, for Python: start one, follow it, stop it."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict, Unpack

from spark_session.batch import code, manifest
from spark_session.batch.apis import NOT_FOUND, UNANSWERED, Apis
from spark_session.batch.archive import Archive
from spark_session.batch.details import details
from spark_session.batch.excerpt import Excerpt, look
from spark_session.batch.follow import Follower, Tell, Write
from spark_session.batch.git import commit_of
from spark_session.batch.here import here
from spark_session.batch.jar import bring
from spark_session.batch.outcome import GONE, Outcome
from spark_session.batch.past import past, with_findings
from spark_session.batch.request import DEFAULT_TIMEOUT, JobRequest, parse
from spark_session.batch.source import find, find_file
from spark_session.errors import SparkSessionError, first_line
from spark_session.kube import ApiError, Object


@dataclass(frozen=True)
class Job:
    """A job of the workspace. Methods raise SparkSessionError where the Kubernetes API refuses, or does not answer.

    Args:
        name: of the job, as `spark-session ls` shows it.
        apis: the workspace's.
    """

    name: str
    apis: Apis

    def outcome(self) -> Outcome:
        """How it stands now."""
        with answers():
            return self.apis.outcome(self.name, self.apis.pod(self.name))

    def details(self) -> list[tuple[str, str]]:
        """Names and values of what is known of it: how it stands, and what it runs. Of one that Kubernetes has forgotten, what the history says.

        Raises:
            SparkSessionError: there is no such job.
        """
        with answers():
            job = self.apis.job(self.name)
            if job is not None:
                return details(job, self.apis.pod(self.name), datetime.now(UTC))
        remembered = archive().find(self.name)
        if remembered is None:
            raise no_job(self.name)
        return remembered.details()

    def wait(self, write: Write | None = None, tell: Tell | None = None) -> Outcome:
        """Follow it to its end.

        Args:
            write: takes what the script prints, line by line; sys.stdout if nothing is said.
            tell: takes sentences about the job; sys.stderr if nothing is said.
        """
        with answers():
            return Follower(self.name, self.apis, write or to_stdout, tell or to_stderr).follow()

    def logs(self, write: Write | None = None) -> None:
        """Write what the script has printed so far.

        Raises:
            SparkSessionError: there is no such job, or no log of it.
            OSError: `write` failed.
        """
        with answers():
            pod = self.apis.pod(self.name)
            if pod is None:
                raise no_job(self.name) if self.apis.job(self.name) is None else SparkSessionError(
                    f"There is no log of the job {self.name}.",
                    "Its script does not run yet, or was ended by its time limit, and then its log goes with it.",
                    "spark-session ls shows how it stands.",
                )  # fmt: skip
            log = self.apis.logs.raw_log(pod["metadata"]["name"], container=manifest.CONTAINER)
        # Not within: a pipe that nobody reads would pass for an API server that is away.
        (write or to_stdout)(log)

    def look(self, pod: str = "", since: str = "") -> Excerpt:
        """What the script has printed since the look before, and how the job stands; nothing of one that is only remembered.

        Args:
            pod: of the look before; empty for none.
            since: of the look before; empty for none.

        Raises:
            SparkSessionError: there is no such job.
        """
        with answers():
            job = self.apis.job(self.name)
            if job is not None:
                return look(self.apis, job, pod, since)
        remembered = archive().find(self.name)
        if remembered is None:
            raise no_job(self.name)
        return Excerpt(remembered.stands)

    def cancel(self) -> None:
        """End it, with its executors; its log goes, too. The history keeps how it ended.

        Raises:
            SparkSessionError: there is no such job.
        """
        with answers():
            job = self.apis.job(self.name)
            pod = None if job is None else self.apis.pod(self.name)
        with answers(), known(no_job(self.name)):
            self.apis.jobs.delete("jobs", self.name, propagationPolicy="Background")
        if job is not None:
            with suppress(SparkSessionError):  # to be cancelled is what was asked for
                _remember(job, pod)


def _remember(job: Object, pod: Object | None) -> None:
    """Write down how a job ended that is taken away, unless that is done already."""
    kept, name = archive(), job["metadata"]["name"]
    before = kept.find(name)
    if before is None or before.outcome is None:
        ended = past(job, pod)
        kept.write(with_findings(ended if ended.outcome is not None else past(job, pod, GONE), before))


def submit(
    script: str | Path,
    args: Sequence[str] = (),
    *,
    parameters: Mapping[str, object] | None = None,
    executors: int | None = None,
    name: str | None = None,
    timeout: str = DEFAULT_TIMEOUT,
    retries: int = 0,
    driver_cores: float | str | None = None,
    driver_memory: str | None = None,
    main_class: str | None = None,
    packages: str | Sequence[str] = (),
    profile: str | None = None,
    driver_profile: str | None = None,
    notify: str | None = None,
    env: Mapping[str, str] | None = None,
    files: Sequence[str | Path] = (),
) -> Job:
    """Start a Python script, a notebook or an application of the JVM as a job: in a pod of its own, which goes on when the notebook does not.

    Args:
        script: path of the script (.py), notebook (.ipynb) or jar (.jar), on the disk or as JupyterLab shows it, or an s3:// address. It is copied now: what
            you change in it later does not change the job.
        args: arguments of a script or jar.
        parameters: of a notebook: what its cell tagged "parameters" sets, by name. The executed notebook is saved in a folder of its name beside it.
        executors: of a session whose call names no number.
        name: what the job is called; the script's name by default.
        timeout: a number followed by s, m, h or d, after which the job is ended, retries included.
        retries: how often the script is run again whose pod was lost, from 0 to 10. What fails by itself is not run again, unless it ends with exit code 75.
        driver_cores: CPU of the script's own pod; that of the notebook by default.
        driver_memory: memory of the script's own pod, for Python and the driver's Java, such as "4g"; that of the notebook by default.
        main_class: class of a jar whose `main` is run, such as "com.example.Main"; by default the one that its manifest names.
        packages: what a jar has beside Spark and itself: jars and Maven coordinates ("group:artifact:version"). Scripts and notebooks name theirs in
            `get_spark_session`.
        profile: the kind of nodes for executors of a session whose call names none; `spark_session.profiles()` lists what your administrator offers.
        driver_profile: the kind of nodes for the script's own pod.
        notify: of which ends you get a message: "always", "failure" (of those that are no success) or "never"; your administrator's choice by default.
        env: environment variables of the script. They stand in the job for whoever may look at it: nothing secret.
        files: paths of files that the script finds in the folder in which it runs, found and copied as the script is; 100 MiB at most each.

    Returns:
        The job. `submit(...).wait()` follows it and gives its exit code.

    Raises:
        SparkSessionError: something is not as it should be, or Kubernetes refuses the job. Nothing was started then.
    """
    ready = prepare(
        script, args, parameters=parameters, executors=executors, name=name, timeout=timeout, retries=retries,
        driver_cores=driver_cores, driver_memory=driver_memory, main_class=main_class, packages=packages, profile=profile,
        driver_profile=driver_profile, notify=notify, env=env, files=files,
    )  # fmt: skip
    with answers():
        ready.create("jobs", ready.job)
    return Job(ready.job["metadata"]["name"], ready.apis)


class _Options(TypedDict, total=False):
    """Those of JobOptions that are checked as they are."""

    parameters: Mapping[str, object] | None
    executors: int | None
    name: str | None
    timeout: str
    retries: int
    driver_cores: float | str | None
    driver_memory: str | None
    main_class: str | None
    profile: str | None
    driver_profile: str | None
    notify: str | None
    env: Mapping[str, str] | None


class JobOptions(_Options, total=False):
    """What `submit` takes beside the script and its arguments."""

    packages: str | Sequence[str]
    files: Sequence[str | Path]


@dataclass(frozen=True)
class Prepared:
    """A job that may be started: all of it is checked, and nothing is done yet.

    Args:
        apis: the workspace's.
        request: what was asked for.
        job: the manifest of its Job.
        copies: what it runs, each with the place where the copy of it belongs.
    """

    apis: Apis
    request: JobRequest
    job: Object
    copies: tuple[tuple[code.Code, bytes], ...]

    def create(self, resource: str, manifest: Object) -> None:
        """Bring the copies of the code to their places, and make an object of a manifest.

        Raises:
            SparkSessionError: S3 does not take it.
            ApiError: Kubernetes refuses.
        """
        for copy, content in self.copies:
            code.upload(copy, content)
        self.apis.jobs.create(resource, manifest)


def prepare(
    script: str | Path,
    args: Sequence[str],
    packages: str | Sequence[str] = (),
    files: Sequence[str | Path] = (),
    **options: Unpack[_Options],
) -> Prepared:
    """Check what is asked for, as `submit` has it.

    Raises:
        SparkSessionError: something is not as it should be.
    """
    where = here()
    home, folder = where.home, where.folder
    along = bring(packages, lambda path: find(path, home, folder))
    defaults = where.defaults()
    request = parse(
        find(script, home, folder), args, most_executors=defaults.max_executors, offered=defaults.offered, notices=defaults.notices,
        commit=commit_of(Path(script)), along=along, files=[find_file(path, home, folder) for path in files], **options,
    )  # fmt: skip
    copies = tuple(
        (code.copy_of(home, name, content), content)
        for name, content in [
            (request.script, request.content),
            *((each.name, each.content) for each in (*along.jars, *request.files)),
        ]
    )
    apis = where.apis()
    with answers():
        place = where.place(apis)
    return Prepared(apis, request, manifest.job(f"{request.slug}-{unique()}", request, copies[0][0], place), copies)


def unique() -> str:
    """What makes a name different from all others."""
    return secrets.token_hex(3)


def workspace_jobs() -> Apis:
    """The jobs of the workspace that this runs in.

    Raises:
        SparkSessionError: it runs in none.
    """
    return here().apis()


def archive() -> Archive:
    """Where the jobs of the person are remembered whose workspace this runs in."""
    return here().archive()


def to_stdout(text: bytes) -> None:
    """Write what a script printed, at once."""
    sys.stdout.write(text.decode(errors="replace"))
    sys.stdout.flush()


def to_stderr(sentence: str) -> None:
    """Write a sentence about a job."""
    print(sentence, file=sys.stderr, flush=True)


@contextmanager
def answers() -> Iterator[None]:
    """Turns what the Kubernetes API refuses, or does not answer, into words for researchers: SparkSessionError."""
    try:
        yield
    except ApiError as error:
        raise refusal(error) from error
    except UNANSWERED as error:
        raise SparkSessionError(
            "The Kubernetes API does not answer.",
            f"{first_line(str(error) or type(error).__name__)}.",
            "Try again in a moment. What runs goes on running: spark-session ls shows it.",
        ) from error


_POLICY = re.compile(r"ValidatingAdmissionPolicy '(?P<policy>[^']+)' with binding '[^']+' denied request: (?P<said>.*)", re.DOTALL)  # fmt: skip


def refusal(error: ApiError) -> SparkSessionError:
    """What a refusal of the Kubernetes API means for a job."""
    if match := _POLICY.search(error.message):
        return SparkSessionError(
            "A rule of your platform refuses this job.",
            f'The policy "{match["policy"]}" says: {first_line(match["said"], 300)}.',
            "Show this to your administrator.",
        )
    if match := re.search(r"exceeded quota: .*count/(?P<what>cronjobs|jobs)\.batch", error.message):
        return SparkSessionError(
            f"Your workspace has as many {'schedules' if match['what'] == 'cronjobs' else 'jobs'} as it may have.",
            f"Kubernetes says: {first_line(error.message, 300)}.",
            "Take away what you do not need: spark-session ls lists them, spark-session cancel removes one.",
        )
    if match := re.search(r'resource "(?P<what>cronjobs|jobs)"', error.message):
        return SparkSessionError(
            f"Your notebook may not do that with {'schedules' if match['what'] == 'cronjobs' else 'jobs'}.", f"{first_line(error.message, 300)}.",
            "Your platform is older than your image, or has jobs switched off: ask your administrator.",
        )  # fmt: skip
    return SparkSessionError(
        "Kubernetes refuses what was asked for the job.",
        f"It says ({error.status}): {first_line(error.message, 300)}.",
        "Show this to your administrator.",
    )


@contextmanager
def known(missing: SparkSessionError) -> Iterator[None]:
    """Raises `missing` where Kubernetes knows no such object."""
    try:
        yield
    except ApiError as error:
        if error.status != NOT_FOUND:
            raise
        raise missing from error


def no_job(name: str) -> SparkSessionError:
    return SparkSessionError(
        f"There is no job {name}.", "It was cancelled, or it ended long ago and is not kept any more, or has another name.",
        "spark-session ls lists those that there are, spark-session history those that have ended.",
    )  # fmt: skip
