"""What a person asks a running session for, checked. Pure."""

from __future__ import annotations

from spark_session.context import Context
from spark_session.control.demand import Bounds
from spark_session.errors import SparkSessionError, show


def number(argument: str, value: object, context: Context) -> int:
    """A number of executors.

    Raises:
        SparkSessionError: it is none, or more than the administrator allows.
    """
    limit = context.max_executors
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SparkSessionError(
            f"{argument}={show(value)} is not a number of executors.",
            "It must be a whole number, 0 or more.",
            f"For example {argument}=2.",
        )
    if limit is not None and value > limit:
        raise SparkSessionError(
            f"{argument}={value} is more than you may have.",
            f"Your administrator's limit is {limit}.",
            f"Ask for {limit} or less, or ask your administrator for more.",
        )
    return value


def bounds(least: object, most: object, idle_seconds: object, context: Context) -> Bounds:
    """What `adapt` was told.

    Raises:
        SparkSessionError: not numbers of executors, no choice between them, or not a time.
    """
    least, most = number("min", least, context), number("max", most, context)
    if least > most or most == 0:
        raise SparkSessionError(
            f"min={least} and max={most} leave nothing to choose from.",
            "min may not be more than max, and max is at least 1.",
            "For example adapt(min=1, max=20).",
        )
    if isinstance(idle_seconds, bool) or not isinstance(idle_seconds, int | float) or not idle_seconds >= 0:
        raise SparkSessionError(
            f"idle_seconds={show(idle_seconds)} is not a time.",
            "It must be a number of seconds, 0 or more.",
            "For example idle_seconds=60.",
        )
    return Bounds(least, most, context.task_slots, float(idle_seconds))
