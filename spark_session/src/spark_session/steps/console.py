"""What Spark prints while it works."""

from __future__ import annotations

from spark_session.context import Context, default
from spark_session.settings import Settings


def console(context: Context) -> Settings:
    """No progress bar of characters: a notebook would store every step of it as output."""
    return {"spark.ui.showConsoleProgress": default("false")}
