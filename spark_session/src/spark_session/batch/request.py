"""What a person asks for when they start a job, checked before anything is started. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from spark_session.batch import jar, notebook, travel
from spark_session.batch.code import digest_of
from spark_session.batch.jar import NOTHING, Along
from spark_session.batch.source import Source
from spark_session.defaults import CHOICES
from spark_session.errors import SparkSessionError, show
from spark_session.placement import DRIVERS, EXECUTORS, Offered, Profile
from spark_session.request import parse_profile
from spark_session.sizes import parse_cores, parse_memory

SCRIPT_RUNNER = "spark_session.batch.run"
NOTEBOOK_RUNNER = "spark_session.batch.run_notebook"
JAR_RUNNER = "spark_session.batch.run_jar"
DEFAULT_TIMEOUT = "24h"
# The admission policy allows no more of either (policies/jobs.yaml).
LONGEST_SECONDS = 7 * 24 * 3600
MOST_RETRIES = 10
# Kubernetes takes objects of 1.5 MB; the arguments are a small part of one.
LONGEST_ARGUMENTS = 100_000
LONGEST_SLUG = 40
NEVER = "never"
_NO_PROFILES = Offered()
_DURATION = re.compile(r"(?P<number>\d{1,6}(?:\.\d{1,3})?)\s*(?P<unit>[smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}


@dataclass(frozen=True)
class JobRequest:
    """A job as it is asked for.

    Args:
        script: what the script, notebook or jar is called: the last part of its path.
        content: the script, notebook or jar itself.
        arguments: of what runs it.
        name: what the job is called, before it is made unique.
        executors: of a session whose call names no number; None for the administrator's number.
        timeout: seconds after which the job is ended.
        retries: how often the script is run again whose pod was lost.
        driver_cores: CPU of the script's own pod; None for that of the notebook.
        driver_memory: memory of the script's own pod, in MiB; None for that of the notebook.
        runner: the module that runs it in its pod.
        commit: the git commit that it is of; None for none.
        main_class: the class of a jar that is run; None for what is no jar.
        along: what a jar brings along.
        profile: name of the profile of executors; None for the administrator's choice.
        driver_profile: of the script's own pod; None where Kubernetes chooses its node.
        notify: of which ends its person is told, one of CHOICES; None for the administrator's choice.
        env: environment variables that it is given.
        files: what it finds in the folder that it runs in.
    """

    script: str
    content: bytes
    arguments: tuple[str, ...]
    name: str
    executors: int | None
    timeout: int
    retries: int = 0
    driver_cores: float | None = None
    driver_memory: int | None = None
    runner: str = SCRIPT_RUNNER
    commit: str | None = None
    main_class: str | None = None
    along: Along = NOTHING
    profile: str | None = None
    driver_profile: Profile | None = None
    notify: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Source, ...] = ()

    @property
    def slug(self) -> str:
        """The name as Kubernetes accepts it at the beginning of an object's name."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:LONGEST_SLUG].strip("-")
        return slug if slug[:1].isalpha() else f"job-{slug}".strip("-")


def parse(
    source: Source,
    arguments: Sequence[str] = (),
    *,
    parameters: Mapping[str, object] | None = None,
    name: str | None = None,
    executors: int | None = None,
    most_executors: int | None = None,
    timeout: str = DEFAULT_TIMEOUT,
    retries: int = 0,
    driver_cores: float | str | None = None,
    driver_memory: str | None = None,
    commit: str | None = None,
    main_class: str | None = None,
    along: Along = NOTHING,
    profile: str | None = None,
    driver_profile: str | None = None,
    offered: Offered = _NO_PROFILES,
    notify: str | None = None,
    notices: str | None = None,
    env: Mapping[str, str] | None = None,
    files: Sequence[Source] = (),
) -> JobRequest:
    """Check what is asked for.

    Args:
        source: the script, notebook or jar.
        arguments: of a script or jar.
        parameters: of a notebook.
        name: of the job; the script's name by default.
        executors: of a session whose call names no number.
        most_executors: the administrator's general limit; None for none.
        timeout: a number and s, m, h or d.
        retries: how often the script is run again whose pod was lost.
        driver_cores: as for `get_spark_session(cores=)`.
        driver_memory: as for `get_spark_session(memory=)`.
        commit: the git commit that it is of; None for none.
        main_class: the class of a jar that is to be run; None for the one that its manifest names.
        along: what a jar brings along.
        profile: name of the profile of executors.
        driver_profile: name of that of the script's own pod.
        offered: the profiles that the person may use.
        notify: of which ends its person is told.
        notices: of which where nothing is said; None where nobody is told of any.
        env: environment variables that it is given.
        files: what it takes along.

    Raises:
        SparkSessionError: something of it cannot be.
    """
    if isinstance(arguments, str) or not all(isinstance(argument, str) for argument in arguments):
        raise SparkSessionError(
            f"The arguments {show(arguments)} cannot be given to a script.",
            "They are a list of texts.",
            'For example args=["--date", "2026-11-21"].',
        )
    if not source.is_jar and (main_class is not None or along != NOTHING):
        raise SparkSessionError(
            f"{show(source.name)} takes no {'packages' if main_class is None else 'main class'}.",
            "Both are for jars: a script or notebook names what it brings along itself.",
            'Write it there: get_spark_session(packages=["..."]).',
        )
    main_class = jar.check(source, main_class, along) if source.is_jar else None
    named = None if profile is None else parse_profile(profile)
    of_executors = offered.choose(EXECUTORS, named, "profile")
    if of_executors is not None and of_executors.max_executors is not None:
        most_executors = of_executors.max_executors
    of_driver = None if driver_profile is None else parse_profile(driver_profile, "driver_profile")
    runner, arguments = _program(source, arguments, parameters, main_class, along)
    variables = travel.check_variables(env or {})
    if sum(map(len, (*arguments, *variables.values()))) > LONGEST_ARGUMENTS or any(
        "\0" in argument for argument in arguments
    ):
        raise SparkSessionError(
            "The arguments, parameters or variables cannot be given to a job.",
            f"They are longer than {LONGEST_ARGUMENTS} characters in all, or one has a zero byte in it.",
            "Put what is long into a file on S3, and give its address.",
        )
    return JobRequest(
        script=source.name,
        content=source.content,
        runner=runner,
        arguments=arguments,
        name=name or PurePosixPath(source.name).stem,
        executors=_executors(executors, most_executors),
        timeout=parse_timeout(timeout),
        retries=_retries(retries),
        driver_cores=None if driver_cores is None else parse_cores(driver_cores, "driver_cores"),
        driver_memory=None if driver_memory is None else parse_memory(driver_memory, "driver_memory"),
        commit=commit,
        main_class=main_class,
        along=along,
        profile=named,
        driver_profile=offered.choose(DRIVERS, of_driver, "driver_profile"),
        notify=_notify(notify, notices),
        env=variables,
        files=travel.check_files(source.name, files),
    )


