"""The first executors of a session start ahead of the others where executors share cores. Pure.

Executors that start at the same time on fewer cores than they are hinder one another: all of them are late, and the first job waits for the
last of them. With a head start the job begins on the first ones while the others start, two or three at a time. Where each executor has
its own cores nothing changes.
"""

from __future__ import annotations

from spark_session.context import Context

FIRST = 2
LONGEST_SECONDS = 8.0
"""The others are asked for by then, though none of the first has registered."""

MOST_PATIENCE_SECONDS = 30
PATIENCE_VARIABLE = "SPARK_NOTEBOOKS_START_PATIENCE"
"""How long an executor lets others start on a node that is busy: see the entrypoint of the image. A second for each executor of the session, because
what keeps the node busy may be something else."""


def first_executors(context: Context) -> int:
    """How many executors the session asks for as it starts."""
    if context.dynamic_allocation or not context.shares_cores:
        return context.executors
    return min(FIRST, context.executors)


def is_given(context: Context) -> bool:
    """Whether some executors of the session start ahead of the others."""
    return first_executors(context) < context.executors


def variables(context: Context) -> dict[str, str]:
    """Environment variables of the executors."""
    if not context.shares_cores:
        return {}
    return {PATIENCE_VARIABLE: str(min(context.most_executors, MOST_PATIENCE_SECONDS))}
