"""What a person asks for when they start a job, checked before anything is started. Pure, but for reading the script."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spark_session.errors import SparkSessionError, show
from spark_session.sizes import parse_cores, parse_memory

DEFAULT_TIMEOUT = "24h"
# The admission policy allows no more of either (policies/jobs.yaml).
LONGEST_SECONDS = 7 * 24 * 3600
MOST_RETRIES = 10
# Kubernetes takes objects of 1.5 MB; the arguments are a small part of one.
LONGEST_ARGUMENTS = 100_000
_LONGEST_SLUG = 40
_DURATION = re.compile(r"(?P<number>\d{1,6}(?:\.\d{1,3})?)\s*(?P<unit>[smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}


@dataclass(frozen=True)
class JobRequest:
    """A job as it is asked for.

    Args:
        script: what the script is called: the last part of its path.
        content: the script itself.
        arguments: of the script.
        name: what the job is called, before it is made unique.
        executors: of a session whose call names no number; None for the administrator's number.
        timeout: seconds after which the job is ended.
        retries: how often the script is run again whose pod was lost.
        driver_cores: CPU of the script's own pod; None for that of the notebook.
        driver_memory: memory of the script's own pod, in MiB; None for that of the notebook.
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

    @property
    def slug(self) -> str:
        """The name as Kubernetes accepts it at the beginning of an object's name."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:_LONGEST_SLUG].strip("-")
        return slug if slug[:1].isalpha() else f"job-{slug}".strip("-")


def parse(
    script: str | Path,
    arguments: Sequence[str] = (),
    *,
    name: str | None = None,
    executors: int | None = None,
    most_executors: int | None = None,
    timeout: str = DEFAULT_TIMEOUT,
    retries: int = 0,
    driver_cores: float | str | None = None,
    driver_memory: str | None = None,
) -> JobRequest:
    """Check what is asked for.

    Args:
        script: path of a Python script.
        arguments: of the script.
        name: of the job; the script's name by default.
        executors: of a session whose call names no number.
        most_executors: the administrator's limit; None for none.
        timeout: a number and s, m, h or d.
        retries: how often the script is run again whose pod was lost.
        driver_cores: as for `get_spark_session(cores=)`.
        driver_memory: as for `get_spark_session(memory=)`.

    Raises:
        SparkSessionError: something of it cannot be.
    """
    path = Path(script)
    content = _content(path)
    if isinstance(arguments, str) or not all(isinstance(argument, str) for argument in arguments):
        raise SparkSessionError(
            f"The arguments {show(arguments)} cannot be given to a script.",
            "They are a list of texts.",
            'For example args=["--date", "2026-11-21"].',
        )
    if sum(map(len, arguments)) > LONGEST_ARGUMENTS or any("\0" in argument for argument in arguments):
        raise SparkSessionError(
            "The arguments cannot be given to a script.",
            f"They are longer than {LONGEST_ARGUMENTS} characters in all, or one has a zero byte in it.",
            "Put what is long into a file on S3, and give its address.",
        )
    return JobRequest(
        script=path.name,
        content=content,
        arguments=tuple(arguments),
        name=name or path.stem,
        executors=_executors(executors, most_executors),
        timeout=parse_timeout(timeout),
        retries=_retries(retries),
        driver_cores=None if driver_cores is None else parse_cores(driver_cores, "driver_cores"),
        driver_memory=None if driver_memory is None else parse_memory(driver_memory, "driver_memory"),
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


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise SparkSessionError(
            f"{show(str(path))} is not there.",
            f"There is no such file in {path.absolute().parent}.",
            "Check the path. A file that you see in JupyterLab at the left is on S3: copy it to your instance's disk first.",
        ) from error
    except OSError as error:
        raise SparkSessionError(
            f"{show(str(path))} cannot be read.", f"{error.strerror}.", "Name a Python script that you may read."
        ) from error
    if path.suffix != ".py":
        raise SparkSessionError(
            f"{show(str(path))} cannot be run as a job.", "It is no Python script: its name does not end in .py.",
            "Name a .py file. File > Save and Export Notebook As > Executable Script makes one of a notebook.",
        )  # fmt: skip
    return content


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