def parse_timeout(text: str) -> int:
    """Seconds of a duration such as "90s", "30m", "2h" or "1d".

    Raises:
        SparkSessionError: not a duration, or none that a job may have.
    """
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    seconds = int(float(match["number"]) * _SECONDS[match["unit"]]) if match else 0
    if not 1 <= seconds <= LONGEST_SECONDS:
        raise SparkSessionError(
            f"timeout={show(text)} is not a time that a job may take.",
            "It is a number followed by s, m, h or d, and 7 days at most.",
            'For example timeout="2h".',
        )
    return seconds


def _retries(retries: int) -> int:
    if isinstance(retries, bool) or not isinstance(retries, int) or not 0 <= retries <= MOST_RETRIES:
        raise SparkSessionError(
            f"retries={show(retries)} is not a number of retries.", f"It is a whole number from 0 to {MOST_RETRIES}.",
            "For example retries=3.",
        )  # fmt: skip
    return retries


def _notify(notify: str | None, notices: str | None) -> str | None:
    if notify is not None and notify not in CHOICES:
        raise SparkSessionError(
            f"notify={show(notify)} is not known.", "It says of which ends of the job you are told: always, failure or never.",
            'For example notify="always".',
        )  # fmt: skip
    if notices is None and notify not in (None, NEVER):
        raise SparkSessionError(
            f"Nobody can be told of the end of this job (notify={show(notify)}).",
            "Your platform sends no notices, or did not when your instance started.",
            "Leave it out and look by spark-session history, or ask your administrator for notices.",
        )
    return notify


def _program(
    source: Source,
    arguments: Sequence[str],
    parameters: Mapping[str, object] | None,
    main_class: str | None,
    along: Along,
) -> tuple[str, tuple[str, ...]]:
    """What runs the copy in the job's pod, and with which arguments."""
    if not source.is_notebook:
        if parameters:
            raise SparkSessionError(
                f"{show(source.name)} takes no parameters.",
                f"It is a {'script' if main_class is None else 'jar'}, and parameters are for notebooks.",
                f"Give it arguments: spark-session submit {source.name} -- ...",
            )
        if main_class is None:
            return SCRIPT_RUNNER, tuple(arguments)
        return JAR_RUNNER, (jar.written(along, digest_of), main_class, *arguments)
    if arguments:
        raise SparkSessionError(
            f"{show(source.name)} takes no arguments.",
            "It is a notebook, and arguments are for scripts and jars.",
            "Give it parameters: -p name=value, or parameters={...} in Python.",
        )
    return NOTEBOOK_RUNNER, (source.folder or "", notebook.check(source.name, source.content, parameters or {}))


def _executors(executors: int | None, most: int | None) -> int | None:
    if executors is None:
        return None
    if isinstance(executors, bool) or not isinstance(executors, int) or executors < 1:
        raise SparkSessionError(
            f"executors={show(executors)} is not a number of executors.", "It is a whole number from 1 on.",
            "For example executors=2.",
        )  # fmt: skip
    if most is not None and executors > most:
        raise SparkSessionError(
            f"executors={executors} is too many.", f"Your administrator allows {most} for a session.",
            f"Ask for executors={most} or fewer.",
        )  # fmt: skip
    return executors
