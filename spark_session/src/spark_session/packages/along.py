"""What a session brings along, for the process that starts the session."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spark_session import launch
from spark_session.display import is_interactive
from spark_session.errors import SparkSessionError
from spark_session.packages import bring
from spark_session.packages.items import Item
from spark_session.settings import Source, texts

if TYPE_CHECKING:
    from spark_session.plan import Plan


def take_along(plan: Plan) -> Plan:
    """Fetch and install what the session brings along, and let this process use it, in place of what the session before brought.

    Returns:
        The plan with the settings that give executors the same.

    Raises:
        SparkSessionError: something cannot be had; then nothing has changed.
    """
    if not plan.items:
        bring.activate(bring.Brought(), None)
        return plan
    jvm = launch.connected(texts(plan.settings))
    say = _say if plan.context.defaults.executor_progress else _say_nothing
    try:
        brought = bring.bring(plan.context, plan.settings, plan.items, jvm, say)
    except SparkSessionError as error:
        # What pip, git and Java said is in it; their tracebacks would push it out of sight.
        raise addressed(error, plan.items).with_traceback(None) from None
    bring.activate(brought, jvm)
    return plan.with_brought(brought)


def addressed(error: SparkSessionError, items: Sequence[Item]) -> SparkSessionError:
    """The error, with whom to turn to where the entry is none of the reader's own."""
    if any(item.source is Source.ADMIN and item.text in error.what for item in items):
        return SparkSessionError(
            error.what, error.why, "Your administrator wants it in every session: show this to your administrator."
        )
    return error


def changed(plan: Plan) -> list[str]:
    """Code that is another one than when the running session started, as its call names it."""
    from pyspark import SparkContext

    return [] if plan.brought is None else bring.changed(plan.brought, plan.items, plan.settings, SparkContext._jvm)


def _say(text: str) -> None:
    # In a notebook the standard error looks like an error; a script's standard output is its own.
    print(text, file=sys.stdout if is_interactive() else sys.stderr, flush=True)


def _say_nothing(_: str) -> None:
    pass
