"""What the dialog for a new job asks for. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from spark_session.batch.cron_job import DEFAULT_OVERLAP
from spark_session.batch.jobs import JobOptions
from spark_session.batch.notebook import parse_parameter
from spark_session.batch.request import DEFAULT_TIMEOUT
from spark_session.batch.timetable import DEFAULT_TIME_ZONE
from spark_session.errors import SparkSessionError, show

_TEXTS = (
    "arguments", "parameters", "executors", "name", "timeout", "retries", "driver_cores", "driver_memory", "main_class", "packages", "profile",
    "driver_profile", "schedule", "time_zone", "overlap",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A job or schedule as it is asked for.

    Args:
        script: its path or address.
        arguments: of the script or jar.
        options: as `submit` takes them.
        when: the times of a schedule; None for a job that runs once, now.
        time_zone: of these times.
        overlap: what becomes of a run whose time comes while the one before goes on.
    """

    script: str
    arguments: tuple[str, ...] = ()
    options: JobOptions = field(default_factory=JobOptions)
    when: str | None = None
    time_zone: str = DEFAULT_TIME_ZONE
    overlap: str = DEFAULT_OVERLAP


def parse(body: object) -> Asked:
    """What is asked for by {"script": ..., ...}: all of it text as a person types it, and each but the script may be left out or empty.

    `arguments` are words as in a shell; `parameters` are lines, name=value; `packages` have commas between them.

    Raises:
        SparkSessionError: it is not as it should be.
    """
    if not isinstance(body, Mapping) or not isinstance(body.get("script"), str) or not body["script"]:
        raise _not_understood("It names no script.")
    if unknown := sorted(set(body) - {"script", *_TEXTS}):
        raise _not_understood(f"It has {show(unknown[0])}, which is not known.")
    if wrong := [name for name in _TEXTS if not isinstance(body.get(name) or "", str)]:
        raise _not_understood(f"Its {wrong[0]} is no text.")
    said = {name: str(body.get(name) or "").strip() for name in _TEXTS}
    options: JobOptions = {
        "parameters": dict(parse_parameter(line) for line in said["parameters"].splitlines() if line.strip()) or None,
        "executors": _number("executors", said["executors"]),
        "name": said["name"] or None,
        "timeout": said["timeout"] or DEFAULT_TIMEOUT,
        "retries": _number("retries", said["retries"]) or 0,
        "driver_cores": said["driver_cores"] or None,
        "driver_memory": said["driver_memory"] or None,
        "main_class": said["main_class"] or None,
        "packages": [word.strip() for word in said["packages"].split(",") if word.strip()],
        "profile": said["profile"] or None,
        "driver_profile": said["driver_profile"] or None,
    }
    return Asked(
        body["script"],
        _words(said["arguments"]),
        options,
        said["schedule"] or None,
        said["time_zone"] or DEFAULT_TIME_ZONE,
        said["overlap"] or DEFAULT_OVERLAP,
    )


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise SparkSessionError(
            f"The arguments {show(text)} cannot be told apart.",
            f"They are words as in a shell, and this is none: {error}.",
            "Close each quotation mark, or put a backslash before one that is meant.",
        ) from error


def _number(name: str, text: str) -> int | None:
    if not text:
        return None
    # isdigit would let digits of other scripts pass.
    if not (text.isascii() and text.isdigit()):
        raise SparkSessionError(f"{name}={show(text)} is no number.", "It is a whole number.", "For example 2.")
    return int(text)


def _not_understood(why: str) -> SparkSessionError:
    return SparkSessionError(
        "The server does not understand what was asked for.", why, "Load the page again: it may be older than the server."
    )  # fmt: skip
